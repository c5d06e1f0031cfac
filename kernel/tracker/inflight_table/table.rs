// SPDX-License-Identifier: GPL-2.0

//! The table itself, and the places that a granule has in it.

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

use super::{
    bucket::{
        Bucket,
        SLOTS,
        WORDS, //
    },
    level::{
        scale,
        Granule,
        WAYS, //
    },
    place::NUMBERS,
    range::SECOND, //
};

/// The writes in flight to one backing device.
///
/// All zero is the empty table.
#[repr(C)]
pub struct Table<const BUCKETS: usize, const COUNTERS: usize> {
    pub(crate) buckets: [Bucket; BUCKETS],
    /// Records at the far levels or in counters: a check that finds none is done after the near
    /// levels.
    pub(crate) far: Atomic<u64>,
    /// Records in counters.
    pub(crate) counted: Atomic<u64>,
    /// Those among them that are longer than a chunk.
    pub(crate) everywhere: Atomic<u64>,
    /// The others, once for each of their chunks.
    pub(crate) counters: [Atomic<u64>; COUNTERS],
}

/// Where to look first for what is recorded for a granule.
pub(super) struct Home<'a> {
    pub(super) bucket: &'a Bucket,
    /// The number of the bucket's header.
    pub(super) first: usize,
    pub(super) slot: &'a Atomic<u64>,
    /// That of the slot.
    pub(super) number: usize,
}

impl<const BUCKETS: usize, const COUNTERS: usize> Table<BUCKETS, COUNTERS> {
    pub(super) const VALID: () =
        assert!(BUCKETS != 0 && BUCKETS * WORDS <= NUMBERS && COUNTERS != 0 && COUNTERS <= NUMBERS);

    /// The slot with this number: the number of its word, with those of the headers between.
    #[inline]
    pub(super) fn slot(&self, number: usize) -> Option<&Atomic<u64>> {
        Some(&self.buckets.get(number / WORDS)?.0[number % WORDS])
    }

    /// The home of a granule.
    #[inline(always)]
    pub(super) fn home(&self, granule: Granule) -> Home<'_> {
        let (first, rest) = scale(granule.hash(), BUCKETS);
        let (slot, _) = scale(rest, SLOTS);
        let (bucket, word) = (first % BUCKETS, (slot % SLOTS).wrapping_add(1));

        Home {
            bucket: &self.buckets[bucket],
            slot: &self.buckets[bucket].0[word % WORDS],
            first: bucket.wrapping_mul(WORDS),
            number: bucket.wrapping_mul(WORDS).wrapping_add(word),
        }
    }

    /// The buckets for what has spilled from a granule's home, with the numbers of their headers.
    pub(super) fn others(&self, granule: Granule) -> impl Iterator<Item = (usize, &Bucket)> {
        (1..WAYS).map(move |way| {
            let bucket = scale(granule.rehash(way), BUCKETS).0 % BUCKETS;
            (bucket.wrapping_mul(WORDS), &self.buckets[bucket])
        })
    }

    /// The counter of a chunk.
    pub(super) fn counter_of(chunk: Granule) -> usize {
        scale(chunk.hash(), COUNTERS).0 % COUNTERS
    }

    /// The writes in flight: how many, when nobody records or clears meanwhile.
    pub fn in_flight(&self) -> u64 {
        let is_first = |slot: &Atomic<u64>| {
            let word = slot.load(Relaxed);
            word != 0 && word & SECOND == 0
        };
        let slots = self.buckets.iter().flat_map(Bucket::slots);

        slots
            .map(|(_, slot)| u64::from(is_first(slot)))
            .fold(self.counted.load(Relaxed), u64::wrapping_add)
    }
}
