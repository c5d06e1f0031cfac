// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask nightly`: the newest kernel, every arm that fits it, and what
//! is different from the nights before.

use crate::flags::{KernelArgs, NightlyArgs, SessionArgs};
use crate::runner::{self, Content, Runner};
use crate::ui::Ui;
use crate::{exit, prepare, run, shard};
use anyhow::{Context, Result};
use evidence::nightly::{History, Night, Unbuilt, report};
use evidence::{RunRecord, SourceRecord, Store};
use kbuild::{Arm, Dirs, Occasion, Source};
use proc::Cancel;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Beside a plan or a run: the arms that have no kernel.
const UNBUILT: &str = "unbuilt.json";

pub fn main(args: &NightlyArgs, cancel: &Cancel) -> Result<ExitCode> {
    let ui = Ui::new();
    let dirs = prepare::dirs()?;
    if let Some(folder) = &args.from {
        let record = Store::read(&folder.join("run.json"))
            .map_err(|error| exit::usage(error.to_string()))?
            .ok_or_else(|| exit::usage(format!("{} holds no run.json", folder.display())))?;
        let parent = folder.parent().unwrap_or(Path::new("."));
        let unbuilt = [folder.as_path(), parent].iter().find_map(|dir| read_unbuilt(dir));
        return compare(args, &dirs, &record, folder, &unbuilt.unwrap_or_default());
    }
    let scenarios =
        run::choose_scenarios(&[dirs.repo.join("workloads/scenarios")], &args.scenarios)?;
    let arms = choose_arms(&dirs, &args.arms)?;
    let mut kernel = args.session.kernel.clone();
    prepare::check_kernel_args(&dirs, &kernel)?;
    prepare::set_up(&dirs, &kernel, args.session.no_install, &ui, cancel)?;
    if kernel.kernel_src.is_none() {
        Source::look_again(&dirs).context("cannot look for a newer kernel")?;
    }
    let (arms, unbuilt, source) = prepare::build_what_fits(&dirs, arms, &kernel, &ui, cancel)?;
    for arm in &unbuilt {
        ui.say(&format!("arm {} {} on Linux {}", arm.arm, arm.what, source.kernel_version));
    }
    pin(&mut kernel, &source);
    if let (Some(out), Some(shards)) = (&args.plan, args.shards) {
        let options = shard::Options {
            seed: args.session.seed,
            attempts: args.attempts,
            kernel,
            accel: args.session.accel,
            arms: words(&arms, &args.arms),
            scenarios: &scenarios,
        };
        shard::plan_of(options, shards, out)?;
        write_unbuilt(out, &unbuilt)?;
        println!("{}", shard::adapters::github(shards as usize));
        return Ok(ExitCode::SUCCESS);
    }
    let out = runner::out(&dirs, &args.session, |time| format!("nightly-{time}"));
    let store = runner::open(&out)?;
    write_unbuilt(&out, &unbuilt)?;
    let session = SessionArgs { kernel, ..args.session.clone() };
    let content = Content { scenarios: &scenarios, attempts: args.attempts, perf: None };
    let mut runner = Runner::begin(&dirs, &arms, &session, store, content, &ui, cancel)?;
    runner.ready.tools.restore = true;
    runner.play(&scenarios, &|_| true)?;
    compare(args, &dirs, &runner.record, &out, &unbuilt)
}

/// All arms that say something about a kernel: not the fix broken on purpose,
/// and not the kernels of the unit tests.
fn choose_arms(dirs: &Dirs, wanted: &[String]) -> Result<Vec<Arm>> {
    if !wanted.is_empty() {
        return prepare::choose_arms(dirs, wanted);
    }
    prepare::arms_of(dirs, Occasion::Nightly)
}

/// The arms that are left, as they were given.
fn words(arms: &[Arm], given: &[String]) -> Vec<String> {
    let word = |arm: &Arm| {
        let same = |word: &&String| word.split('=').next() == Some(&arm.name);
        given.iter().find(same).cloned().unwrap_or_else(|| arm.name.clone())
    };
    arms.iter().map(word).collect()
}

/// Every shard, and whoever reproduces it, gets this version and no newer one.
fn pin(kernel: &mut KernelArgs, source: &SourceRecord) {
    if kernel.kernel_src.is_none() {
        kernel.kernel_src = source.kernel_src().map(str::to_owned);
    }
}

fn read_unbuilt(dir: &Path) -> Option<Vec<Unbuilt>> {
    serde_json::from_slice(&std::fs::read(dir.join(UNBUILT)).ok()?).ok()
}

fn write_unbuilt(dir: &Path, unbuilt: &[Unbuilt]) -> Result<()> {
    let path = dir.join(UNBUILT);
    std::fs::write(&path, serde_json::to_vec_pretty(unbuilt)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Prints and keeps the report, then enters the night into the history.
fn compare(
    args: &NightlyArgs,
    dirs: &Dirs,
    record: &RunRecord,
    folder: &Path,
    unbuilt: &[Unbuilt],
) -> Result<ExitCode> {
    let path: PathBuf =
        args.history.clone().unwrap_or_else(|| dirs.repo.join("results/nightly.jsonl"));
    let mut history = History::read(&path).map_err(|error| exit::usage(error.to_string()))?;
    let shown = shard::adapters::quoted(folder);
    let report = report(record, &shown, unbuilt, &history);
    println!("{}", report.text);
    if let Some(summary) = &args.summary {
        std::fs::write(summary, &report.text)
            .with_context(|| format!("cannot write {}", summary.display()))?;
    }
    history.enter(Night::of(record, unbuilt.iter().map(|arm| arm.arm.clone()).collect()));
    history.save(&path)?;
    println!(
        "{} regressions, {} arms without a kernel, {} cases without a verdict, {} figures changed; \
         {} nights in {}",
        report.regressions,
        report.unbuilt,
        report.open,
        report.changes,
        history.nights.len(),
        path.display()
    );
    Ok(ExitCode::from(report.exit_code()))
}
