// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask test`: every test of the project, on real parts.

use crate::flags::{AccelArg, KernelArgs, TestArgs};
use crate::prepare;
use crate::test_programs::Programs;
use crate::ui::Ui;
use crate::{configurations, series_builds};
use anyhow::{Result, bail};
use kbuild::Occasion;
use proc::Cancel;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

pub fn main(args: &TestArgs, cancel: &Cancel) -> Result<ExitCode> {
    let ui = Ui::new();
    let dirs = prepare::dirs()?;
    let configs = if args.full { configurations::debugging(&dirs) } else { args.configs.clone() };
    configurations::set_up(&dirs, &configs, &ui, cancel)?;
    if !args.configs.is_empty() {
        let good = configurations::all(&dirs, &configs, &ui, cancel)?;
        return Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    prepare::set_up_for_tests(&dirs, &ui, cancel)?;
    let (mut options, mut env) = (Vec::new(), Vec::new());
    let compile = || Programs::build(&dirs.repo, &ui, cancel);
    let programs = if args.no_vm {
        compile()?
    } else {
        // What boots a machine is marked `#[ignore]`, so that a plain `cargo test` boots none;
        // a feature would have all crates compiled twice. What takes more than machines is
        // run by name only.
        options.extend(["--include-ignored", "--skip", "by_hand_"].map(str::to_owned));
        // Meanwhile: what the machines are made of is fetched a good part of the time.
        let (compiled, ready) = std::thread::scope(|scope| {
            let compiling = scope.spawn(compile);
            let ready = machines(&dirs.repo, &ui, cancel);
            (compiling.join(), ready)
        });
        env = ready?;
        compiled.unwrap_or_else(|_| bail!("the thread that compiles the tests has died"))?
    };
    options.extend(args.filter.clone());
    let (counts, failed) = programs.run(&options, &env, &ui, cancel)?;
    failed.iter().for_each(|name| println!("failed: {name}"));
    println!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped);
    let mut success = failed.is_empty();
    if args.full {
        success &= series_builds::all(&dirs, &ui, cancel)?;
        success &= configurations::all(&dirs, &configs, &ui, cancel)?;
    }
    Ok(if success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds what the machine tests boot; the variables that tell them where it is.
fn machines(repo: &Path, ui: &Ui, cancel: &Cancel) -> Result<Vec<(String, OsString)>> {
    let dirs = prepare::dirs()?;
    let data = |name: &str| {
        format!("{name}={}", repo.join("xtask/tests/data").join(format!("{name}.patch")).display())
    };
    let mut arms = prepare::arms_of(&dirs, Occasion::Tests)?;
    arms.extend(prepare::choose_arms(&dirs, &["panics", "hangs", "floods", "warns"].map(data))?);
    let kernel = KernelArgs::of("plain");
    let ready = prepare::prepare(&dirs, &arms, &kernel, AccelArg::Auto, ui, cancel)?;
    let mut env: Vec<(String, OsString)> = vec![
        ("BCLAB_CACHE".into(), dirs.cache.into()),
        // What was just used to fetch the source is there for the tests, too.
        ("BCACHE_LAB_ONLINE".into(), "1".into()),
        ("BCLAB_INITRAMFS".into(), ready.tools.initramfs.into()),
        ("BCLAB_ACCEL".into(), ready.qemu.accelerator.into()),
    ];
    env.extend(ready.images.into_iter().map(|image| {
        let name = image.name.to_uppercase().replace('-', "_");
        (format!("BCLAB_KERNEL_{name}"), image.kernel.into())
    }));
    Ok(env)
}
