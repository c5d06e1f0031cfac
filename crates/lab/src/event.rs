// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run tells while it goes on.

use evidence::Case;

/// What happens while a run goes on.
#[derive(Debug)]
pub enum Event<'a> {
    /// A case has begun.
    Started {
        /// Its id.
        id: &'a str,
    },
    /// A case has come to a step.
    Step {
        /// Its id.
        id: &'a str,
        /// From 1.
        number: usize,
        /// How many the scenario has.
        of: usize,
        /// The step in words.
        what: String,
    },
    /// A case is over and saved.
    Finished {
        /// The record.
        case: &'a Case,
        /// Cases finished so far, kept ones included.
        done: usize,
        /// Cases planned.
        of: usize,
    },
}
