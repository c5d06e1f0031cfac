// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bad states made small, sure and understandable; and one state once more.

use crate::attempt::attempt;
use crate::catalogue::Catalogue;
use crate::error::ExploreError;
use crate::record;
use crate::report::{Counterexample, Exploration, StateRecord};
use crate::search::{SavedGuest, Search, lock};
use crate::spec::{Progress, Spec};
use crate::station::{Start, Station};
use judge::decode::Devices;
use judge::explain;
use judge::state::{Instant, Outcome, StateOracle};
use judge::trace::Trace;
use proc::Cancel;
use scenario::Kind;
use std::path::Path;
use vdisk::crash::{CrashState, States};
use vdisk::log::Log;

/// One state tried again.
#[derive(Debug)]
pub struct Replay {
    /// What a cold boot on it showed.
    pub outcome: Outcome,
    /// One for each kind of what is wrong.
    pub counterexamples: Vec<Counterexample>,
}

/// Tries state `number` of the exploration in `dir` once more, from a cold
/// boot, and shrinks and tells what is wrong with it.
///
/// # Errors
/// [`ExploreError`]; also when nothing was recorded in `dir`, or there is no
/// such state.
pub fn replay(
    spec: &Spec<'_>,
    dir: &Path,
    number: u64,
    on: &(dyn Fn(Progress) + Sync),
    cancel: &Cancel,
) -> Result<Replay, ExploreError> {
    let none = |what| ExploreError::Nothing { path: dir.to_owned(), what };
    if !dir.is_dir() {
        return Err(none("no exploration"));
    }
    let _lock = lock(dir)?;
    let recording = record::load(dir, spec)?.ok_or_else(|| none("no recording"))?;
    let log = Log::open(&record::events(dir))?;
    let life = log.lives.first().ok_or_else(|| none("no events"))?;
    let trace = Trace::read(&log, life, Devices::new(&spec.scenario.volumes()));
    let search = Search {
        spec,
        dir,
        log: &log,
        life,
        plan: spec.plan(),
        catalogue: &Catalogue::default(),
        oracle: StateOracle { recording: &recording, trace: &trace },
        on,
        cancel,
    };
    let state = search.state(number)?.ok_or_else(|| none("no state of this number"))?;
    let saved = SavedGuest::new(dir);
    let station = search.station("replay")?;
    station.save(&saved.path)?;
    let instants = [Instant { number, before: state.before() }];
    let outcome = attempt(&search.oracle, &station, &state, &instants, Start::Cold)?;
    let mut counterexamples = Vec::new();
    for kind in outcome.kinds() {
        counterexamples.push(search.shrink(state.clone(), &kind, 1, &station, &saved.path)?);
    }
    Ok(Replay { outcome, counterexamples })
}

impl Search<'_> {
    /// A state by its number, duplicates counted.
    fn state(&self, number: u64) -> Result<Option<CrashState>, ExploreError> {
        let mut all = States::new(self.log, self.life, self.plan)?.with_duplicates();
        let found = all.find(|state| state.as_ref().map_or(true, |state| state.number == number));
        Ok(found.transpose()?)
    }

    /// One per kind: the state with the fewest losses, shrunk, booted cold.
    pub fn counterexamples(
        &self,
        exploration: &Exploration,
        saved: &Path,
    ) -> Result<Vec<Counterexample>, ExploreError> {
        if exploration.kinds.is_empty() {
            return Ok(Vec::new());
        }
        let station = self.station("confirm")?;
        let mut examples = Vec::new();
        for (kind, &states) in &exploration.kinds {
            let with = |r: &&StateRecord| r.outcome.kinds().contains(kind);
            let Some(best) = exploration.states.iter().filter(with).min_by_key(|r| r.lost) else {
                continue;
            };
            let number = match &best.outcome {
                Outcome::Bad { ranges } => ranges
                    .iter()
                    .find(|range| range.kind == *kind)
                    .map_or(best.number, |range| range.number),
                // Numbers count duplicates in both enumerations.
                _ => best.number,
            };
            let Some(state) = self.state(number)? else { continue };
            examples.push(self.shrink(state, kind, states, &station, saved)?);
        }
        Ok(examples)
    }

    fn shrink(
        &self,
        state: CrashState,
        kind: &Kind,
        states: usize,
        station: &Station<'_>,
        saved: &Path,
    ) -> Result<Counterexample, ExploreError> {
        let (number, before) = (state.number, state.before());
        let instants = [Instant { number, before }];
        let shows = |state: &CrashState, start| {
            let outcome = attempt(&self.oracle, station, state, &instants, start)?;
            Ok::<_, ExploreError>((outcome.kinds().contains(kind), outcome))
        };
        let lost_before = state.lost().len();
        let (mut tries, mut best) = (0, lost_before);
        let shrunk = state.shrink(|candidate| {
            tries += 1;
            let bad = shows(candidate, Start::Saved(saved))?.0;
            if bad {
                best = candidate.lost().len();
            }
            (self.on)(Progress::Shrinking { kind: kind.clone(), lost: best });
            Ok::<_, ExploreError>(bad)
        })?;
        let (confirmed, outcome) = shows(&shrunk, Start::Cold)?;
        let lost = shrunk.lost().len();
        let story = explain::tell(
            self.oracle.trace,
            self.oracle.recording,
            &shrunk,
            kind,
            &outcome,
            before,
        );
        Ok(Counterexample {
            kind: kind.clone(),
            expected: self.spec.allows(kind),
            states,
            number,
            before,
            lost_before_shrinking: lost_before,
            lost,
            tries,
            confirmed,
            story,
        })
    }
}
