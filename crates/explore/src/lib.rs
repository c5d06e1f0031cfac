// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every crash state of a recorded run (X1).
//!
//! A scenario is played up to its first cut on disks that log everything. From
//! the log follows every content that a power cut could have left on the two
//! disks; each is booted from one saved machine, bcache is registered on it,
//! and the oracle judges what it returns by what had been promised at that
//! instant. What is bad is confirmed by a cold boot, shrunk to the fewest lost
//! writes, and told in the disk's terms.

mod attempt;
mod catalogue;
mod confirm;
mod error;
mod record;
mod report;
mod search;
mod spec;
mod station;
mod workers;

pub use confirm::{Replay, replay};
pub use error::ExploreError;
pub use judge::Recording;
pub use judge::state::Outcome;
pub use report::{Counterexample, Exploration, StateRecord};
pub use search::explore;
pub use spec::{Progress, Spec};
