// SPDX-License-Identifier: MIT OR Apache-2.0

//! What only tests need of the table: an empty one on the stack, and whether it is empty again.

use kernel::sync::atomic::{Atomic, Relaxed};

use super::inflight_table::{bucket::Bucket, table::Table};

fn zero() -> Atomic<u64> {
    Atomic::new(0)
}

/// An empty table.
pub fn empty<const BUCKETS: usize, const COUNTERS: usize>() -> Table<BUCKETS, COUNTERS> {
    Table {
        buckets: std::array::from_fn(|_| Bucket(std::array::from_fn(|_| zero()))),
        far: zero(),
        counted: zero(),
        everywhere: zero(),
        counters: std::array::from_fn(|_| zero()),
    }
}

impl<const BUCKETS: usize, const COUNTERS: usize> Table<BUCKETS, COUNTERS> {
    /// Whether nothing is left of any record.
    pub fn is_empty(&self) -> bool {
        let words = self.buckets.iter().flat_map(|bucket| &bucket.0);
        let counts = self.counters.iter().chain([&self.far, &self.counted, &self.everywhere]);

        words.chain(counts).all(|word| word.load(Relaxed) == 0)
    }
}
