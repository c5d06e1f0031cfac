// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a scenario is: pure data, read from files and checked. Nothing here
//! boots, writes or judges.

mod cause;
mod check;
mod error;
mod exploration;
pub mod layout;
mod load;
mod number;
mod permit;
mod read;
#[cfg(test)]
mod reference;
mod scenario;
mod setup;
mod staged;
mod step;
mod volume;

pub use cause::Cause;
pub use check::{check, template};
pub use error::ScenarioError;
pub use exploration::{Expectations, Kind, Unusable};
pub use load::{
    Bypass, Change, Changes, Cycles, Delays, Job, JobFile, JobText, LoadPlan, Settings, StampedArea,
};
pub use permit::Permits;
pub use read::{files, load, load_all, parse, parse_with};
pub use scenario::Scenario;
pub use setup::{BcacheSetup, Block, CacheMode, DiskSetup, Disks};
pub use step::*;
pub use volume::Volume;
