// SPDX-License-Identifier: MIT OR Apache-2.0
//! One state tried on a machine.

use crate::error::ExploreError;
use crate::station::{Start, Station};
use judge::state::{Court, Instant, Outcome};
use judge::story::{Losses, Story};
use lab::Stop;
use vdisk::crash::CrashState;

/// What a failure on a state, which has lost `losses` in a cut before event
/// `before`, says about the state.
fn failure(
    stop: Stop,
    story: &Story,
    losses: &Losses,
    before: u64,
) -> Result<Outcome, ExploreError> {
    match stop {
        Stop::Cancelled => Err(ExploreError::Cancelled(proc::Cancelled)),
        Stop::Closed(message) => Ok(Outcome::Harness { message }),
        Stop::Trouble(trouble) => {
            let message = format!("{}\n{}", trouble.message, trouble.console_tail);
            Ok(match trouble.what {
                // bch_btree_node_read_done takes a set whose checksum does not
                // fit for a broken cache, also where it was torn on its way.
                "guest-refused" if story.tears_a_set(losses, before) => {
                    Outcome::Unusable { how: "torn-set".to_owned(), message }
                }
                how @ ("guest-refused" | "panicked" | "oops" | "hung" | "kernel-report") => {
                    Outcome::Unusable { how: how.to_owned(), message }
                }
                what => Outcome::Harness { message: format!("{what}: {message}") },
            })
        }
    }
}

/// Tries a state; what is not a clear answer is asked again.
pub(crate) fn attempt(
    court: &Court<'_>,
    station: &Station<'_>,
    state: &CrashState,
    instants: &[Instant],
    start: Start<'_>,
) -> Result<Outcome, ExploreError> {
    let losses = Losses::of(state);
    let once = || match station.observe(state, start) {
        Ok(seen) => Ok(court.judge(&seen, &losses, instants)),
        Err(stop) => failure(stop, court.story, &losses, state.before()),
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
            Some(failure(stop, &Story::default(), &Losses::default(), 1).unwrap())
        };
        assert_eq!(judged("[    1.0] bcache: register_bcache() registered\n"), None);
        let outcome = judged("[    1.0] WARNING: possible circular locking dependency detected\n");
        let kinds = outcome.unwrap().kinds();
        assert!(kinds.iter().any(|kind| kind.0 == "unusable/kernel-report"), "{kinds:?}");
    }
}
