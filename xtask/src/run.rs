// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask run`: from nothing to the table of verdicts.

use crate::estimate;
use crate::flags::RunArgs;
use crate::forecast::Forecast;
use crate::runner::{self, Content, Runner};
use crate::terminal::{self, BAD};
use crate::ui::Ui;
use crate::{command, exit, near, prepare};
use anyhow::Result;
use evidence::{Case, Outcome, RunRecord, RunStatus, Verdict};
use kbuild::{Arm, Dirs, Occasion};
use proc::Cancel;
use scenario::Scenario;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Attempts per arm and scenario with `--full`.
pub const FULL_ATTEMPTS: u32 = 5;

/// Attempts of loads, with `--quick` and with `--full`. A control that fails
/// each time needs five runs for its rate to ask for fewer clean ones.
const LOAD_ATTEMPTS: [u32; 2] = [3, 20];

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
    let arms = choose_arms(&dirs, args, &scenarios)?;
    prepare::check_kernel_args(&dirs, &args.session.kernel)?;
    let forecast = forecast(&dirs, &arms, args, &scenarios)?;
    if args.dry_run {
        print!("{}", forecast.text());
        return Ok(ExitCode::SUCCESS);
    }
    ui.say(&forecast.summary());
    let out = runner::out(&dirs, &args.session, |time| time);
    let (store, attempts) = (runner::open(&out)?, attempts(args, &scenarios));
    let content = Content { scenarios: &scenarios, attempts, perf: None };
    let mut runner = Runner::begin(&dirs, &arms, &args.session, store, content, &ui, cancel)?;
    crate::replay::inputs::keep(&out, &arms, &scenarios)?;
    runner.ready.tools.restore = !args.cold;
    let Runner { record, ready, .. } = &runner;
    ui.say(&format!(
        "{} arms x {} scenarios x {} attempts, {} machines at once ({}), seed {}",
        record.arms.len(),
        record.scenarios.len(),
        record.attempts,
        ready.tools.jobs,
        record.qemu.accelerator,
        record.seed,
    ));
    ui.say(&estimate::words(record, &scenarios, ready.tools.jobs, ready.tools.slowness));
    let result = runner.play(&scenarios, &|_| true);
    report(&runner.record, &out);
    result?;
    Ok(ExitCode::from(runner.record.exit_code()))
}

/// What the cases come to.
fn forecast<'a>(
    dirs: &'a Dirs,
    arms: &'a [Arm],
    args: &'a RunArgs,
    scenarios: &[Scenario],
) -> Result<Forecast<'a>> {
    let kernel = &args.session.kernel;
    let jobs = args.session.jobs.map_or_else(prepare::default_jobs, |jobs| jobs as usize);
    let slowness = prepare::load_config(dirs, &kernel.config)?.slowness;
    let attempts = attempts(args, scenarios) as usize;
    let seconds = estimate::fresh(scenarios, arms.len() * attempts, jobs, slowness);
    let ids: Vec<&str> = scenarios.iter().map(|scenario| scenario.id.as_str()).collect();
    let work = format!(
        "{} cases ({} arms x {} scenarios x {attempts}, seed {}: {})",
        arms.len() * scenarios.len() * attempts,
        arms.len(),
        scenarios.len(),
        args.session.seed,
        ids.join(" "),
    );
    Forecast::new(dirs, arms, kernel, work, seconds)?.with_others(scenarios)
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
    for name in wanted {
        if !all.iter().any(|scenario| is_named(scenario, name)) {
            let words = all.iter().flat_map(|s| [s.id.as_str(), s.name.as_str()]);
            let near = near::suggestion(name, words);
            let ids: Vec<&str> = all.iter().map(|s| s.id.as_str()).collect();
            let known =
                if near.is_empty() { format!("; there are {}", ids.join(", ")) } else { near };
            let text = format!("no scenario {name:?}{known} (`cargo xtask list`)");
            return Err(exit::usage(text));
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
fn choose_arms(dirs: &Dirs, args: &RunArgs, scenarios: &[Scenario]) -> Result<Vec<Arm>> {
    let loads = scenarios.iter().all(|scenario| scenario.load.is_some());
    if args.arms.is_empty() && loads && (args.quick || args.full) {
        return prepare::arms_of(dirs, Occasion::Loads);
    }
    prepare::choose_arms(dirs, &args.arms)
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

/// The table, and what is left to do.
pub fn report(record: &RunRecord, out: &Path) {
    table(record, out);
    next(record, out);
}

/// The table on standard output, and what needs a word: what is against its
/// expectation comes first.
pub fn table(record: &RunRecord, out: &Path) {
    for case in record.cases.iter().filter(|case| case.contradicts()) {
        if let Outcome::Verdict { verdict } = case.outcome {
            let (id, expected) = (&case.id, case.expected);
            anstream::println!(
                "{BAD}against its expectation{BAD:#}: {id} {verdict}, expected {expected}"
            );
        }
    }
    println!("{}", evidence::matrix(record, terminal::page()));
    print!("{}", evidence::load_table(record));
    explain(&record.cases);
    let s = &record.summary;
    println!(
        "{} cases: {} as expected, {} contradict, {} inconclusive, {} harness failures{}",
        s.planned,
        s.as_expected,
        s.contradictions,
        s.inconclusive,
        s.harness_failures,
        if record.status == RunStatus::Complete { "" } else { " (incomplete)" },
    );
    println!("results: {}", out.join("run.json").display());
}

/// The report, written now, and the command that comes next.
pub fn next(record: &RunRecord, out: &Path) {
    if record.status == RunStatus::Incomplete {
        let mut words = command::words();
        if !words.iter().any(|word| word == "--out" || word.starts_with("--out=")) {
            words.extend(["--out".to_owned(), out.display().to_string()]);
        }
        println!("next:    cargo xtask {}   (goes on where it stopped)", shell(&words));
        return;
    }
    match crate::evidence::of_run(record, out) {
        Ok(report) => println!("report:  {}", report.display()),
        // The results are there all the same.
        Err(error) => eprintln!("no report: {error:#}"),
    }
    let name = match out.file_name() {
        Some(name) if out.parent().is_some_and(|dir| dir.ends_with("results")) => Path::new(name),
        _ => out,
    };
    let bad = |case: &&Case| !matches!(case.outcome, Outcome::Verdict { verdict: Verdict::Ok });
    let worst = record.cases.iter().find(|case| case.contradicts());
    let worth = worst.or_else(|| record.cases.iter().find(bad));
    let case = worth.map(|case| format!(" {}", case.id)).unwrap_or_default();
    println!("next:    cargo xtask show {}{case}", shell(&[name.display().to_string()]));
}

/// As a shell takes them; no argument has a NUL.
fn shell(words: &[String]) -> String {
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default()
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
