// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tracker of writes in flight, compiled in user space.
//!
//! [`inflight_table`] is the very folder that goes into the kernel. It asks for
//! `kernel::sync::atomic`, and gets [`sync::atomic`] of this crate, which gives the kernel's names
//! to the atomics of `std`. The tests, models and benchmarks beside it are about those files, not
//! about a copy.

extern crate self as kernel;

pub mod empty;
pub mod precision;
pub mod protocol;
pub mod rivals;
pub mod sync;

/// The atomics below [`sync`].
mod raw {
    pub use std::sync::atomic::AtomicU64;
}

// Formatted as the kernel's own rustfmt.toml says.
#[rustfmt::skip]
#[path = "../../../kernel/tracker/inflight_table/mod.rs"]
pub mod inflight_table;

/// The table with the sizes that it has in the kernel.
pub type Table = inflight_table::table::Table<960, 256>;
