// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask explore`: every crash state of a recorded run.

use crate::flags::ExploreArgs;
use crate::ui::{Stage, Ui};
use crate::{exit, files, prepare, run, runner};
use anyhow::{Context, Result};
use explore::{Counterexample, Exploration, ExploreError, Outcome, Progress, Replay, Spec};
use proc::Cancel;
use scenario::Expectations;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What is recorded when nothing is named: a race that is followed by leaf and
/// journal writes, and writes over a block that is cached and durable, with
/// its completion held and with nothing held.
const DEFAULT_SCENARIOS: [&str; 3] = ["S2", "S3", "X1"];

pub fn main(args: &ExploreArgs, cancel: &Cancel) -> Result<ExitCode> {
    let ui = Ui::new();
    let dirs = prepare::dirs()?;
    let default = DEFAULT_SCENARIOS.map(str::to_owned);
    let wanted = if args.scenarios.is_empty() { &default[..] } else { &args.scenarios };
    let folders = ["scenarios", "explorations"].map(|f| dirs.repo.join("workloads").join(f));
    let scenarios = run::choose_scenarios(&folders, wanted)?;
    if let Some(load) = scenarios.iter().find(|scenario| scenario.load.is_some()) {
        let id = &load.id;
        return Err(exit::usage(format!("{id} is a load: it has no steps that could be recorded")));
    }
    if args.state.is_some() && scenarios.len() > 1 {
        return Err(exit::usage("--state needs exactly one --scenario"));
    }
    let arms = prepare::choose_arms(&dirs, std::slice::from_ref(&args.arm))?;
    prepare::check_kernel_args(&dirs, &args.session.kernel)?;
    let expectations =
        Expectations::load(&dirs.repo.join("workloads/explore.toml")).map_err(exit::usage)?;
    let arm_name = arms.first().map_or("", |arm| &arm.name);
    let out = runner::out(&dirs, &args.session, |time| format!("explore-{arm_name}-{time}"));
    let ready = prepare::ready(&dirs, &arms, &args.session, &ui, cancel)?;
    let arm = ready.images.first().context("no kernel was built")?;
    ui.say(&format!(
        "{}: {} machines at once ({}), seed {}, results in {}",
        arm.name,
        ready.tools.jobs,
        ready.qemu.accelerator,
        args.session.seed,
        out.display()
    ));
    let mut explorations = Vec::new();
    for scenario in &scenarios {
        let spec = Spec {
            arm,
            scenario,
            tools: &ready.tools,
            seed: args.session.seed,
            limit: args.limit.map(|limit| limit as usize),
            expectations: &expectations,
        };
        let stage = ui.stage(&format!("{} {}", arm.name, scenario.id));
        let show = Show {
            ui: &ui,
            stage: &stage,
            what: &scenario.id,
            began: Instant::now(),
            first: Mutex::default(),
        };
        let on = |progress: Progress| show.progress(progress);
        if let Some(number) = args.state {
            let replay = explore::replay(&spec, &out.join(&scenario.id), number, &on, cancel)
                .map_err(usage_or_trouble)?;
            stage.done("one state");
            return Ok(replayed(number, &replay));
        }
        let found = explore::explore(&spec, &out.join(&scenario.id), &on, cancel);
        if let Err(ExploreError::Cancelled(_)) = found {
            ui.say(&format!(
                "{}: the states tried so far are kept; the same command with --out {} goes on",
                scenario.id,
                out.display()
            ));
        }
        let found = found.map_err(usage_or_trouble)?;
        stage.done(&format!("{} states", found.tried));
        explorations.push(found);
        // One file for all scenarios.
        let found = json!({ "schema_version": 1, "explorations": explorations });
        files::replace(&out.join("explore.json"), &format!("{found:#}\n"))?;
    }
    explorations.iter().for_each(|found| report(found, &out));
    println!("results: {}", out.join("explore.json").display());
    let code = |wanted: u8| explorations.iter().any(|e| e.exit_code() == wanted);
    Ok(ExitCode::from([1, exit::HARNESS].into_iter().find(|&wanted| code(wanted)).unwrap_or(0)))
}

fn usage_or_trouble(error: ExploreError) -> anyhow::Error {
    match error {
        ExploreError::Another { .. } | ExploreError::Nothing { .. } => {
            exit::usage(error.to_string())
        }
        other => other.into(),
    }
}

/// Progress on the terminal.
struct Show<'a> {
    ui: &'a Ui,
    stage: &'a Stage<'a>,
    what: &'a str,
    began: Instant,
    /// The first state that was tried now: how many there were, and when.
    first: Mutex<Option<(usize, Instant)>>,
}

impl Show<'_> {
    fn progress(&self, progress: Progress) {
        match progress {
            Progress::Recording(step) => self.stage.now(&format!("recording, {step}")),
            Progress::Catalogued { considered, distinct, chosen, known } => {
                let resumed =
                    if known > 0 { format!(", {known} tried before") } else { String::new() };
                self.ui.say(&format!(
                    "{}: recorded in {:.0} s; {considered} crash states, {distinct} distinct, \
                     {chosen} to try{resumed}",
                    self.what,
                    self.began.elapsed().as_secs_f64(),
                ));
            }
            Progress::Tried { done, of, bad } => {
                let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
                let (from, since) = *first.get_or_insert_with(|| (done, Instant::now()));
                let pace = (done - from) as f64 / since.elapsed().as_secs_f64().max(0.001);
                let mut now = format!("{bad} bad");
                if done > from {
                    let left = (of - done) as f64 / pace;
                    now.push_str(&format!(", {:.0} a minute, about {left:.0} s left", pace * 60.0));
                }
                self.stage.progress(done as u64, of as u64, &now);
            }
            Progress::Found(kind) => self.ui.say(&format!("{}: found {kind}", self.what)),
            Progress::Shrinking { kind, lost } => {
                self.stage.now(&format!("shrinking {kind}, {lost} lost writes"));
            }
        }
    }
}

/// What was found, on standard output.
fn report(found: &Exploration, out: &Path) {
    println!(
        "{} {}: {} writes recorded, {} crash states, {} distinct, {} tried: {} good",
        found.arm,
        found.scenario,
        found.writes,
        found.considered,
        found.distinct,
        found.tried,
        found.good,
    );
    for (kind, states) in &found.kinds {
        let expected = if found.unexpected.contains(kind) { "NOT EXPECTED" } else { "expected" };
        println!("    {kind:<32} {states:>5} states, {expected}");
    }
    for kind in &found.missed {
        println!("    {kind:<32} never seen, though this arm must show it");
    }
    if found.harness_failures > 0 {
        println!("    {:<32} {:>5} states", "no verdict (harness)", found.harness_failures);
    }
    for example in &found.counterexamples {
        tell(example);
        println!(
            "    again: cargo xtask explore {} --scenario {} --seed {} --out {} --state {}",
            found.arm,
            found.scenario,
            found.seed,
            out.display(),
            example.number,
        );
    }
    if !found.counterexamples.is_empty() {
        let events = out.join(&found.scenario).join("events");
        println!("\n  all events: cargo xtask log {}", events.display());
    }
    if found.tried_now > 0 {
        let pace = found.pace();
        println!("  {} states in {:.0} s: {pace:.0} a minute", found.tried_now, found.seconds);
    }
}

fn tell(example: &Counterexample) {
    println!("\n  {}", example.kind);
    if let Some(meaning) = example.kind.meaning() {
        println!("    {meaning}");
    }
    let lost = match (example.lost, example.lost_before_shrinking) {
        (0, 0) => "no write has to be lost for it".to_owned(),
        (needed, of) => format!("needs {needed} of the {of} writes that it lost"),
    };
    let again = if example.confirmed { "shows it, too" } else { "does NOT show it" };
    let (number, tries) = (example.number, example.tries);
    println!("    state {number}: {lost} ({tries} machines tried); a cold boot {again}");
    for line in &example.story {
        println!("    {line}");
    }
}

/// What one state showed when it was tried again, and the exit code for it.
fn replayed(number: u64, replay: &Replay) -> ExitCode {
    match &replay.outcome {
        Outcome::Good => println!("state {number} is good"),
        Outcome::Harness { message } => {
            println!("state {number}: no verdict, the harness failed: {message}");
            return ExitCode::from(exit::HARNESS);
        }
        Outcome::Bad { .. } | Outcome::Unusable { .. } => {
            replay.counterexamples.iter().for_each(tell);
        }
    }
    let unexpected = replay.counterexamples.iter().any(|example| !example.expected);
    ExitCode::from(u8::from(unexpected))
}
