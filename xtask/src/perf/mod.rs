// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask perf`: what the fix costs.

mod measure;
mod plan;

use crate::exit;
use crate::flags::PerfArgs;
use crate::prepare::{self, Prepared};
use crate::run;
use crate::ui::Ui;
use anyhow::{Context, Result};
use evidence::{Perf, RunRecord, RunStatus, Store};
use kbuild::Occasion;
use measure::Bed;
use plan::{Extent, Plan, Task};
use proc::Cancel;
use std::path::Path;
use std::process::ExitCode;
use vm::Accel;

pub fn main(args: &PerfArgs, cancel: &Cancel) -> Result<ExitCode> {
    let ui = Ui::new();
    let dirs = prepare::dirs()?;
    if args.session.jobs.is_some_and(|jobs| jobs > 1) {
        return Err(exit::usage("perf measures one machine at a time: leave --jobs out"));
    }
    if !(args.margin > 0.0 && args.margin < 100.0) {
        return Err(exit::usage("--margin is in per cent, above 0 and below 100"));
    }
    let arms = match args.arms.as_slice() {
        [] => prepare::arms_of(&dirs, Occasion::Perf)?,
        named => prepare::choose_arms(&dirs, named)?,
    };
    prepare::check_kernel_args(&dirs, &args.session.kernel)?;
    let out = args.session.out.clone().unwrap_or_else(|| {
        let time = lab::now().replace([':', '-'], "").to_lowercase();
        dirs.repo.join("results").join(format!("{time}-perf"))
    });
    let store = Store::open(&out).map_err(|error| exit::usage(error.to_string()))?;
    prepare::set_up(&dirs, args.session.no_install, &ui, cancel)?;
    let ready =
        prepare::prepare(&dirs, &arms, &args.session.kernel, args.session.accel, &ui, cancel)?;
    let names: Vec<String> = arms.iter().map(|arm| arm.name.clone()).collect();
    let mut record = new_record(args, &out, &dirs.repo, &ready, &names);
    if let Some(earlier) = store.load()? {
        record = resume(earlier, record).map_err(|why| {
            exit::usage(format!("{} holds another run: {why}; choose another --out", out.display()))
        })?;
        ui.say(&format!("resuming {}", out.display()));
    }
    let pairs = args.pairs.unwrap_or(if args.quick { 4 } else { 6 });
    let extent = Extent { pairs, quick: args.quick, parts: args.only.clone() };
    let plan = Plan::new(&arms, &extent);
    let bed = Bed::new(&dirs, &ready, args, &ui, cancel)?;
    let result = play(&mut record, &plan, &names, &bed, &store, &ui, cancel);
    let perf = record.perf.clone().unwrap_or_default();
    record.status = match &result {
        Ok(()) => RunStatus::Complete,
        Err(_) => RunStatus::Incomplete,
    };
    if result.is_ok() {
        record.finished = Some(lab::now());
    }
    store.save(&record)?;
    println!("{}", evidence::perf_tables(&perf, record.seed).trim_start());
    println!("results: {}", out.join("run.json").display());
    result?;
    Ok(ExitCode::SUCCESS)
}

fn play(
    record: &mut RunRecord,
    plan: &Plan,
    names: &[String],
    bed: &Bed<'_>,
    store: &Store,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<()> {
    let mut perf = record.perf.clone().unwrap_or_default();
    let todo: Vec<&Task> =
        plan.tasks.iter().filter(|task| !plan.is_done(task, names, &perf)).collect();
    let seconds: f64 = todo.iter().map(|task| Plan::seconds(task)).sum();
    ui.say(&format!(
        "{} boots, {} of them to do: about {:.0} min on two quiet cores under emulation, seed {}",
        plan.tasks.len(),
        todo.len(),
        (seconds / 60.0).max(1.0),
        record.seed,
    ));
    let stage = ui.stage("measuring");
    for (done, task) in todo.iter().enumerate() {
        cancel.check()?;
        let what = plan.describe(task, names);
        stage.progress(done as u64, todo.len() as u64, &what);
        let began = std::time::Instant::now();
        bed.measure(task, plan, &mut perf, ui, cancel).with_context(|| what.clone())?;
        ui.say(&format!("{what} ({:.1} s)", began.elapsed().as_secs_f64()));
        record.perf = Some(perf.clone());
        store.save(record)?;
    }
    stage.done(&format!("{} boots", todo.len()));
    Ok(())
}

fn new_record(
    args: &PerfArgs,
    out: &Path,
    repo: &Path,
    ready: &Prepared,
    names: &[String],
) -> RunRecord {
    RunRecord {
        perf: Some(Perf {
            indicative: ready.tools.accel == Accel::Tcg,
            reference: names[0].clone(),
            margin: args.margin / 100.0,
            ..Perf::default()
        }),
        ..run::blank_record(args.session.seed, out, "perf", repo, ready)
    }
}

/// The earlier record, when it is of the same kernels, tools, guest and seed;
/// otherwise what differs.
fn resume(earlier: RunRecord, now: RunRecord) -> Result<RunRecord, String> {
    if let Some(difference) = earlier.difference(&now) {
        return Err(difference.to_string());
    }
    let Some(perf) = earlier.perf else { return Err("no measurement".to_owned()) };
    // The margin is of the statements, not of the samples.
    let margin = now.perf.as_ref().map_or(perf.margin, |perf| perf.margin);
    let perf = Some(Perf { margin, ..perf });
    Ok(RunRecord { started: earlier.started, perf, ..now })
}
