// SPDX-License-Identifier: MIT OR Apache-2.0
//! One attempt of one arm at one scenario, from fresh disks to its record.

use crate::complaint;
use crate::event::Event;
use crate::load;
use crate::machine::Machine;
use crate::notes::Notes;
use crate::session::{Session, disk_trouble};
use crate::tools::{ArmImage, Tools};
use crate::trouble::{Stop, Trouble};
use evidence::{Case, HarnessFailure, Outcome, SectorCounts, Verdict};
use proc::{Cancel, Cancelled};
use scenario::{Action, Disks, Scenario};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vm::{Vm, VmConfig};

/// What identifies a case; how it is scheduled is no part of it.
#[derive(Debug)]
pub struct CaseSpec<'a> {
    /// `ARM/SCENARIO/ATTEMPT`.
    pub id: String,
    arm: &'a ArmImage,
    scenario: &'a Scenario,
    attempt: u32,
    seed: u64,
    /// What an earlier play of the case left, to be judged again.
    left: Option<load::Left>,
}

impl<'a> CaseSpec<'a> {
    /// Not the load once more, but the judgement of the cut that went wrong.
    #[must_use]
    pub fn from_what_was_left(self, left: Option<load::Left>) -> Self {
        Self { left, ..self }
    }

    /// Whether a restored guest plays it as a booted one does.
    pub(crate) fn may_be_restored(&self) -> bool {
        self.scenario.restore
    }

    /// What is booted, on which disks, and how often.
    pub(crate) fn boots(&self) -> (&'a Path, &'a Disks, usize) {
        let again =
            self.scenario.steps.iter().filter(|step| matches!(step.action, Action::Boot(_)));
        let boots = 1 + again.count();
        (&self.arm.kernel, &self.scenario.disks, boots)
    }

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
            left: None,
        }
    }

    /// `case` once more: its id, its attempt, its seed.
    #[must_use]
    pub fn again(arm: &'a ArmImage, scenario: &'a Scenario, case: &Case) -> Self {
        let (id, attempt, seed) = (case.id.clone(), case.attempt, case.seed);
        Self { id, arm, scenario, attempt, seed, left: None }
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
        joined_from: None,
    };
    for (key, path) in [("logs", &logs), ("events", &events)] {
        case.files.insert(key.to_owned(), path.to_string_lossy().into_owned());
    }
    let result = set_up(spec, tools, &run_dir.join(&logs), cancel).and_then(|machine| {
        let (seed, events) = (spec.seed, run_dir.join(&events));
        let mut session = if spec.left.is_some() {
            Session::on_fresh_disks(scenario, machine, seed, &events, cancel)
        } else {
            let failing = tools.failing(spec.arm);
            Session::start(scenario, machine, failing, seed, &events, cancel)
        }?;
        let mut result = match &scenario.load {
            Some(plan) => {
                let say = |number, of, what| {
                    on_event(Event::Step { id: &spec.id, number, of, what });
                };
                load::play(&mut session, plan, spec.left.as_ref(), &mut case, &say)
            }
            None => play(&mut session, spec, &mut case, on_event),
        };
        result = result.and_then(|()| session.judge_failures());
        if let Err(Stop::Trouble(trouble)) = &mut result
            && trouble.what == HarnessFailure::NoAnswer
        {
            trouble.console_tail = session.diagnose();
        }
        let Notes { opportunities, observations, cuts, boots_ms, .. } =
            std::mem::take(&mut session.notes);
        (case.opportunities, case.observations) = (opportunities, observations);
        (case.cuts, case.boots_ms) = (cuts, boots_ms);
        result.and_then(|()| whole_log(&session))
    });
    let result = match result {
        // A guest that was ended by an interrupt may have been caught at anything.
        Err(Stop::Cancelled) => Err(Stop::Cancelled),
        result => {
            let known = &tools.known_reports;
            complaint::judge(result, &run_dir.join(&logs), known, &mut case.observations)
        }
    };
    match result {
        Ok(None) => {}
        Ok(Some(report)) => {
            case.outcome = Outcome::Verdict { verdict: Verdict::Report };
            // First, as it outweighs all that follows.
            case.observations.splice(0..0, report.lines());
        }
        Err(Stop::Closed(why)) => case.outcome = Outcome::Inconclusive { why },
        Err(Stop::Hung) => case.outcome = Outcome::Verdict { verdict: Verdict::Hung },
        Err(Stop::Trouble(trouble)) => case.outcome = trouble.into_outcome(),
        Err(Stop::Cancelled) => return Err(Cancelled),
    }
    // Trouble caused by an interrupt is no result.
    cancel.check()?;
    drop_log(run_dir, &mut case);
    case.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(case)
}

/// A load writes ten megabytes of events a second. They are kept where there
/// is something to explain.
fn drop_log(run_dir: &Path, case: &mut Case) {
    let explained = matches!(case.outcome, Outcome::Verdict { .. }) && !case.contradicts();
    if case.load.is_none() || !explained {
        return;
    }
    case.files.remove("events");
    case.files.remove("cut");
    let logs = case.files.get("logs").map(|logs| run_dir.join(logs));
    for entry in logs.into_iter().filter_map(|logs| std::fs::read_dir(logs).ok()).flatten() {
        let Ok(entry) = entry else { continue };
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("events") || name == "cut.json" {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The machine that the case is played on, with empty logs.
fn set_up(
    spec: &CaseSpec<'_>,
    tools: &Tools,
    logs: &Path,
    cancel: &Cancel,
) -> Result<Machine, Stop> {
    cancel.check()?;
    let full = |error: std::io::Error| {
        let next = "free some space, or choose another folder with --out";
        let what = format!("cannot create the log folder: {error}");
        Trouble::new(HarnessFailure::NoSpace, what, next)
    };
    // A case that is run again starts with empty logs.
    let _ = std::fs::remove_dir_all(logs);
    std::fs::create_dir_all(logs).map_err(full)?;
    let mut guest = tools.guest(&spec.arm.kernel, logs.to_owned());
    let disks = &spec.scenario.disks;
    if let Some(guests) = &tools.guests
        && spec.may_be_restored()
    {
        let save = |logs: &Path, path: &Path| save(&guest, tools, disks, logs, path, cancel);
        guest.saved = guests.get(&guest.kernel, disks, save)?;
    }
    Machine::new(guest, tools, disks).map_err(disk_trouble)
}

/// Boots a guest without a case and saves it in `path`.
fn save(
    guest: &VmConfig,
    tools: &Tools,
    disks: &Disks,
    logs: &Path,
    path: &Path,
    cancel: &Cancel,
) -> Result<(), Stop> {
    let guest = VmConfig { work_dir: logs.join("boot-1"), ..guest.clone() };
    let machine = Machine::on_plain_disks(guest, tools, disks).map_err(disk_trouble)?;
    Vm::boot_and_save(&machine.config, path, cancel)?;
    complaint::none(logs, tools)
}

/// A verdict without the events that it rests on would be a bare claim.
fn whole_log(session: &Session<'_>) -> Result<(), Stop> {
    session.rig.flush_log().map_err(|error| {
        let next = "free some space, or choose another folder with --out; only cases without a \
                    verdict are repeated";
        Trouble::new(
            HarnessFailure::NoSpace,
            format!("the event log cannot be written: {error}"),
            next,
        )
        .into()
    })
}

/// What counts of two judgements: what was wrong once is not mended by being
/// overwritten.
fn worse(before: SectorCounts, now: SectorCounts) -> SectorCounts {
    if now.worst() < before.worst() { before } else { now }
}

/// The steps, one after the other; of several judgements the worst counts.
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
            case.sectors = worse(std::mem::take(&mut case.sectors), judgement.counts);
            if let Some(verdict) = case.sectors.worst() {
                let flaw = (!session.notes.imprecise.is_empty()).then_some(Verdict::Imprecise);
                let verdict = verdict.max(flaw.unwrap_or(Verdict::Ok));
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
    fn a_judgement_is_not_mended_by_the_next() {
        let of = |verdict| {
            let mut counts = SectorCounts::default();
            counts.add(verdict, 8);
            counts
        };
        let (ok, stale, lost) = (of(Verdict::Ok), of(Verdict::Stale), of(Verdict::Lost));
        assert_eq!(worse(SectorCounts::default(), ok.clone()), ok);
        assert_eq!(worse(stale.clone(), ok.clone()), stale);
        assert_eq!(worse(ok, stale.clone()), stale);
        assert_eq!(worse(stale, lost.clone()), lost);
    }
}
