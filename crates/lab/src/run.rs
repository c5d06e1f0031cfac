// SPDX-License-Identifier: MIT OR Apache-2.0
//! A whole run: arms × scenarios × attempts, several machines at once, every
//! finished case saved before the next one starts.

use crate::case::{CaseSpec, run_case};
use crate::event::Event;
use crate::saved::SavedGuests;
use crate::tools::{ArmImage, Tools};
use evidence::{Case, Outcome, RunRecord, Store, StoreError};
use proc::Cancel;
use scenario::Scenario;
use std::sync::{Arc, Mutex};

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The results cannot be kept; the cases saved before are safe.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The user asked to stop; finished cases are saved, the record says
    /// `incomplete`.
    #[error(transparent)]
    Cancelled(#[from] proc::Cancelled),
}

/// Runs every case that `record` does not hold yet. `record` is saved after
/// each one and left complete, or marked incomplete.
///
/// # Errors
/// [`RunError`]; trouble inside a case is that case's outcome, not an error.
pub fn run(
    record: &mut RunRecord,
    store: &Store,
    arms: &[ArmImage],
    scenarios: &[Scenario],
    tools: &Tools,
    on_event: &(dyn Fn(Event<'_>) + Sync),
    cancel: &Cancel,
) -> Result<(), RunError> {
    run_some(record, store, arms, scenarios, tools, &|_| true, on_event, cancel)
}

/// As [`run`], but only the cases whose id is `wanted`: a shard. The record
/// stays incomplete while others are missing.
///
/// # Errors
/// As [`run`].
#[allow(clippy::too_many_arguments, reason = "as `run`, with one more")]
pub fn run_some(
    record: &mut RunRecord,
    store: &Store,
    arms: &[ArmImage],
    scenarios: &[Scenario],
    tools: &Tools,
    wanted: &dyn Fn(&str) -> bool,
    on_event: &(dyn Fn(Event<'_>) + Sync),
    cancel: &Cancel,
) -> Result<(), RunError> {
    // Only verdicts are kept from an earlier, interrupted run: everything
    // else deserves another try.
    record.cases.retain(|case| matches!(case.outcome, Outcome::Verdict { .. }));
    let specs = plan(record, arms, scenarios);
    let planned = specs.iter().filter(|spec| wanted(&spec.id)).count();
    let todo: Vec<&CaseSpec<'_>> = specs
        .iter()
        .filter(|spec| wanted(&spec.id) && !record.cases.iter().any(|case| case.id == spec.id))
        .collect();
    record.summarise();
    store.save(record)?;
    let mut tools = tools.clone();
    if tools.restore {
        // Without the folder every case boots by itself.
        let boots = todo.iter().filter(|spec| spec.may_be_restored()).map(|spec| spec.boots());
        tools.guests = SavedGuests::new(store.dir(), boots).ok().map(Arc::new);
    }
    let tools = &tools;

    let queue = Mutex::new(todo.into_iter());
    let shared = Mutex::new((record, None::<RunError>));
    std::thread::scope(|scope| {
        for _ in 0..tools.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().ok().and_then(|mut queue| queue.next());
                    let Some(spec) = next else { break };
                    on_event(Event::Started { id: &spec.id });
                    let Ok(case) = run_case(spec, tools, store.dir(), on_event, cancel) else {
                        break;
                    };
                    let Ok(mut shared) = shared.lock() else { break };
                    let (record, failed) = &mut *shared;
                    insert(&mut record.cases, case.clone(), &specs);
                    record.summarise();
                    let done = record.cases.len();
                    if let Err(error) = store.save(record) {
                        *failed = Some(error.into());
                    }
                    if failed.is_some() {
                        break;
                    }
                    on_event(Event::Finished { case: &case, done, of: planned });
                }
            });
        }
    });
    let failed = shared.into_inner().ok().and_then(|(_, failed)| failed);
    match failed {
        Some(error) => Err(error),
        None => Ok(cancel.check()?),
    }
}

/// Cases in table order; attempts outermost, so that arms are interleaved and
/// an interrupted run has something of everything.
fn plan<'a>(
    record: &RunRecord,
    arms: &'a [ArmImage],
    scenarios: &'a [Scenario],
) -> Vec<CaseSpec<'a>> {
    let mut specs = Vec::new();
    for attempt in 1..=record.attempts {
        for scenario in scenarios {
            for arm in arms {
                specs.push(CaseSpec::new(arm, scenario, attempt, record.seed));
            }
        }
    }
    specs
}

/// Keeps the record in plan order, whichever case ends first.
fn insert(cases: &mut Vec<Case>, case: Case, specs: &[CaseSpec<'_>]) {
    let rank = |id: &str| specs.iter().position(|spec| spec.id == id);
    let at = cases.partition_point(|other| rank(&other.id) < rank(&case.id));
    cases.insert(at, case);
}
