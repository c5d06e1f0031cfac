// SPDX-License-Identifier: MIT OR Apache-2.0
//! One shard, wherever it runs.

use super::{read_plan, record_of};
use crate::flags::{AccelArg, KernelArgs, RunArgs, SessionArgs, ShardRunArgs};
use crate::ui::Ui;
use crate::{exit, prepare, run};
use anyhow::Result;
use clap::ValueEnum;
use evidence::shard::{Plan, shard_dir};
use evidence::{Case, Outcome, RunRecord, Store};
use proc::Cancel;
use std::path::PathBuf;
use std::process::ExitCode;

/// The options of the run that the plan is a plan of.
pub fn options(plan: &Plan, out: Option<PathBuf>, jobs: Option<u32>, no_install: bool) -> RunArgs {
    RunArgs {
        quick: false,
        full: false,
        attempts: None,
        cycles: None,
        hours: None,
        cold: false,
        arms: plan.arms.clone(),
        workloads: None,
        scenarios: plan.scenarios.iter().map(|scenario| scenario.id.clone()).collect(),
        session: SessionArgs {
            kernel: KernelArgs { kernel_src: plan.kernel_src.clone(), config: plan.config.clone() },
            seed: plan.seed,
            jobs,
            out,
            accel: AccelArg::from_str(&plan.accel, true).unwrap_or_default(),
            no_install,
        },
    }
}

/// Whether a shard has a verdict for every case of its own.
pub fn is_finished(own: &[String], record: &RunRecord) -> bool {
    let done = |id: &String| {
        let verdict = |case: &Case| matches!(case.outcome, Outcome::Verdict { .. });
        record.cases.iter().any(|case| case.id == *id && verdict(case))
    };
    record.finished.is_some() && own.iter().all(done)
}

pub fn run(args: &ShardRunArgs, cancel: &Cancel) -> Result<ExitCode> {
    let plan = read_plan(&args.dir)?;
    let number = args.number.unwrap_or(1) as usize;
    let of = plan.shards.len();
    let Some(own) = number.checked_sub(1).and_then(|at| plan.shards.get(at)) else {
        return Err(exit::usage(format!("no shard {number}: the plan has 1 to {of}")));
    };
    let ui = Ui::new();
    let out = shard_dir(&args.dir, number);
    if let Some(record) = record_of(&args.dir, number)?
        && is_finished(own, &record)
    {
        ui.say(&format!("shard {number} of {of} is finished"));
        return Ok(end(number, of, own, &record));
    }
    let options = options(&plan, Some(out.clone()), args.jobs, args.no_install);
    let dirs = prepare::dirs()?;
    let scenarios = scenarios(&plan, &dirs.repo)?;
    let arms = prepare::choose_arms(&dirs, &options.arms)?;
    prepare::check_kernel_args(&dirs, &options.session.kernel)?;
    let store = Store::open(&out).map_err(|error| exit::usage(error.to_string()))?;
    prepare::set_up(&dirs, options.session.no_install, &ui, cancel)?;
    let session = &options.session;
    let mut ready = prepare::prepare(&dirs, &arms, &session.kernel, session.accel, &ui, cancel)?;
    ready.tools.jobs = session.jobs.map_or_else(run::default_jobs, |jobs| jobs as usize);
    // As `run` does: a shard that boots every guest takes nearly twice as long.
    ready.tools.restore = true;
    let mut record = run::new_record(&options, &out, &dirs.repo, &ready, &scenarios);
    record.attempts = plan.attempts;
    if let Some(earlier) = store.load()? {
        record = run::resume(earlier, record).map_err(|why| {
            exit::usage(format!("{} is of other parts: {why}; delete it", out.display()))
        })?;
        ui.say(&format!("resuming shard {number}: {} cases are there", record.cases.len()));
    }
    ui.say(&format!("shard {number} of {of}: {} of {} cases", own.len(), plan.cases().count()));
    let wanted = |id: &str| own.iter().any(|mine| mine == id);
    let result = run::play(&mut record, &store, &ready, &scenarios, &wanted, &ui, cancel);
    if result.is_ok() {
        record.finished = Some(lab::now());
        store.save(&record)?;
    }
    let code = end(number, of, own, &record);
    result?;
    Ok(code)
}

/// The plan's scenarios, as they were when it was made.
fn scenarios(plan: &Plan, repo: &std::path::Path) -> Result<Vec<scenario::Scenario>> {
    let ids: Vec<String> = plan.scenarios.iter().map(|s| s.id.clone()).collect();
    let found = run::choose_scenarios(&[repo.join("workloads/scenarios")], &ids)?;
    for scenario in &found {
        let planned = plan.scenarios.iter().find(|s| s.id == scenario.id);
        if planned.is_none_or(|planned| planned.hash != scenario.hash) {
            return Err(exit::usage(format!(
                "scenario {} was changed since the plan was made; plan again in another folder",
                scenario.id
            )));
        }
    }
    // In the plan's order, which is the record's.
    let mut ordered = Vec::new();
    for id in &ids {
        ordered.extend(found.iter().find(|scenario| scenario.id == *id).cloned());
    }
    Ok(ordered)
}

/// What needs a word, and the exit code of this shard alone.
fn end(number: usize, of: usize, own: &[String], record: &RunRecord) -> ExitCode {
    run::explain(&record.cases);
    let count = |test: &dyn Fn(&Case) -> bool| record.cases.iter().filter(|c| test(c)).count();
    let verdicts = count(&|case| matches!(case.outcome, Outcome::Verdict { .. }));
    let contradict = count(&Case::contradicts);
    println!(
        "shard {number} of {of}: {} cases planned, {} as expected, {contradict} contradict, {} \
         without a verdict",
        own.len(),
        verdicts - contradict,
        own.len() - verdicts,
    );
    ExitCode::from(match (contradict, verdicts == own.len()) {
        (1.., _) => 1,
        (0, true) => 0,
        (0, false) => exit::HARNESS,
    })
}
