// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is common to all verbs when they are played.

use crate::session::Session;
use crate::trouble::Stop;
use judge::oracle::Judgement;
use std::time::Duration;

/// Longer than the journal delay, so that a journal write still to come is
/// not mistaken for quiet.
pub(super) const QUIET: Duration = Duration::from_millis(150);

/// What came of a step that was carried out.
#[derive(Debug)]
pub enum Seen {
    /// It has nothing to show.
    Done,
    /// What it was to show is so, in words.
    Open(String),
    /// It is not so, and why.
    Closed(String),
    /// The same, where that is a remark and no more unless the step says `proves`.
    Absent(String),
    /// What the oracle says.
    Judged(Judgement),
}

impl Seen {
    pub(super) fn of(shown: Result<String, String>) -> Self {
        match shown {
            Ok(detail) => Self::Open(detail),
            Err(why) => Self::Closed(why),
        }
    }
}

/// A verb as it is played.
pub(super) trait Play {
    /// Carries it out. An error is trouble of the harness, or a word to stop.
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop>;
}
