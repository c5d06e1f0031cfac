// SPDX-License-Identifier: MIT OR Apache-2.0

//! A counting Bloom filter as dense as it gets: counters of 8 bits, eight to a word.
//!
//! Three counters for each granule of 16 KiB. A packed counter must not run into its neighbour, so
//! one that is full is not counted up, and such a write counts for the whole device. Longer ranges
//! would need larger granules, as in [`super::Cells`]; this one is for what it does to short ones.

use std::sync::atomic::{AtomicU64, Ordering::*};

use super::tracker::Tracker;
use crate::inflight_table::range::Range;

/// Sectors of 512 bytes in a granule of 16 KiB, as a shift.
const SHIFT: u32 = 5;
const WAYS: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03, 0xaef1_7502_b3c3_0f57];

/// 64 KiB of counters.
pub struct Bloom {
    words: Vec<AtomicU64>,
    everywhere: AtomicU64,
}

impl Default for Bloom {
    fn default() -> Self {
        Self {
            words: (0..8192).map(|_| AtomicU64::new(0)).collect(),
            everywhere: AtomicU64::new(0),
        }
    }
}

impl Bloom {
    /// The word of a counter, and its lowest bit.
    fn counters(&self, granule: u64) -> impl Iterator<Item = (&AtomicU64, u32)> {
        WAYS.into_iter().map(move |way| {
            let hash = (granule.wrapping_mul(way) >> 48) as usize;
            (&self.words[hash / 8], hash as u32 % 8 * 8)
        })
    }

    /// Those of all granules of a range.
    fn all(&self, range: Range) -> impl Iterator<Item = (&AtomicU64, u32)> {
        let (first, last) = range.units(SHIFT);
        (first..=last).flat_map(|granule| self.counters(granule))
    }

    /// Counts up unless that would overflow.
    fn up((word, bit): (&AtomicU64, u32)) -> bool {
        let more = |old: u64| (old >> bit & 0xff != 0xff).then(|| old + (1 << bit));
        word.fetch_update(SeqCst, Relaxed, more).is_ok()
    }

    fn down((word, bit): (&AtomicU64, u32)) {
        word.fetch_sub(1 << bit, Release);
    }
}

impl Tracker for Bloom {
    /// Whether it counts everywhere.
    type Token = bool;

    fn record(&self, range: Range) -> bool {
        let counters = || self.all(range);
        let full = counters().position(|counter| !Self::up(counter));
        if let Some(done) = full {
            self.everywhere.fetch_add(1, SeqCst);
            counters().take(done).for_each(Self::down);
        }
        full.is_some()
    }

    fn clear(&self, range: Range, everywhere: bool) {
        if everywhere {
            self.everywhere.fetch_sub(1, Release);
        } else {
            self.all(range).for_each(Self::down);
        }
    }

    fn check(&self, range: Range) -> bool {
        let (first, last) = range.units(SHIFT);
        let full = |(word, bit): (&AtomicU64, u32)| word.load(Acquire) >> bit & 0xff != 0;
        self.everywhere.load(Acquire) != 0
            || (first..=last).any(|granule| self.counters(granule).all(full))
    }
}
