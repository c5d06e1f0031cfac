// SPDX-License-Identifier: MIT OR Apache-2.0
//! Load scenarios: a job file under `workloads/fio`, which runs outside the
//! lab as well, and a small TOML file beside it with the settings of bcache and
//! of the virtual disks.

mod file;
mod job;
mod jobfile;
mod plan;

#[cfg(test)]
pub(crate) use file::LoadFile;
pub(crate) use file::parse;
#[cfg(test)]
pub(crate) use job::SettingsFile;
pub use job::{Bypass, Delays, Job, JobText, Settings};
pub use jobfile::JobFile;
pub use plan::{Change, Changes, Cycles, LoadPlan, StampedArea};
