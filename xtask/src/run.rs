// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask run`: from nothing to the table of verdicts.

use crate::estimate;
use crate::exit;
use crate::flags::RunArgs;
use crate::prepare::{self, Prepared};
use crate::ui::Ui;
use anyhow::Result;
use evidence::{
    Case, Outcome, RunRecord, RunStatus, SCHEMA_VERSION, ScenarioRecord, Store, Summary,
};
use lab::Event;
use proc::Cancel;
use scenario::Scenario;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Attempts per arm and scenario with `--full`.
pub const FULL_ATTEMPTS: u32 = 5;

/// Attempts of loads, with `--quick` and with `--full`. A control that fails
/// each time needs five runs for its rate to ask for fewer clean ones.
const LOAD_ATTEMPTS: [u32; 2] = [3, 20];

/// Every arm that is a kernel somebody might use: no mutants, no unit tests.
const LOAD_ARMS: [&str; 6] = ["base", "v1", "two-pass", "c", "rust", "ordered"];

/// Machines at once by default: each has two processors, but waits most of
/// the time.
pub fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4))
}

pub fn main(args: &RunArgs, cancel: &Cancel) -> Result<ExitCode> {
    let ui = Ui::new();
    let dirs = prepare::dirs()?;
    // Everything that can be wrong with the command line is checked before
    // anything slow begins.
    let workloads = args.workloads.clone().unwrap_or_else(|| dirs.repo.join("workloads"));
    let mut scenarios = choose_scenarios(&[workloads.join("scenarios")], &args.scenarios)?;
    if args.scenarios.is_empty() && !args.full {
        scenarios.retain(|scenario| scenario.quick);
    }
    lengthen(&mut scenarios, args)?;
    let arms = prepare::choose_arms(&dirs, &arms_of(args, &scenarios))?;
    prepare::check_kernel_args(&dirs, &args.session.kernel)?;
    let out = args.session.out.clone().unwrap_or_else(|| {
        dirs.repo.join("results").join(lab::now().replace([':', '-'], "").to_lowercase())
    });
    let store = Store::open(&out).map_err(|error| exit::usage(error.to_string()))?;

    prepare::set_up_for_config(&dirs, &args.session.kernel, args.session.no_install, &ui, cancel)?;
    let mut ready =
        prepare::prepare(&dirs, &arms, &args.session.kernel, args.session.accel, &ui, cancel)?;
    let mut record = new_record(args, &out, &dirs.repo, &ready, &scenarios);
    if let Some(earlier) = store.load()? {
        record = resume(earlier, record).map_err(|why| {
            exit::usage(format!("{} holds another run: {why}; choose another --out", out.display()))
        })?;
        ui.say(&format!("resuming {}: {} cases are there", out.display(), record.cases.len()));
    }
    crate::replay::inputs::keep(&out, &arms, &scenarios)?;
    ready.tools.jobs = args.session.jobs.map_or_else(default_jobs, |jobs| jobs as usize);
    ready.tools.restore = !args.cold;
    ui.say(&format!(
        "{} arms x {} scenarios x {} attempts, {} machines at once ({}), seed {}",
        record.arms.len(),
        record.scenarios.len(),
        record.attempts,
        ready.tools.jobs,
        record.qemu.accelerator,
        record.seed,
    ));
    ui.say(&estimate::words(&record, &scenarios, ready.tools.jobs, ready.tools.slowness));
    let result = play(&mut record, &store, &ready, &scenarios, &|_| true, &ui, cancel);
    if result.is_ok() {
        record.finished = Some(lab::now());
        store.save(&record)?;
    }
    report(&record, &out);
    result?;
    Ok(ExitCode::from(record.exit_code()))
}

/// The scenarios that were asked for, by id, by name or by file; by default all
/// but the loads.
pub fn choose_scenarios(folders: &[PathBuf], wanted: &[String]) -> Result<Vec<Scenario>> {
    let mut all = Vec::new();
    for folder in folders {
        all.extend(scenario::load_all(folder).map_err(|error| exit::usage(error.to_string()))?);
    }
    if wanted.is_empty() {
        all.retain(|scenario| scenario.load.is_none());
        return Ok(all);
    }
    let is_file = |name: &&String| Path::new(name).extension().is_some_and(|ext| ext == "toml");
    for file in wanted.iter().filter(is_file) {
        let read = scenario::load(Path::new(file));
        let read = read.map_err(|error| exit::usage(error.to_string()))?;
        // One of this id or name that is not asked for would be played as well.
        all.retain(|s| s.path.file_name() != read.path.file_name() && s.id != read.id);
        all.push(read);
    }
    let known: Vec<String> = all.iter().map(|s| format!("{} ({})", s.id, s.name)).collect();
    for name in wanted {
        if !all.iter().any(|scenario| is_named(scenario, name)) {
            let known = known.join(", ");
            return Err(exit::usage(format!("no scenario {name:?}; there are {known}")));
        }
    }
    Ok(all
        .into_iter()
        .filter(|scenario| wanted.iter().any(|name| is_named(scenario, name)))
        .collect())
}

fn is_named(scenario: &Scenario, name: &str) -> bool {
    scenario.id.eq_ignore_ascii_case(name)
        || scenario.name == name
        || scenario.path == Path::new(name)
}

/// The arms that were named; with `--quick` or `--full`, loads take all.
fn arms_of(args: &RunArgs, scenarios: &[Scenario]) -> Vec<String> {
    let loads = scenarios.iter().all(|scenario| scenario.load.is_some());
    if args.arms.is_empty() && loads && (args.quick || args.full) {
        return LOAD_ARMS.map(str::to_owned).into();
    }
    args.arms.clone()
}

/// Attempts per arm and scenario.
fn attempts(args: &RunArgs, scenarios: &[Scenario]) -> u32 {
    let loads = scenarios.iter().any(|scenario| scenario.load.is_some());
    match (args.attempts, loads) {
        (Some(given), _) => given,
        (None, true) if args.quick => LOAD_ATTEMPTS[0],
        (None, true) if args.full => LOAD_ATTEMPTS[1],
        (None, false) if args.full => FULL_ATTEMPTS,
        (None, _) => 1,
    }
}

/// `--cycles` and `--hours`, for scenarios with power cuts under load.
fn lengthen(scenarios: &mut [Scenario], args: &RunArgs) -> Result<()> {
    if args.cycles.is_none() && args.hours.is_none() {
        return Ok(());
    }
    let mut any = false;
    for scenario in scenarios {
        let cycles = scenario.load.as_mut().and_then(|load| load.cycles.as_mut());
        let Some(cycles) = cycles else { continue };
        cycles.count = args.cycles.unwrap_or(cycles.count);
        cycles.hours = args.hours;
        // Another length is another scenario: it is not resumed as this one.
        scenario.hash.push_str(&format!("-{:?}-{:?}", args.cycles, args.hours));
        any = true;
    }
    if any {
        return Ok(());
    }
    Err(exit::usage(
        "--cycles and --hours are for loads with power cuts: name one with --scenario, \
                     for instance L2 or L3",
    ))
}

pub fn new_record(
    args: &RunArgs,
    out: &Path,
    repo: &Path,
    ready: &Prepared,
    scenarios: &[Scenario],
) -> RunRecord {
    let mut record = RunRecord {
        scenarios: scenarios
            .iter()
            .map(|s| ScenarioRecord {
                id: s.id.clone(),
                name: s.name.clone(),
                title: s.title.clone(),
                hash: s.hash.clone(),
            })
            .collect(),
        attempts: attempts(args, scenarios),
        ..blank_record(args.session.seed, out, "run", repo, ready)
    };
    record.summarise();
    record
}

/// The provenance of a run that begins now, and nothing measured yet; `name` is
/// for an `out` that has none.
pub fn blank_record(seed: u64, out: &Path, name: &str, repo: &Path, ready: &Prepared) -> RunRecord {
    let name = out.file_name().map_or_else(|| name.into(), |name| name.to_string_lossy());
    RunRecord {
        schema_version: SCHEMA_VERSION,
        run_id: name.into_owned(),
        status: RunStatus::Incomplete,
        started: lab::now(),
        finished: None,
        seed,
        tool: lab::tool(repo),
        host: lab::host(),
        qemu: ready.qemu.clone(),
        source: ready.source.clone(),
        config: ready.config.clone(),
        toolchain: ready.toolchain.clone(),
        guest: ready.guest.clone(),
        arms: ready.arm_records.clone(),
        scenarios: Vec::new(),
        attempts: 0,
        cases: Vec::new(),
        perf: None,
        summary: Summary::default(),
    }
}

/// The earlier record, when it is of the same kernels, scenarios, guest and
/// seed; otherwise what differs.
pub fn resume(earlier: RunRecord, now: RunRecord) -> Result<RunRecord, String> {
    match earlier.difference(&now) {
        Some(difference) => Err(difference.to_string()),
        None => Ok(RunRecord { started: earlier.started, cases: earlier.cases, ..now }),
    }
}

/// Runs the cases that are `wanted` and not there yet.
pub fn play(
    record: &mut RunRecord,
    store: &Store,
    ready: &Prepared,
    scenarios: &[Scenario],
    wanted: &dyn Fn(&str) -> bool,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<()> {
    let stage = ui.stage("running");
    let done = std::sync::atomic::AtomicU64::new(record.cases.len() as u64);
    let planned = record.planned_ids().filter(|id| wanted(id)).count() as u64;
    let on_event = |event: Event<'_>| match event {
        Event::Started { id } => {
            stage.progress(done.load(std::sync::atomic::Ordering::Relaxed), planned, id);
        }
        Event::Step { id, number, of, what } => {
            let now = format!("{id} step {number}/{of}, {what}");
            stage.progress(done.load(std::sync::atomic::Ordering::Relaxed), planned, &now);
        }
        Event::Finished { case, done: finished, .. } => {
            done.store(finished as u64, std::sync::atomic::Ordering::Relaxed);
            let seconds = case.took_ms as f64 / 1000.0;
            let cell = evidence::cell(&[case], 1);
            ui.say(&format!("{:<24} {cell} ({seconds:.1} s)", case.id));
        }
    };
    let (arms, tools) = (&ready.images, &ready.tools);
    lab::run_some(record, store, arms, scenarios, tools, wanted, &on_event, cancel)?;
    stage.done(&format!("{planned} cases"));
    Ok(())
}

/// The table on standard output, and what needs a word.
pub fn report(record: &RunRecord, out: &Path) {
    println!("{}", evidence::matrix(record));
    print!("{}", evidence::load_table(record));
    explain(&record.cases);
    let s = &record.summary;
    println!(
        "{} cases planned: {} as expected, {} contradict, {} inconclusive, {} harness failures{}",
        s.planned,
        s.as_expected,
        s.contradictions,
        s.inconclusive,
        s.harness_failures,
        if record.status == RunStatus::Complete { "" } else { " (incomplete)" },
    );
    println!("results: {}", out.join("run.json").display());
}

/// Every case that is not as expected, with what to do about it.
pub fn explain(cases: &[Case]) {
    for case in cases {
        match &case.outcome {
            Outcome::Verdict { verdict } if case.contradicts() => {
                println!("{}: {verdict}, expected {}", case.id, case.expected);
                for line in &case.observations {
                    println!("    {line}");
                }
            }
            Outcome::Verdict { .. } => {}
            Outcome::Inconclusive { why } => println!("{}: inconclusive: {why}", case.id),
            Outcome::Harness { what, message, console_tail, next_step } => {
                println!("{}: no verdict, the harness failed ({what}): {message}", case.id);
                for line in console_tail.lines() {
                    println!("    | {line}");
                }
                println!("    next: {next_step}");
            }
        }
    }
}
