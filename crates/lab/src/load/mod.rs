// SPDX-License-Identifier: MIT OR Apache-2.0
//! Load: real fio on a real bcache, counted instead of staged.
//!
//! A load scenario names a job file under `workloads/fio`; the file runs
//! outside the lab as well. The settings of bcache and of the virtual disks
//! are in a small TOML file beside it. The window is not held open here, so
//! the opportunity is a count: reads that the backing device served while a
//! write to the same sectors was on its way. The count is taken from the
//! disks' events, never from what the guest says.

mod again;
mod changes;
mod claims;
mod counters;
mod cut_record;
mod cycles;
mod fio;
mod mismatch;
mod play;
mod soak;
mod stamped;
mod sweep;

pub use cut_record::Left;
pub(crate) use play::play;
