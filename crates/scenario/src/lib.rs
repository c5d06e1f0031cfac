// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a scenario is: pure data, read from files and checked. Nothing here
//! boots, writes or judges.

mod check;
mod error;
pub mod layout;
mod load;
mod permit;
mod read;
#[cfg(test)]
mod reference;
mod scenario;
mod setup;
mod staged;
mod step;

pub use check::{check, template};
pub use error::ScenarioError;
pub use load::{Bypass, Cycles, Delays, Job, JobFile, JobText, LoadPlan, Settings, StampedArea};
pub use permit::{Cause, Permits};
pub use read::{load_all, parse, parse_with};
pub use scenario::Scenario;
pub use setup::{BcacheSetup, Block, CacheMode, DiskSetup, Disks};
pub use step::{
    Action, AdvanceJournal, AwaitDropped, AwaitHeld, AwaitInvalidation, AwaitJournaled, AwaitState,
    Boot, CheckCounter, Congested, Counter, Cut, CutKind, Discard, Disk, Evict, Exhaust, Fill,
    FillCache, Flush, Hold, HoldCacheWrite, HoldInvalidation, HoldOp, HoldPhase, HoldPriorities,
    Join, JoinRead, Judge, Life, LifeEvent, LifeState, Mention, NoInvalidation, OpenWrites, Piece,
    Prime, Proof, Read, ReadPieces, Release, Set, SetCacheMode, Setting, Settle, Spoil,
    SpoilCacheWrite, StartRead, Step, Uncached, Verb, Write, WriteLeaf, WritePieces,
};
