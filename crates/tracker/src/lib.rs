// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tracker of writes in flight, compiled in user space.
//!
//! [`ranges`] is the very file that goes into the kernel. It asks for `kernel::sync::atomic`, and
//! gets [`sync::atomic`] of this crate, which gives the kernel's names to the atomics of `std`.
//! The tests, models and benchmarks beside it are about that file, not about a copy.

extern crate self as kernel;

pub mod precision;
pub mod protocol;
pub mod rivals;
pub mod sync;

/// The atomics below [`sync`].
mod raw {
    pub use std::sync::atomic::{AtomicU32, AtomicU64};
}

// Formatted as the kernel's own rustfmt.toml says.
#[rustfmt::skip]
#[path = "../../../kernel/tracker/inflight_range.rs"]
pub mod inflight_range;

#[rustfmt::skip]
#[path = "../../../kernel/tracker/inflight_ranges.rs"]
pub mod ranges;

#[rustfmt::skip]
#[path = "../../../kernel/tracker/inflight_cells.rs"]
pub mod cells;

/// The table with the sizes that it has in the kernel.
pub type Table = ranges::Ranges<32, 16, 128>;
