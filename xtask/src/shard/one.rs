// SPDX-License-Identifier: MIT OR Apache-2.0
//! One shard, wherever it runs.

use super::folder::{read_plan, record_of};
use crate::flags::{AccelArg, KernelArgs, OwnArgs, SessionArgs, ShardRunArgs};
use crate::runner::{self, Content, Runner};
use crate::ui::Ui;
use crate::{exit, prepare, run};
use anyhow::Result;
use clap::ValueEnum;
use evidence::shard::{Plan, shard_dir};
use evidence::{Case, Outcome, RunRecord};
use proc::Cancel;
use std::path::PathBuf;
use std::process::ExitCode;

/// The options of the run that the plan is a plan of.
pub fn session(plan: &Plan, jobs: Option<u32>, no_install: bool) -> SessionArgs {
    SessionArgs {
        kernel: KernelArgs {
            kernel_src: plan.kernel_src.clone(),
            config: plan.config.clone(),
            own: OwnArgs {
                fragments: plan.config_fragments.iter().map(PathBuf::from).collect(),
                make: plan.make.clone(),
            },
        },
        seed: plan.seed,
        jobs,
        out: None,
        accel: AccelArg::from_str(&plan.accel, true).unwrap_or_default(),
        no_install,
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
    let session = session(&plan, args.jobs, args.no_install);
    let dirs = prepare::dirs()?;
    let scenarios = scenarios(&plan, &dirs.repo)?;
    let arms = prepare::choose_arms(&dirs, &plan.arms)?;
    prepare::check_kernel_args(&dirs, &session.kernel)?;
    let content = Content { scenarios: &scenarios, attempts: plan.attempts, perf: None };
    let store = runner::open(&out)?;
    let mut runner = Runner::begin(&dirs, &arms, &session, store, content, &ui, cancel)?;
    // As `run` does: a shard that boots every guest takes nearly twice as long.
    runner.ready.tools.restore = true;
    ui.say(&format!("shard {number} of {of}: {} of {} cases", own.len(), plan.cases().count()));
    let result = runner.play(&scenarios, &|id| own.iter().any(|mine| mine == id));
    let code = end(number, of, own, &runner.record);
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
