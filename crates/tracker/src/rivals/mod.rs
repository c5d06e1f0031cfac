// SPDX-License-Identifier: MIT OR Apache-2.0

//! Other ways to keep track of writes in flight, to be compared with: as small as they can be
//! while still being what they stand for. None of them is meant to be used.

pub mod bloom;
pub mod cells;
pub mod flat;
pub mod locked;
pub mod ranges;
pub mod tracker;

pub use bloom::Bloom;
pub use cells::Cells;
pub use flat::Flat;
pub use locked::{Lists, Pages, Tree};
pub use ranges::{First, Larger};
pub use tracker::Tracker;
