// SPDX-License-Identifier: MIT OR Apache-2.0
//! Load scenarios: a job file under `workloads/fio`, which runs outside the
//! lab as well, and a small TOML file beside it with the settings of bcache and
//! of the virtual disks.

mod job;
mod jobfile;
mod plan;

pub use job::{Bypass, Delays, Job, JobText, Settings};
pub use jobfile::JobFile;
pub(crate) use plan::parse;
pub use plan::{Cycles, LoadPlan, StampedArea};
