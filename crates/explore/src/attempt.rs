// SPDX-License-Identifier: MIT OR Apache-2.0
//! One state tried on a machine.

use crate::error::ExploreError;
use crate::station::{Start, Station};
use evidence::HarnessFailure;
use judge::state::{Instant, Outcome, StateOracle};
use judge::trace::{Losses, Trace};
use lab::Stop;
use scenario::Unusable;
use vdisk::crash::CrashState;

/// What a failure on a state, which has lost `losses` in a cut before event
/// `before`, says about the state.
fn failure(
    stop: Stop,
    trace: &Trace,
    losses: &Losses,
    before: u64,
) -> Result<Outcome, ExploreError> {
    match stop {
        Stop::Cancelled => Err(ExploreError::Cancelled(proc::Cancelled)),
        Stop::Closed(message) => Ok(Outcome::Harness { message }),
        Stop::Hung => Ok(Outcome::Harness { message: "what was begun did not end".to_owned() }),
        Stop::Trouble(trouble) => {
            let message = format!("{}\n{}", trouble.message, trouble.console_tail);
            let how = match trouble.what {
                // bch_btree_node_read_done takes a set whose checksum does not
                // fit for a broken cache, also where it was torn on its way.
                HarnessFailure::GuestRefused if trace.tears_a_set(losses, before) => {
                    Unusable::TornSet
                }
                HarnessFailure::GuestRefused => Unusable::GuestRefused,
                HarnessFailure::Panicked => Unusable::Panicked,
                HarnessFailure::Oops => Unusable::Oops,
                HarnessFailure::Hung => Unusable::Hung,
                HarnessFailure::KernelReport => Unusable::KernelReport,
                what => return Ok(Outcome::Harness { message: format!("{what}: {message}") }),
            };
            Ok(Outcome::Unusable { how, message })
        }
    }
}

/// Tries a state; what is not a clear answer is asked again.
pub(crate) fn attempt(
    oracle: &StateOracle<'_>,
    station: &Station<'_>,
    state: &CrashState,
    instants: &[Instant],
    start: Start<'_>,
) -> Result<Outcome, ExploreError> {
    let losses = Losses::of(state);
    let once = || match station.observe(state, start) {
        Ok(seen) => Ok(oracle.judge(&seen, &losses, instants)),
        Err(stop) => failure(stop, oracle.trace, &losses, state.before()),
    };
    match once()? {
        Outcome::Harness { .. } | Outcome::Unusable { .. } => once(),
        clear => Ok(clear),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab::{Tools, complaint};

    #[test]
    fn what_the_kernel_reports_on_a_state_is_bad() {
        let logs = tempfile::tempdir().unwrap();
        let boot = logs.path().join("boot-1");
        std::fs::create_dir(&boot).unwrap();
        let judged = |console: &str| {
            std::fs::write(boot.join("console.log"), console).unwrap();
            let stop = complaint::none(logs.path(), &Tools::default()).err()?;
            Some(failure(stop, &Trace::default(), &Losses::default(), 1).unwrap())
        };
        assert_eq!(judged("[    1.0] bcache: register_bcache() registered\n"), None);
        let outcome = judged("[    1.0] WARNING: possible circular locking dependency detected\n");
        let kinds = outcome.unwrap().kinds();
        assert!(kinds.iter().any(|kind| kind.to_string() == "unusable/kernel-report"), "{kinds:?}");
    }
}
