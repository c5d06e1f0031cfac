// SPDX-License-Identifier: MIT OR Apache-2.0
//! One night beside the nights before it.
//!
//! A night becomes one line of a history file: its verdicts and its figures.
//! A figure counts as changed only when a test that assumes nothing about its
//! distribution says so ([`change`]); a verdict as soon as it contradicts.

mod change;
mod nights;
mod report;

pub use change::{Change, LEAST_NIGHTS, change};
pub use nights::{Figure, History, HistoryError, Night};
pub use report::{Report, Unbuilt, report};
