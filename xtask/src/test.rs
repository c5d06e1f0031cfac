// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask test`: every test of the project, on real parts.

use crate::flags::{AccelArg, KernelArgs, TestArgs};
use crate::prepare;
use crate::ui::Ui;
use crate::{configurations, series_builds};
use anyhow::{Context, Result};
use kbuild::Occasion;
use proc::{Cancel, Guarded};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// Added up over every test program that cargo runs.
#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Counts {
    /// Reads a line such as `test result: ok. 7 passed; 0 failed; 1 ignored; …`.
    fn add_line(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else { return };
        let counts = counts.split_once(". ").map_or(counts, |(_, counts)| counts);
        for part in counts.split("; ") {
            let Some((number, what)) = part.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

pub fn main(args: &TestArgs, cancel: &Cancel) -> Result<ExitCode> {
    let ui = Ui::new();
    let dirs = prepare::dirs()?;
    let configs = if args.full { configurations::debugging(&dirs) } else { args.configs.clone() };
    configurations::set_up(&dirs, &configs, &ui, cancel)?;
    if !args.configs.is_empty() {
        let good = configurations::all(&dirs, &configs, &ui, cancel)?;
        return Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(&dirs.repo).args(["test", "--workspace", "--no-fail-fast"]);
    prepare::set_up_for_tests(&dirs, &ui, cancel)?;
    if !args.no_vm {
        with_machines(&mut cargo, &dirs.repo, &ui, cancel)?;
    }
    if let Some(filter) = &args.filter {
        cargo.args(["--", filter]);
    }
    ui.say("running the tests");
    let (counts, success) = run(&mut cargo, cancel)?;
    println!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped);
    let mut success = success;
    if args.full {
        success &= series_builds::all(&dirs, &ui, cancel)?;
        success &= configurations::all(&dirs, &configs, &ui, cancel)?;
    }
    // A build error, or a test program that died, fails without a count.
    Ok(if success && counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds what the machine tests boot and tells them where it is.
fn with_machines(cargo: &mut Command, repo: &Path, ui: &Ui, cancel: &Cancel) -> Result<()> {
    let dirs = prepare::dirs()?;
    let data = |name: &str| {
        format!("{name}={}", repo.join("xtask/tests/data").join(format!("{name}.patch")).display())
    };
    let mut arms = prepare::arms_of(&dirs, Occasion::Tests)?;
    arms.extend(prepare::choose_arms(&dirs, &["panics", "hangs", "floods", "warns"].map(data))?);
    let kernel = KernelArgs::of("plain");
    let ready = prepare::prepare(&dirs, &arms, &kernel, AccelArg::Auto, ui, cancel)?;
    cargo.args([
        "--features",
        "explore/vm-tests,lab/vm-tests,vm/vm-tests,image/vm-tests,xtask/vm-tests",
    ]);
    cargo.env("BCLAB_CACHE", &dirs.cache);
    // What was just used to fetch the source is there for the tests, too.
    cargo.env("BCACHE_LAB_ONLINE", "1");
    cargo.env("BCLAB_INITRAMFS", &ready.tools.initramfs);
    cargo.env("BCLAB_ACCEL", &ready.qemu.accelerator);
    for image in &ready.images {
        cargo.env(
            format!("BCLAB_KERNEL_{}", image.name.to_uppercase().replace('-', "_")),
            &image.kernel,
        );
    }
    Ok(())
}

/// Passes cargo's output on and counts on the way.
fn run(cargo: &mut Command, cancel: &Cancel) -> Result<(Counts, bool)> {
    cargo.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut guarded = Guarded::spawn(cargo).context("cannot start cargo")?;
    let out = guarded.child().stdout.take().context("cargo has no output")?;
    let reader = std::thread::spawn(move || {
        let mut counts = Counts::default();
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            println!("{line}");
            counts.add_line(&line);
        }
        counts
    });
    let status = guarded.wait(cancel)?;
    let counts = reader.join().ok().context("reading cargo's output failed")?;
    Ok((counts, status.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_added_up_and_others_are_not() {
        let mut counts = Counts::default();
        counts
            .add_line("test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out");
        counts.add_line("test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured");
        counts.add_line("test 9 passed; ok");
        assert_eq!((counts.passed, counts.failed, counts.skipped), (9, 3, 1));
    }
}
