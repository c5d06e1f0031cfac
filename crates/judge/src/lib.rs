// SPDX-License-Identifier: MIT OR Apache-2.0
//! From what was seen to verdicts: the witness, the oracle, what the disks'
//! events mean, and why a cut left what it left. Nothing here boots a machine;
//! a recorded log is enough to test all of it.

pub mod cause;
pub mod decode;
pub mod explain;
pub mod history;
pub mod kernel_report;
pub mod ledger;
pub mod oracle;
pub mod ranges;
mod recording;
pub mod state;
pub mod tally;
mod timeline;
pub mod trace;
pub mod watch;
pub mod witness;

pub use recording::Recording;
pub use timeline::{Focus, TimelineError, timeline};
