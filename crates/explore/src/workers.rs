// SPDX-License-Identifier: MIT OR Apache-2.0
//! Several machines at once; the states are made one after the other.

use crate::attempt::attempt;
use crate::error::ExploreError;
use crate::report::{StateRecord, Tried, hex};
use crate::search::Search;
use crate::spec::Progress;
use crate::station::Start;
use judge::state::Outcome;
use scenario::Kind;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use vdisk::crash::{CrashState, States};

/// Without a verdict this often, something is wrong with the machine.
const MOST_FAILURES: usize = 8;

/// What the machines have come to so far.
struct Sheet<'a> {
    tried: &'a mut Tried,
    seen: HashSet<Kind>,
    /// Of those that are to be tried; `tried` may have others as well.
    done: usize,
    failures: usize,
    error: Option<ExploreError>,
}

impl Search<'_> {
    /// Tries the states `todo`, which are those of `of` that `tried` lacks.
    pub(crate) fn try_all(
        &self,
        todo: &HashSet<u128>,
        of: usize,
        tried: &mut Tried,
        saved: &Path,
    ) -> Result<(), ExploreError> {
        let known = of - todo.len();
        let seen = tried.records.iter().flat_map(|r| r.outcome.kinds()).collect();
        let sheet = Mutex::new(Sheet { tried, seen, done: known, failures: 0, error: None });
        let stop = |error: ExploreError| {
            if let Ok(mut sheet) = sheet.lock() {
                sheet.error.get_or_insert(error);
            }
        };
        let jobs = self.spec.tools.jobs.clamp(1, todo.len().max(1));
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel::<CrashState>(1);
            // Gone with the last machine, so that nobody waits for one.
            let receiver = std::sync::Arc::new(Mutex::new(receiver));
            for job in 1..=jobs {
                let (receiver, sheet, stop) = (std::sync::Arc::clone(&receiver), &sheet, &stop);
                scope.spawn(move || {
                    let name = format!("station-{job}");
                    if let Err(error) = self.work(&name, &receiver, sheet, of, saved) {
                        stop(error);
                    }
                });
            }
            drop(receiver);
            if let Err(error) = self.feed(todo, &sender) {
                stop(error);
            }
            drop(sender);
        });
        self.cancel.check()?;
        match sheet.into_inner() {
            Ok(Sheet { error: Some(error), .. }) => Err(error),
            _ => Ok(()),
        }
    }

    /// One machine after the other, until there are no states left or another
    /// worker has failed.
    fn work(
        &self,
        name: &str,
        states: &Mutex<Receiver<CrashState>>,
        sheet: &Mutex<Sheet<'_>>,
        of: usize,
        saved: &Path,
    ) -> Result<(), ExploreError> {
        let station = self.station(name)?;
        loop {
            let next = states.lock().ok().and_then(|states| states.recv().ok());
            let Some(state) = next else { return Ok(()) };
            let instants = self.catalogue.occurrences(state.fingerprint);
            let start = Start::Saved(saved);
            let outcome = attempt(&self.oracle, &station, &state, instants, start)?;
            let Ok(mut sheet) = sheet.lock() else { return Ok(()) };
            sheet.count_failure(&outcome);
            for kind in outcome.kinds() {
                if sheet.seen.insert(kind.clone()) {
                    (self.on)(Progress::Found(kind));
                }
            }
            sheet.tried.add(StateRecord {
                number: state.number,
                before: state.before(),
                fingerprint: hex(state.fingerprint),
                how: state.how,
                lost: state.lost().len(),
                outcome,
            });
            let records = &sheet.tried.records;
            let bad = records.iter().filter(|r| !r.outcome.kinds().is_empty()).count();
            sheet.done += 1;
            (self.on)(Progress::Tried { done: sheet.done, of, bad });
            if sheet.error.is_some() {
                return Ok(());
            }
        }
    }

    /// Makes the states and hands them out until nobody takes them any more.
    fn feed(
        &self,
        todo: &HashSet<u128>,
        sender: &SyncSender<CrashState>,
    ) -> Result<(), ExploreError> {
        for state in States::new(self.log, self.life, self.plan)? {
            self.cancel.check()?;
            let state = state?;
            if todo.contains(&state.fingerprint) && sender.send(state).is_err() {
                break;
            }
        }
        Ok(())
    }
}

impl Sheet<'_> {
    fn count_failure(&mut self, outcome: &Outcome) {
        let Outcome::Harness { message } = outcome else { return };
        self.failures += 1;
        if self.failures > MOST_FAILURES {
            self.error.get_or_insert(ExploreError::Failures { message: message.clone() });
        }
    }
}
