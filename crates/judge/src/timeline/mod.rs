// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a case's event log to the time line of its race.
//!
//! What the disks saw is told as it was seen. What bcache did between the
//! requests (a placeholder planted, a fill refused) is only concluded from
//! them, and says so.

mod focus;
mod skipped;
mod walk;

pub use focus::Focus;

use evidence::{Case, Timeline};
use std::path::Path;
use vdisk::log::{Log, LogError};

/// Why there is no time line.
#[derive(Debug, thiserror::Error)]
pub enum TimelineError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Nothing in the log that a reader would ask for.
    #[error(
        "{case}: nothing says which block the race was about; name its sector on the bcache \
         device with --sector"
    )]
    NoFocus {
        /// The case.
        case: String,
    },
}

/// The time line of `case`, whose event log is at `events`. Without `focus`,
/// the blocks that the case's own words name.
///
/// # Errors
/// [`TimelineError`]; a log that ends early is told as far as it goes.
pub fn timeline(
    case: &Case,
    events: &Path,
    focus: Option<Focus>,
) -> Result<Timeline, TimelineError> {
    let log = Log::open(events)?;
    let found = focus.or_else(|| Focus::find(case, &log));
    let focus = found.ok_or_else(|| TimelineError::NoFocus { case: case.id.clone() })?;
    Ok(walk::walk(case, &log, &focus))
}
