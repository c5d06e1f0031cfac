// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the lab sees of the sequence while it goes on.

use crate::event::{Event, Kind, Mark};
use crate::rig::{LOOK, Rig};
use proc::Cancel;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why no event satisfied a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// Not in time.
    #[error("no such event in time")]
    Timeout,
    /// The user asked to stop.
    #[error("interrupted")]
    Cancelled,
    /// The wait starts so far back that events are no longer kept.
    #[error("events before {oldest} are no longer kept in memory")]
    Forgotten {
        /// The oldest event that is.
        oldest: u64,
    },
}

impl Rig {
    /// Puts a step of the scenario into the sequence; returns its number.
    pub fn mark(&self, text: &str) -> u64 {
        self.mark_as(Mark::Step, text)
    }

    /// As [`Rig::mark`], for any word of the lab.
    pub fn mark_as(&self, mark: Mark, text: &str) -> u64 {
        self.shared.update(|state| state.note(Kind::Mark(mark, Arc::from(text))))
    }

    /// Sequence number of the newest event; 0 when there is none.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.shared.state().seq()
    }

    /// The events from `seq` (inclusive) on that are still kept in memory,
    /// some 260,000; a gap shows in the first one's number.
    #[must_use]
    pub fn events_since(&self, seq: u64) -> Vec<Event> {
        self.shared.state().history.since(seq, usize::MAX).cloned().collect()
    }

    /// What the write with this request number carried, if it is among the
    /// last 32 MiB written.
    #[must_use]
    pub fn payload(&self, request: u64) -> Option<Arc<Vec<u8>>> {
        self.shared.state().history.payload(request)
    }

    /// Waits for the first event from `seq` (inclusive) on that satisfies
    /// `wanted`, past ones included. `wanted` also sees the payload of the
    /// write that the event is about (see [`Rig::payload`]; empty otherwise).
    ///
    /// # Errors
    /// [`WaitError`].
    pub fn wait_for(
        &self,
        seq: u64,
        deadline: Duration,
        cancel: &Cancel,
        mut wanted: impl FnMut(&Event, &[u8]) -> bool,
    ) -> Result<Event, WaitError> {
        const BATCH: usize = 256;
        let end = Instant::now() + deadline;
        let mut next = seq.max(1);
        loop {
            let mut state = self.shared.state();
            if state.seq() < next {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(WaitError::Timeout);
                }
                state = self.shared.wait(state, left.min(LOOK));
            }
            let oldest = state.history.oldest();
            if oldest > next {
                return Err(WaitError::Forgotten { oldest });
            }
            // Copied, so that the disks go on while `wanted` thinks.
            let batch: Vec<_> = state
                .history
                .since(next, BATCH)
                .map(|event| (event.clone(), state.history.payload(event.request)))
                .collect();
            drop(state);
            for (event, payload) in batch {
                next = event.seq + 1;
                if wanted(&event, payload.as_ref().map_or(&[], |data| data)) {
                    return Ok(event);
                }
            }
            if cancel.is_cancelled() {
                return Err(WaitError::Cancelled);
            }
        }
    }
}
