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
        Stop::Hung => Ok(Outcome::Harness { message: "what was begun did not end".to_owned() }),
        Stop::Trouble(trouble) => {
            let message = format!("{}\n{}", trouble.message, trouble.console_tail);
            Ok(match trouble.what {
                // bch_btree_node_read_done takes a set whose checksum does not
                // fit for a broken cache, also where it was torn on its way.
                "guest-refused" if story.tears_a_set(losses, before) => {
                    Outcome::Unusable { how: "torn-set".to_owned(), message }
                }
                how @ ("guest-refused" | "panicked" | "oops" | "hung") => {
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
