// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scenario (data) → steps → observations → oracle → verdict.

mod bcache;
mod case;
mod error;
pub mod explore;
mod failing;
mod guest;
mod judge;
mod kernel_report;
mod kunit;
mod lifecycle;
mod load;
mod oracle;
pub mod perf;
mod precision;
mod pressure;
mod provenance;
mod ranges;
mod run;
mod saved;
mod scenario;
mod session;
mod shell;
mod step;
mod steps;
mod timeline;
mod trouble;
mod watch;
mod witness;

pub use case::{CaseSpec, run_case};
pub use error::ScenarioError;
pub use kernel_report::KnownReport;
pub use kunit::{KunitCase, KunitEnd, KunitError, KunitRun, KunitRunError, kunit_cases, run_kunit};
pub use load::{Bypass, Cycles, Delays, Job, JobText, Left, LoadPlan, Settings, StampedArea};
pub use oracle::{Finding, Judgement, Readback, judge};
pub use provenance::{host, now, tool};
pub use run::{ArmImage, Event, Fail, RunError, Tools, run, run_some};
pub use saved::SavedGuests;
pub use scenario::{
    BcacheSetup, Block, CacheMode, DiskSetup, Disks, Scenario, load_all, parse, parse_with,
};
pub use shell::{Shell, ShellError, ShellSpec};
pub use step::{
    Counter, CutKind, Disk, HoldOp, HoldPhase, LifeEvent, LifeState, OpenWrites, Setting, Spoil,
    Step,
};
pub use timeline::{Focus, TimelineError, timeline};
pub use witness::{Allowed, Tick, Witness};
