// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every crash state of a recorded run (X1).
//!
//! A scenario is played up to its first cut on disks that log everything. From
//! the log follows every content that a power cut could have left on the two
//! disks; each is booted from one saved machine, bcache is registered on it,
//! and the oracle judges what it returns by what had been promised at that
//! instant. What is bad is confirmed by a cold boot, shrunk to the fewest lost
//! writes, and told in the disk's terms.

mod catalogue;
mod court;
mod error;
mod explain;
mod history;
mod kind;
mod record;
mod report;
mod search;
mod station;
mod story;

pub use error::ExploreError;
pub use history::{History, Life, Told};
pub use kind::{Cause, Expectations, Kind};
pub use record::Recording;
pub use report::{Counterexample, Exploration, Outcome, StateRecord};
pub use search::{Progress, Spec, explore};
pub(crate) use story::{What, what};
