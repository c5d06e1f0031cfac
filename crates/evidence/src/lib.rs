// SPDX-License-Identifier: MIT OR Apache-2.0
//! The results format (design.md section 9), where runs are kept, and the
//! tables that people read. The one place that knows what `run.json` looks
//! like.

mod check;
mod identity;
mod load;
mod load_table;
pub mod nightly;
mod perf;
mod perf_table;
pub mod plot;
mod record;
pub mod shard;
pub mod stats;
mod store;
mod table;
mod verdict;

pub use identity::Difference;
pub use load::{Load, StaleSample};
pub use load_table::load_table;
pub use perf::{HitPoint, MemoryPoint, Perf, Series, again};
pub use perf_table::tables as perf_tables;
pub use record::{
    ArmRecord, Case, ConfigRecord, Cut, GuestRecord, HostRecord, Opportunity, Outcome, QemuRecord,
    RunRecord, RunStatus, SCHEMA_VERSION, ScenarioRecord, SourceRecord, Summary, ToolRecord,
    ToolchainRecord, schema_json,
};
pub use store::{Store, StoreError};
pub use table::{cell, matrix};
pub use verdict::{SectorCounts, Verdict};
