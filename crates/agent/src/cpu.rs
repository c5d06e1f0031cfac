// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which virtual processor requests are carried out on.

use crate::failure::{Doing, Failure};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Keeps the calling thread, and those that it starts from now on, to one of them.
///
/// # Errors
/// There is none of that number.
pub fn pin(cpu: u32) -> Result<(), Failure> {
    let mut one = CpuSet::new();
    one.set((cpu as usize).min(CpuSet::MAX_CPU - 1));
    sched_setaffinity(None, &one).doing(|| format!("keeping to processor {cpu}"))
}
