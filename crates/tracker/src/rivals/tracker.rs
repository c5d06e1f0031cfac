// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is compared.

use crate::inflight_table::{
    check::Overlap,
    place::Place,
    range::{CHUNK_SHIFT, Range},
    table::Table,
};

/// A tracker of writes in flight.
pub trait Tracker: Sync {
    /// What clearing a write takes beside its range.
    type Token;
    /// Records a write.
    fn record(&self, range: Range) -> Self::Token;
    /// Clears it.
    fn clear(&self, range: Range, token: Self::Token);
    /// Whether a write in flight may overlap the range.
    fn check(&self, range: Range) -> bool;
}

impl<const BUCKETS: usize, const COUNTERS: usize> Tracker for Table<BUCKETS, COUNTERS> {
    type Token = Place;
    fn record(&self, range: Range) -> Place {
        self.record(range)
    }
    fn clear(&self, range: Range, token: Place) {
        self.clear(range, token);
    }
    fn check(&self, range: Range) -> bool {
        self.check(range) != Overlap::None
    }
}

/// The chunks of 32 MB that a range touches.
pub(super) fn chunks(range: Range) -> impl Iterator<Item = usize> {
    let (first, last) = range.units(CHUNK_SHIFT);
    (first..=last).map(|chunk| chunk as usize)
}
