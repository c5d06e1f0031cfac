// SPDX-License-Identifier: MIT OR Apache-2.0
//! The allocations of a case that fail on purpose, counted over its guests.

use kbuild::Fail;

/// Which allocations fail, whether they do in the present guest, and how many
/// did in those before it.
#[derive(Default)]
pub struct Failures {
    pub wanted: Option<Fail>,
    pub armed: bool,
    /// Of the slab.
    pub small: u64,
    /// Blocks of two pages or more.
    pub pages: u64,
}

impl Failures {
    pub fn of(wanted: Option<Fail>) -> Self {
        Self { wanted, ..Self::default() }
    }
}
