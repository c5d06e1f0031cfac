// SPDX-License-Identifier: MIT OR Apache-2.0
//! One attempt of one arm at one scenario, from fresh disks to its record.

use crate::load;
use crate::run::{ArmImage, Event, Tools};
use crate::scenario::Scenario;
use crate::session::Session;
use crate::trouble::{Stop, Trouble};
use evidence::{Case, Outcome, SectorCounts};
use proc::{Cancel, Cancelled};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vm::VmConfig;

/// What identifies a case; how it is scheduled is no part of it.
#[derive(Debug)]
pub struct CaseSpec<'a> {
    /// `ARM/SCENARIO/ATTEMPT`.
    pub id: String,
    arm: &'a ArmImage,
    scenario: &'a Scenario,
    attempt: u32,
    seed: u64,
}

impl<'a> CaseSpec<'a> {
    /// The seed of a case depends on the run's seed, the scenario and the
    /// attempt, not on the arm: arms are compared on the same schedule.
    #[must_use]
    pub fn new(arm: &'a ArmImage, scenario: &'a Scenario, attempt: u32, run_seed: u64) -> Self {
        let text = format!("{run_seed}/{}/{attempt}", scenario.id);
        let hash = blake3::hash(text.as_bytes());
        let mut seed = [0; 8];
        seed.copy_from_slice(&hash.as_bytes()[..8]);
        Self {
            id: format!("{}/{}/{attempt}", arm.name, scenario.id),
            arm,
            scenario,
            attempt,
            // JSON numbers are exact up to 2^53.
            seed: u64::from_le_bytes(seed) >> 11,
        }
    }

    /// `case` once more: its id, its attempt, its seed.
    #[must_use]
    pub fn again(arm: &'a ArmImage, scenario: &'a Scenario, case: &Case) -> Self {
        Self { id: case.id.clone(), arm, scenario, attempt: case.attempt, seed: case.seed }
    }
}

/// Runs one case. Whatever goes wrong inside is the case's outcome.
///
/// # Errors
/// [`Cancelled`] only: an interrupted case leaves no record.
pub fn run_case(
    spec: &CaseSpec<'_>,
    tools: &Tools,
    run_dir: &Path,
    on_event: &(dyn Fn(Event<'_>) + Sync),
    cancel: &Cancel,
) -> Result<Case, Cancelled> {
    let began = Instant::now();
    let scenario = spec.scenario;
    let name = spec.id.replace('/', "-");
    let logs = PathBuf::from("logs").join(name);
    let events = logs.join("events");
    let mut case = Case {
        id: spec.id.clone(),
        arm: spec.arm.name.clone(),
        scenario: scenario.id.clone(),
        attempt: spec.attempt,
        seed: spec.seed,
        expected: scenario.expected(&spec.arm.name),
        outcome: Outcome::Inconclusive { why: "not judged".to_owned() },
        opportunities: Vec::new(),
        observations: Vec::new(),
        sectors: SectorCounts::default(),
        cuts: Vec::new(),
        boots_ms: Vec::new(),
        took_ms: 0,
        files: BTreeMap::new(),
        load: None,
    };
    for (key, path) in [("logs", &logs), ("events", &events)] {
        case.files.insert(key.to_owned(), path.to_string_lossy().into_owned());
    }
    let result = set_up(spec, tools, &run_dir.join(&logs), cancel).and_then(|(config, sockets)| {
        let (sockets, events) = (sockets.path(), run_dir.join(&events));
        let mut session = Session::start(scenario, config, spec.seed, sockets, &events, cancel)?;
        let mut result = match &scenario.load {
            Some(plan) => {
                let say = |number, of, what| {
                    on_event(Event::Step { id: &spec.id, number, of, what });
                };
                load::play(&mut session, plan, &mut case, &say)
            }
            None => play(&mut session, spec, &mut case, on_event),
        };
        if let Err(Stop::Trouble(trouble)) = &mut result
            && trouble.what == "no-answer"
        {
            trouble.console_tail = session.diagnose();
        }
        case.opportunities = std::mem::take(&mut session.opportunities);
        case.observations = std::mem::take(&mut session.observations);
        case.cuts = std::mem::take(&mut session.cuts);
        case.boots_ms = std::mem::take(&mut session.boots_ms);
        result.and_then(|()| kernel_report(&run_dir.join(&logs)))
    });
    match result {
        Ok(()) => {}
        Err(Stop::Closed(why)) => case.outcome = Outcome::Inconclusive { why },
        Err(Stop::Trouble(trouble)) => case.outcome = trouble.into_outcome(),
        Err(Stop::Cancelled) => return Err(Cancelled),
    }
    // Trouble caused by an interrupt is no result.
    cancel.check()?;
    case.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(case)
}

/// The machine's configuration, and a folder with a short path for the disks'
/// sockets, which goes away when dropped.
fn set_up(
    spec: &CaseSpec<'_>,
    tools: &Tools,
    logs: &Path,
    cancel: &Cancel,
) -> Result<(VmConfig, tempfile::TempDir), Stop> {
    cancel.check()?;
    let full = |what: &str, error: std::io::Error| {
        let next = "free some space, or choose another folder with --out";
        Trouble::new("no-space", format!("cannot create {what}: {error}"), next)
    };
    // A case that is run again starts with empty logs.
    let _ = std::fs::remove_dir_all(logs);
    std::fs::create_dir_all(logs).map_err(|e| full("the log folder", e))?;
    let sockets = tempfile::Builder::new()
        .prefix("bclab-")
        .tempdir()
        .map_err(|e| full("a temporary folder", e))?;
    let mut config = VmConfig::new(
        spec.arm.kernel.clone(),
        tools.initramfs.clone(),
        tools.accel,
        logs.to_owned(),
    );
    config.memory_mib = tools.memory_mib;
    config.cpus = tools.cpus;
    Ok((config, sockets))
}

/// Lines that a kernel prints when it has found something wrong with itself
/// and goes on: `__warn`, lockdep, KASAN, KCSAN, hung tasks.
const REPORTS: [&str; 6] =
    ["WARNING: ", "BUG: ", "INFO: task ", "INFO: rcu", "UBSAN: ", "possible recursive locking"];

/// A kernel that complained is not a clean one, whatever its blocks hold.
fn kernel_report(logs: &Path) -> Result<(), Stop> {
    let boots = std::fs::read_dir(logs).into_iter().flatten().flatten();
    for boot in boots {
        let console = std::fs::read(boot.path().join("console.log")).unwrap_or_default();
        let console = String::from_utf8_lossy(&console);
        let lines: Vec<&str> = console.lines().collect();
        let hit = |line: &&str| REPORTS.iter().any(|report| line.contains(report));
        if let Some(at) = lines.iter().position(hit) {
            let next = "read the report: a bug of the kernel under test, or of its configuration";
            let mut trouble = Trouble::new("kernel-report", lines[at], next);
            trouble.console_tail = lines[at..lines.len().min(at + 40)].join("\n");
            return Err(trouble.into());
        }
    }
    Ok(())
}

/// The steps, one after the other, to the last judgement.
fn play(
    session: &mut Session<'_>,
    spec: &CaseSpec<'_>,
    case: &mut Case,
    on_event: &(dyn Fn(Event<'_>) + Sync),
) -> Result<(), Stop> {
    let steps = &spec.scenario.steps;
    for (number, step) in steps.iter().enumerate() {
        let what = step.describe();
        on_event(Event::Step { id: &spec.id, number: number + 1, of: steps.len(), what });
        if let Some(judgement) = session.step(step)? {
            case.sectors = judgement.counts;
            if let Some(verdict) = judgement.counts.worst() {
                case.outcome = Outcome::Verdict { verdict };
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_complains_is_trouble() {
        let logs = tempfile::tempdir().unwrap();
        let boot = logs.path().join("boot-1");
        std::fs::create_dir(&boot).unwrap();
        let console = boot.join("console.log");
        std::fs::write(&console, "[ 0.1] bcache: register_bdev() registered\n").unwrap();
        assert!(kernel_report(logs.path()).is_ok());
        let report = "[ 0.1] fine\n[ 1.0] WARNING: CPU: 0 PID: 7 at drivers/md/bcache/btree.c:1\n";
        std::fs::write(&console, report).unwrap();
        let Err(Stop::Trouble(trouble)) = kernel_report(logs.path()) else { panic!() };
        assert_eq!(trouble.what, "kernel-report");
        assert!(trouble.console_tail.starts_with("[ 1.0] WARNING"));
    }
}
