// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask nightly`: the newest kernel, every arm that fits it, and what
//! is different from the nights before.

use crate::flags::{KernelArgs, NightlyArgs, RunArgs};
use crate::prepare::{self, Prepared};
use crate::shard;
use crate::ui::Ui;
use crate::{exit, run};
use anyhow::{Context, Result};
use evidence::nightly::{History, Night, Unbuilt, report};
use evidence::{RunRecord, SourceRecord, Store};
use kbuild::{Arm, Dirs, Source};
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
    prepare::set_up(&dirs, args.session.no_install, &ui, cancel)?;
    if kernel.kernel_src.is_none() {
        Source::look_again(&dirs).context("cannot look for a newer kernel")?;
    }
    let (arms, unbuilt, source) = prepare::build_what_fits(&dirs, arms, &kernel, &ui, cancel)?;
    for arm in &unbuilt {
        ui.say(&format!("arm {} {} on Linux {}", arm.arm, arm.what, source.kernel_version));
    }
    pin(&mut kernel, &source);
    let words = words(&arms, &args.arms);
    if let (Some(out), Some(shards)) = (&args.plan, args.shards) {
        let options = shard::Options {
            seed: args.session.seed,
            attempts: args.attempts,
            kernel,
            accel: args.session.accel,
            arms: words,
            scenarios: &scenarios,
        };
        shard::plan_of(options, shards, out)?;
        write_unbuilt(out, &unbuilt)?;
        println!("{}", shard::adapters::github(shards as usize));
        return Ok(ExitCode::SUCCESS);
    }
    let out = args.session.out.clone().unwrap_or_else(|| {
        let time = lab::now().replace([':', '-'], "").to_lowercase();
        dirs.repo.join("results").join(format!("nightly-{time}"))
    });
    let store = Store::open(&out).map_err(|error| exit::usage(error.to_string()))?;
    write_unbuilt(&out, &unbuilt)?;
    let ready = prepare::prepare(&dirs, &arms, &kernel, args.session.accel, &ui, cancel)?;
    let record = tonight(args, kernel, words, ready, &scenarios, &store, &dirs, &ui, cancel)?;
    compare(args, &dirs, &record, &out, &unbuilt)
}

/// All arms that say something about a kernel: not the fix broken on purpose,
/// and not the kernels of the unit tests.
fn choose_arms(dirs: &Dirs, wanted: &[String]) -> Result<Vec<Arm>> {
    if !wanted.is_empty() {
        return prepare::choose_arms(dirs, wanted);
    }
    let names: Vec<String> = Arm::list(dirs)
        .into_iter()
        .filter(|name| !name.starts_with("mutant-") && !name.starts_with("kunit"))
        .collect();
    prepare::choose_arms(dirs, &names)
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

#[allow(clippy::too_many_arguments, reason = "the parts of one run")]
fn tonight(
    args: &NightlyArgs,
    kernel: KernelArgs,
    arms: Vec<String>,
    mut ready: Prepared,
    scenarios: &[scenario::Scenario],
    store: &Store,
    dirs: &Dirs,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<RunRecord> {
    ready.tools.jobs = args.session.jobs.map_or_else(run::default_jobs, |jobs| jobs as usize);
    ready.tools.restore = true;
    let mut session = args.session.clone();
    session.kernel = kernel;
    let options = RunArgs {
        quick: false,
        full: false,
        attempts: None,
        cycles: None,
        hours: None,
        cold: false,
        arms,
        workloads: None,
        scenarios: scenarios.iter().map(|scenario| scenario.id.clone()).collect(),
        session,
    };
    let mut record = run::new_record(&options, store.dir(), &dirs.repo, &ready, scenarios);
    record.attempts = args.attempts;
    record.summarise();
    if let Some(earlier) = store.load()? {
        record = run::resume(earlier, record).map_err(|why| {
            exit::usage(format!("{} holds another run: {why}", store.dir().display()))
        })?;
    }
    run::play(&mut record, store, &ready, scenarios, &|_| true, ui, cancel)?;
    record.finished = Some(lab::now());
    store.save(&record)?;
    Ok(record)
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
