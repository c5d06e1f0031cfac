// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask perf`: what the fix costs.

mod measure;

use crate::exit;
use crate::flags::PerfArgs;
use crate::forecast::Forecast;
use crate::runner::{self, Content, Runner};
use crate::ui::Ui;
use crate::{prepare, run};
use ::perf::{Extent, Plan, Task};
use anyhow::{Context, Result};
use evidence::{Perf, RunRecord, RunStatus, Store};
use kbuild::Occasion;
use measure::Bed;
use proc::Cancel;
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
    let names: Vec<String> = arms.iter().map(|arm| arm.name.clone()).collect();
    let pairs = args.pairs.unwrap_or(if args.quick { 4 } else { 6 });
    let extent = Extent { pairs, quick: args.quick, parts: args.only.clone() };
    let plan = Plan::new(&arms, &extent);
    let seconds = plan.tasks.iter().map(Plan::seconds).sum();
    let work = format!("{} boots of {} arms, one at a time", plan.tasks.len(), arms.len());
    let forecast = Forecast::new(&dirs, &arms, &args.session.kernel, work, seconds)?;
    if args.dry_run {
        print!("{}", forecast.text());
        return Ok(ExitCode::SUCCESS);
    }
    ui.say(&forecast.summary());
    let out = runner::out(&dirs, &args.session, |time| format!("{time}-perf"));
    let (reference, margin) = (names[0].clone(), args.margin / 100.0);
    let disks = Some(measure::disks(&dirs)?.timing());
    let perf = Some(Perf { reference, margin, disks, ..Perf::default() });
    let content = Content { perf, ..Content::default() };
    let store = runner::open(&out)?;
    let Runner { mut record, store, ready, .. } =
        Runner::begin(&dirs, &arms, &args.session, store, content, &ui, cancel)?;
    if let Some(perf) = &mut record.perf {
        perf.indicative = ready.tools.accel == Accel::Tcg;
    }
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
    run::next(&record, &out);
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
        stage.counted(done as u64, todo.len() as u64, "boots", &what);
        let began = std::time::Instant::now();
        bed.measure(task, plan, &mut perf, ui, cancel).with_context(|| what.clone())?;
        ui.say(&format!("{what} ({:.1} s)", began.elapsed().as_secs_f64()));
        record.perf = Some(perf.clone());
        store.save(record)?;
    }
    stage.done(&format!("{} boots done", todo.len()));
    Ok(())
}
