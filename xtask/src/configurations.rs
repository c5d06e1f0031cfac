// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask test --full`: the scenarios once more on kernels that check
//! themselves.
//!
//! Each configuration is run as a user would run it, so that exit codes and
//! tables are tested too: the fixed arms must be clean, and the faulty kernel
//! of the configuration (`proof`) must be reported. Without the second, the
//! first would show nothing.

use crate::prepare;
use crate::ui::Ui;
use anyhow::{Context, Result};
use kbuild::{Dirs, KernelConfig};
use proc::{Cancel, Guarded, Scratch};
use std::process::Command;

/// Arms that must be clean in every scenario, whatever watches them.
const ARMS: [&str; 3] = ["rust", "c", "ordered"];

/// Runs every configuration but the plain one; whether all is as it must be.
pub fn all(dirs: &Dirs, ui: &Ui, cancel: &Cancel) -> Result<bool> {
    let mut good = true;
    for name in KernelConfig::list(dirs) {
        if name == "plain" {
            continue;
        }
        let config = prepare::load_config(dirs, &name)?;
        good &= clean(&name, ui, cancel)?;
        if let Some(proof) = &config.proof {
            let arm = format!("faulty={}", dirs.repo.join(proof).display());
            good &= reported(&name, &arm, ui, cancel)?;
        }
    }
    Ok(good)
}

/// The fixed arms: every verdict as expected, and no report.
fn clean(name: &str, ui: &Ui, cancel: &Cancel) -> Result<bool> {
    let arms = ARMS.iter().flat_map(|arm| ["--arm", arm]).collect::<Vec<_>>();
    let code = run(name, &arms, cancel)?.code;
    ui.say(&format!(
        "configuration {name}: {}",
        if code == Some(0) { "clean" } else { "NOT CLEAN" }
    ));
    Ok(code == Some(0))
}

/// The faulty kernel: exit code 1, for a report.
fn reported(name: &str, arm: &str, ui: &Ui, cancel: &Cancel) -> Result<bool> {
    let ran = run(name, &["--arm", arm, "--scenario", "S3"], cancel)?;
    let seen = ran.code == Some(1) && ran.reports > 0;
    let word = if seen { "reported, as it must be" } else { "NOT REPORTED" };
    ui.say(&format!("configuration {name}: the faulty kernel is {word}"));
    Ok(seen)
}

/// How a run ended.
struct Ran {
    code: Option<i32>,
    /// Cases with the verdict `report`.
    reports: usize,
}

fn run(name: &str, args: &[&str], cancel: &Cancel) -> Result<Ran> {
    let out = Scratch::new("bclab-").context("cannot create a temporary folder")?;
    let program = std::env::current_exe().context("cannot find the tool itself")?;
    let mut command = Command::new(program);
    command.args(["run", "--config", name, "--out"]).arg(out.path()).args(args);
    let status = Guarded::spawn(&mut command).context("cannot start a run")?.wait(cancel)?;
    let record = evidence::Store::read(&out.path().join("run.json"))?;
    let cases = record.map_or_else(Vec::new, |record| record.cases);
    let report = evidence::Outcome::Verdict { verdict: evidence::Verdict::Report };
    let reports = cases.iter().filter(|case| case.outcome == report).count();
    Ok(Ran { code: status.code(), reports })
}
