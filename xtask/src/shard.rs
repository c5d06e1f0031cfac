// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask shard`: a run in pieces. What a piece is and how pieces are
//! put together is `evidence::shard`'s; whatever schedules them (a shell loop,
//! Slurm, GitHub) only calls `shard run DIR NUMBER`.

pub mod adapters;
mod folder;
mod local;
mod one;

use crate::flags::{AccelArg, KernelArgs, ShardArgs, ShardCommand, ShardMergeArgs, ShardPlanArgs};
use crate::{exit, files, prepare, run};
use anyhow::{Context, Result};
use clap::ValueEnum;
use evidence::shard::{MergeError, PLAN_VERSION, Plan, PlanScenario, keep_logs, merge, shard_dir};
use evidence::{RunRecord, Store};
use folder::{PLAN, read_plan, record_of};
use proc::Cancel;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub fn main(args: &ShardArgs, cancel: &Cancel) -> Result<ExitCode> {
    match &args.what {
        ShardCommand::Plan(args) => plan(args),
        ShardCommand::Run(args) if args.all => local::all(args, cancel),
        ShardCommand::Run(args) => one::run(args, cancel),
        ShardCommand::Merge(args) => merge_all(args),
    }
}

/// As clap spells a value.
fn word(accel: AccelArg) -> String {
    accel.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn plan(args: &ShardPlanArgs) -> Result<ExitCode> {
    let dirs = prepare::dirs()?;
    let scenarios =
        run::choose_scenarios(&[dirs.repo.join("workloads/scenarios")], &args.scenarios)?;
    let arms = prepare::choose_arms(&dirs, &args.arms)?;
    prepare::check_kernel_args(&dirs, &args.kernel)?;
    let words = match args.arms.as_slice() {
        [] => arms.iter().map(|arm| arm.name.clone()).collect(),
        given => given.to_vec(),
    };
    let options = Options {
        seed: args.seed,
        attempts: args.attempts.unwrap_or(if args.full { run::FULL_ATTEMPTS } else { 1 }),
        kernel: args.kernel.clone(),
        accel: args.accel,
        arms: words,
        scenarios: &scenarios,
    };
    let plan = plan_of(options, args.shards, &args.out)?;
    let script = args.out.join("shards.sbatch");
    if args.slurm {
        let text = adapters::sbatch(&args.out, plan.shards.len())?;
        std::fs::write(&script, text)
            .with_context(|| format!("cannot write {}", script.display()))?;
    }
    if args.github {
        println!("{}", adapters::github(plan.shards.len()));
        return Ok(ExitCode::SUCCESS);
    }
    let cases = plan.cases().count();
    println!("{}: {cases} cases in {} shards", args.out.join(PLAN).display(), plan.shards.len());
    if args.slurm {
        println!("next: sbatch {}", adapters::quoted(&script));
    } else {
        println!("next: cargo xtask shard run {} NUMBER, or --all", adapters::quoted(&args.out));
    }
    Ok(ExitCode::SUCCESS)
}

/// What a plan is made of.
pub struct Options<'a> {
    pub seed: u64,
    pub attempts: u32,
    pub kernel: KernelArgs,
    pub accel: AccelArg,
    /// `NAME` or `NAME=PATH`.
    pub arms: Vec<String>,
    pub scenarios: &'a [scenario::Scenario],
}

/// Makes and writes a plan.
pub fn plan_of(options: Options<'_>, shards: u32, out: &Path) -> Result<Plan> {
    let mut plan = Plan {
        plan_version: PLAN_VERSION,
        seed: options.seed,
        attempts: options.attempts,
        kernel_src: options.kernel.kernel_src.as_deref().map(lasting_path),
        config: options.kernel.config,
        config_fragments: options
            .kernel
            .own
            .fragments
            .iter()
            .map(|path| lasting_path(&path.to_string_lossy()))
            .collect(),
        make: options.kernel.own.make,
        accel: word(options.accel),
        arms: options.arms.iter().map(|word| lasting(word)).collect::<Result<_>>()?,
        scenarios: options
            .scenarios
            .iter()
            .map(|s| PlanScenario { id: s.id.clone(), hash: s.hash.clone() })
            .collect(),
        shards: Vec::new(),
    };
    plan.deal(shards as usize);
    write_plan(out, &plan)?;
    Ok(plan)
}

/// `NAME=PATH` with a path that means the same in every folder.
fn lasting(word: &str) -> Result<String> {
    let Some((name, path)) = word.split_once('=') else { return Ok(word.to_owned()) };
    let path = std::path::absolute(path).context("cannot find the current folder")?;
    Ok(format!("{name}={}", path.display()))
}

/// A kernel source that is a path, made absolute; a package's name stays.
fn lasting_path(given: &str) -> String {
    match std::fs::canonicalize(given) {
        Ok(path) => path.display().to_string(),
        Err(_) => given.to_owned(),
    }
}

/// Writes `plan.json`. The same plan again changes nothing; another plan in a
/// folder whose shards have run is refused.
fn write_plan(out: &Path, plan: &Plan) -> Result<()> {
    let path = out.join(PLAN);
    if let Ok(earlier) = Plan::read(&path) {
        if earlier == *plan {
            return Ok(());
        }
        let ran = |n: &usize| shard_dir(out, *n).join("run.json").exists();
        if let Some(number) = (1..=earlier.shards.len()).find(ran) {
            return Err(exit::usage(format!(
                "{} holds another plan, and its shard {number} has run; choose another --out",
                out.display()
            )));
        }
    }
    files::replace(&path, &plan.to_json()?)
}

fn merge_all(args: &ShardMergeArgs) -> Result<ExitCode> {
    let plan = read_plan(&args.dir)?;
    let out = args.out.clone().unwrap_or_else(|| args.dir.join("merged"));
    let records: Vec<Option<RunRecord>> = (1..=plan.shards.len())
        .map(|number| record_of(&args.dir, number))
        .collect::<Result<_>>()?;
    let name = out.file_name().map_or_else(|| "merged".into(), |name| name.to_string_lossy());
    let mut merged = merge(&plan, &records, &name).map_err(|error| told(&error, &args.dir))?;
    merged.commands = vec![as_run(&plan)];
    let store = Store::open(&out).map_err(|error| exit::usage(error.to_string()))?;
    keep_all_logs(&plan, &records, &args.dir, &out)?;
    store.save(&merged)?;
    run::report(&merged, &out);
    Ok(ExitCode::from(merged.exit_code()))
}

/// The words of the run that the plan is a plan of.
fn as_run(plan: &Plan) -> Vec<String> {
    let mut words = vec!["run".to_owned()];
    let mut add = |option: &str, value: &str| words.extend([option.to_owned(), value.to_owned()]);
    plan.arms.iter().for_each(|arm| add("--arm", arm));
    plan.scenarios.iter().for_each(|scenario| add("--scenario", &scenario.id));
    add("--attempts", &plan.attempts.to_string());
    add("--seed", &plan.seed.to_string());
    add("--config", &plan.config);
    plan.config_fragments.iter().for_each(|path| add("--config-fragment", path));
    plan.make.iter().for_each(|variable| add("--make", variable));
    add("--accel", &plan.accel);
    if let Some(source) = &plan.kernel_src {
        add("--kernel-src", source);
    }
    words
}

/// A missing shard comes with the command that runs it.
fn told(error: &MergeError, dir: &Path) -> anyhow::Error {
    match error {
        MergeError::Missing(gaps) => {
            let mut text = error.to_string();
            for gap in gaps {
                let dir = adapters::quoted(dir);
                text.push_str(&format!("\nnext: cargo xtask shard run {dir} {}", gap.shard));
            }
            anyhow::anyhow!("the run is not whole:\n{text}")
        }
        MergeError::Mixed { .. } | MergeError::Foreign { .. } => exit::usage(format!(
            "{error}\nRun that shard again with the checkout, kernel and tools of the others (after \
             deleting its folder)"
        )),
    }
}

fn keep_all_logs(plan: &Plan, records: &[Option<RunRecord>], dir: &Path, out: &Path) -> Result<()> {
    for (number, record) in (1..=plan.shards.len()).zip(records) {
        let from: PathBuf = shard_dir(dir, number);
        for case in record.iter().flat_map(|record| &record.cases) {
            keep_logs(case, &from, out)
                .with_context(|| format!("cannot keep the logs of {}", case.id))?;
        }
    }
    Ok(())
}
