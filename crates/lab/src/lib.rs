// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scenario (data) → steps → observations → oracle → verdict.

mod error;
mod oracle;
mod scenario;
mod step;
mod witness;

pub use error::ScenarioError;
pub use oracle::{Finding, Judgement, Readback, judge};
pub use scenario::{BcacheSetup, Block, CacheMode, DiskSetup, Disks, Scenario, load_all, parse};
pub use step::{CutKind, Disk, HoldOp, HoldPhase, Step, Unflushed};
pub use witness::{Allowed, Tick, Witness};
