// SPDX-License-Identifier: MIT OR Apache-2.0
//! The results format (design.md section 9), where runs are kept, and the
//! tables that people read. The one place that knows what `run.json` looks
//! like.
#![allow(missing_docs)] // a comment stands where a name does not say it

mod check;
mod cover;
mod export;
mod gather;
mod harness;
mod identity;
mod load;
mod load_table;
mod look;
mod mail;
pub mod nightly;
mod number;
mod observation;
mod origin;
mod outcome;
mod perf;
mod perf_table;
pub mod plot;
mod printable;
mod readme;
mod record;
mod report;
mod reproduce;
mod role;
mod same;
pub mod shard;
pub mod stats;
mod store;
mod table;
mod tally;
mod timeline;
mod verdict;

pub use cover::{cover_letter, figures};
pub use export::{junit, kcidb, ktap};
pub use gather::{GatherError, gather, natural};
pub use harness::HarnessFailure;
pub use identity::Difference;
pub use load::{Load, StaleSample};
pub use load_table::load_table;
pub use observation::{Fact, Observation};
pub use origin::Origin;
pub use perf::{HitPoint, MemoryPoint, Perf, Series, again};
pub use perf_table::{summary as perf_summary, tables as perf_tables};
pub use readme::{Published, ReadmeError, block, splice};
pub use record::{
    ArmRecord, Case, ConfigRecord, Cut, GuestRecord, HostRecord, JoinedRecord, KernelRecord,
    Opportunity, Outcome, QemuRecord, RunRecord, RunStatus, SCHEMA_VERSION, ScenarioRecord,
    SourceRecord, Summary, ToolRecord, ToolchainRecord, schema_json,
};
pub use report::{Exhibits, report, standalone};
pub use role::Role;
pub use same::{Differ, same_kernels};
pub use store::{Store, StoreError};
pub use table::{Page, cell, matrix};
pub use timeline::{Bar, Lane, Row, Timeline, Tone, svg as timeline_svg, text as timeline_text};
pub use verdict::{SectorCounts, Verdict};
