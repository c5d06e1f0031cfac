// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask test --full`: the scenarios once more on kernels that check
//! themselves, or whose allocations fail.
//!
//! Each configuration is run as a user would run it, so that exit codes and
//! tables are tested too: the fixed arms must be clean, the tracker's KUnit
//! tests must pass, and the faulty kernels of the configuration (`proof`) must
//! be found out. Without the last, the others would show nothing.

use crate::exit;
use crate::flags::{AccelArg, KernelArgs};
use crate::prepare;
use crate::ui::Ui;
use anyhow::{Context, Result};
use evidence::{Case, Outcome, Store, Verdict};
use kbuild::{Arm, Dirs, KernelConfig, Proof, Role};
use lab::KunitRun;
use proc::{Cancel, Guarded};
use std::path::{Path, PathBuf};
use std::process::Command;

/// All configurations but the plain one, which everything else uses.
pub fn debugging(dirs: &Dirs) -> Vec<String> {
    KernelConfig::list(dirs).into_iter().filter(|name| name != "plain").collect()
}

/// Finds out what is missing before anything slow begins: an hour later would
/// be late to hear of clang.
pub fn set_up(dirs: &Dirs, names: &[String], ui: &Ui, cancel: &Cancel) -> Result<()> {
    for name in names {
        prepare::set_up(dirs, &KernelArgs::of(name), false, ui, cancel)?;
    }
    Ok(())
}

/// Runs these configurations; whether all is as it must be. What an interrupted
/// round has finished is kept and not done again.
pub fn all(dirs: &Dirs, names: &[String], ui: &Ui, cancel: &Cancel) -> Result<bool> {
    let results = dirs.repo.join("results/configurations");
    ui.say(&format!(
        "{} configurations: {}. Each builds its kernels (minutes the first time, seconds for each \
         further arm) and runs all scenarios; interrupted, the same command goes on from there",
        names.len(),
        names.join(", ")
    ));
    let mut good = true;
    for (number, name) in names.iter().enumerate() {
        let config = prepare::load_config(dirs, name)?;
        ui.say(&format!(
            "configuration {name} ({} of {}): {}",
            number + 1,
            names.len(),
            config.title
        ));
        let results = results.join(name);
        for (number, proof) in config.proofs.iter().enumerate() {
            let out = results.join(format!("proof-{}", number + 1));
            good &= found_out(dirs, name, proof, &out, ui, cancel)?;
        }
        good &= kunit_clean(dirs, name, &results.join("kunit"), ui, cancel)?;
        good &= clean(dirs, name, &config, &results.join("clean"), ui, cancel)?;
        if !config.known.is_empty() {
            good &= unpatched(dirs, name, &config, &results.join("base"), ui, cancel)?;
        }
    }
    if good {
        // The next round begins anew; what went wrong is left to be looked at.
        for name in names {
            let _ = std::fs::remove_dir_all(results.join(name));
        }
    }
    Ok(good)
}

/// The lab's own arms in a role.
fn in_role(dirs: &Dirs, role: Role) -> Result<Vec<Arm>> {
    let mut arms = prepare::all_arms(dirs)?;
    arms.retain(|arm| arm.role == role);
    Ok(arms)
}

/// As options of `run`.
fn named(arms: &[Arm]) -> Vec<&str> {
    arms.iter().flat_map(|arm| ["--arm", &arm.name]).collect()
}

/// The fixed arms, clean whatever watches them: every verdict as expected, and
/// no report.
///
/// One whose allocations fail only in the scenarios of the proofs: without
/// memory the tracker in C counts a write for all of a small device, nothing is
/// cached meanwhile, and a window that needs that (S5, S9) stays closed.
fn clean(
    dirs: &Dirs,
    name: &str,
    config: &KernelConfig,
    out: &Path,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<bool> {
    let starved =
        |arm: &Arm| config.fail.as_ref().is_some_and(|fail| fail.arms.contains(&arm.name));
    let (poor, well): (Vec<Arm>, Vec<Arm>) =
        in_role(dirs, Role::Fix)?.into_iter().partition(starved);
    let scenarios = config.proofs.iter().filter(|proof| !proof.by_kunit());
    let scenarios = scenarios.flat_map(|proof| ["--scenario", &proof.scenario]);
    let mut good = true;
    for (arms, scenarios, out) in
        [(well, vec![], out.join("all")), (poor, scenarios.collect(), out.join("starved"))]
    {
        if arms.is_empty() {
            continue;
        }
        let ran = run(name, &[named(&arms), scenarios].concat(), &out, cancel)?;
        let fine = ran.code == Some(0);
        let word = if fine { "as expected, no report" } else { "NOT AS EXPECTED" };
        ui.say(&format!("configuration {name}: {} cases, {word}", ran.verdicts.len()));
        good &= fine;
    }
    Ok(good)
}

/// The unpatched kernel: it must show every report that is taken for its own.
fn unpatched(
    dirs: &Dirs,
    name: &str,
    config: &KernelConfig,
    out: &Path,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<bool> {
    let ran = run(name, &named(&in_role(dirs, Role::Control)?), out, cancel)?;
    let mut good = true;
    for (known, given) in lab::known_reports(&config.known).iter().zip(&config.known) {
        let cases = ran.observations.iter().filter(|seen| known.is_named_in(seen)).count();
        let word = if cases > 0 { "as it is said to" } else { "NEVER, so it may be ours" };
        ui.say(&format!(
            "configuration {name}: the control reports {} {} in {cases} cases, {word}",
            given.kind, given.at
        ));
        good &= cases > 0;
    }
    Ok(good)
}

/// The faulty kernel: exit code 1, for the verdict that it must get; or a report
/// or a failed case of its KUnit tests.
fn found_out(
    dirs: &Dirs,
    name: &str,
    proof: &Proof,
    out: &Path,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<bool> {
    let path = dirs.repo.join(&proof.arm);
    let arm = if path.is_file() { format!("faulty={}", path.display()) } else { proof.arm.clone() };
    let seen = if proof.by_kunit() {
        let arms = prepare::choose_arms(dirs, &[arm])?;
        let ran = kunit(dirs, name, &arms, out, ui, cancel)?;
        ran.iter().any(|run| run.verdict() == Some(proof.verdict.as_str()))
    } else {
        // Once: a load would be three attempts.
        let args = ["--arm", &arm, "--scenario", &proof.scenario, "--attempts", "1"];
        let ran = run(name, &args, out, cancel)?;
        let like = |verdict: &Verdict| verdict.as_str() == proof.verdict;
        ran.code == Some(exit::CONTRADICTED.into()) && ran.verdicts.iter().any(like)
    };
    let word = if seen { "found out, as it must be" } else { "NOT FOUND OUT" };
    ui.say(&format!("configuration {name}: the faulty kernel {} is {word}", proof.arm));
    Ok(seen)
}

/// The tracker's own tests: none fails, and the kernel reports nothing.
fn kunit_clean(dirs: &Dirs, name: &str, out: &Path, ui: &Ui, cancel: &Cancel) -> Result<bool> {
    let ran = kunit(dirs, name, &in_role(dirs, Role::Kunit)?, out, ui, cancel)?;
    Ok(ran.iter().all(|run| run.counts()[0] > 0 && run.verdict().is_none()))
}

/// Boots kernels that run the tracker's own tests, and says what these said.
fn kunit(
    dirs: &Dirs,
    name: &str,
    arms: &[Arm],
    out: &Path,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<Vec<KunitRun>> {
    let ready = prepare::prepare(dirs, arms, &KernelArgs::of(name), AccelArg::Auto, ui, cancel)?;
    let mut runs = Vec::new();
    for image in &ready.images {
        let logs = out.join(&image.name);
        std::fs::create_dir_all(&logs)
            .with_context(|| format!("cannot create {}", logs.display()))?;
        let ran = lab::run_kunit(&image.kernel, &ready.tools, &logs, cancel)
            .with_context(|| format!("KUnit on {} with {name}", image.name))?;
        let [passed, failed, skipped] = ran.counts();
        let reported = if ran.report.is_empty() { "no report" } else { "A REPORT" };
        ui.say(&format!(
            "configuration {name}: {}: {passed} passed, {failed} failed, {skipped} skipped, \
             {reported}",
            image.name
        ));
        ran.report.iter().for_each(|line| ui.say(line.text()));
        runs.push(ran);
    }
    Ok(runs)
}

/// How a run ended.
struct Ran {
    code: Option<i32>,
    verdicts: Vec<Verdict>,
    observations: Vec<evidence::Observation>,
}

/// A run in `out`, which goes on with what is there of the same kernels.
fn run(name: &str, args: &[&str], out: &Path, cancel: &Cancel) -> Result<Ran> {
    let again = out.join("run.json").exists();
    let mut code = play(name, args, out, cancel)?;
    if again && code == Some(exit::USAGE.into()) {
        // It is of other kernels or scenarios.
        std::fs::remove_dir_all(out).with_context(|| format!("cannot empty {}", out.display()))?;
        code = play(name, args, out, cancel)?;
    }
    let record = Store::read(&out.join("run.json"))?;
    let cases = record.map_or_else(Vec::new, |record| record.cases);
    let verdict = |case: &Case| match case.outcome {
        Outcome::Verdict { verdict } => Some(verdict),
        _ => None,
    };
    Ok(Ran {
        code,
        verdicts: cases.iter().filter_map(verdict).collect(),
        observations: cases.into_iter().flat_map(|case| case.observations).collect(),
    })
}

fn play(name: &str, args: &[&str], out: &Path, cancel: &Cancel) -> Result<Option<i32>> {
    let program: PathBuf = std::env::current_exe().context("cannot find the tool itself")?;
    let mut command = Command::new(program);
    command.args(["run", "--config", name, "--out"]).arg(out).args(args);
    let status = Guarded::spawn(&mut command).context("cannot start a run")?.wait(cancel)?;
    Ok(status.code())
}
