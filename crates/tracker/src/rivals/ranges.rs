// SPDX-License-Identifier: MIT OR Apache-2.0

//! The first table of exact ranges: three tables of slots, for fine, coarse and wide granules.
//!
//! Precise up to some 350 writes in flight with the 3.8 KB that it had. A larger one holds more, but
//! its granules do not go with the length of the write: many small ones close together fill their
//! few buckets, whatever the size of the table.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};

use super::tracker::Tracker;
use crate::inflight_table::range::{CHUNK_SHIFT, Range};

/// Bits of a slot that hold the length; the others hold the start.
const LEN_BITS: u32 = CHUNK_SHIFT + 1;

/// The range as a slot's word, rounded outwards to units of `1 << shift` sectors; never zero.
#[inline]
fn pack(range: Range, shift: u32) -> Option<u64> {
    let (first, last) = range.units(shift);
    let len = last - first + 1;

    (len < 1 << LEN_BITS && first < 1 << (u64::BITS - LEN_BITS)).then_some(first << LEN_BITS | len)
}

#[inline]
fn overlaps(range: Range, word: u64, shift: u32) -> bool {
    let start = word >> LEN_BITS;
    let end = start + (word & ((1 << LEN_BITS) - 1));
    let (first, last) = range.units(shift);

    first < end && start <= last
}

/// Spreads granules, which mostly come as neighbours, over `len` (a power of two) places.
#[inline(always)]
fn hash(granule: u64, len: usize) -> usize {
    let spread = (granule.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32;

    ((u64::from(spread) * len as u64) >> 32) as usize
}

/// Whether `found` holds for any place, out of `len`, that a granule of the range hashes to.
fn any_of(len: usize, range: Range, shift: u32, found: impl Fn(usize) -> bool) -> bool {
    let (first, last) = range.units(shift);

    if last - first < len as u64 {
        (first..=last).any(|granule| found(hash(granule, len)))
    } else {
        (0..len).any(found)
    }
}

/// Sectors of 512 bytes in a fine granule of 256 KiB, as a shift.
pub const FINE_SHIFT: u32 = 9;

/// Slots in a bucket: as many as fill a cache line.
pub const SLOTS: usize = 8;

/// Buckets that a coarse granule may use.
const WAYS: usize = 4;

/// Where a write is recorded: what clearing it takes.
///
/// Each half is the number of a slot, with or without [`STRAY`], or that of a counter with
/// [`COUNTER`], or [`EVERYWHERE`], or [`NOWHERE`]. Copied freely, as C keeps it, but to be cleared
/// once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(pub [u16; 2]);

/// In a [`Place`]: nowhere.
const NOWHERE: u16 = u16::MAX;
/// In a [`Place`]: the counter of everything.
const EVERYWHERE: u16 = u16::MAX - 1;
/// In a [`Place`]: the flag of a chunk counter's index.
const COUNTER: u16 = 1 << 15;
/// In a [`Place`]: the flag of a slot that its bucket counts as a stray's.
const STRAY: u16 = 1 << 14;

/// A place for a range; free when zero.
type Slot = AtomicU64;

/// Slots that are looked at together.
type Bucket = [Slot; SLOTS];

/// Puts a word into a free slot of a bucket and returns its index.
///
/// A slot that somebody else takes first is passed over. Two writers cannot keep each other from
/// progress, and a bucket that only looks full is as good as a full one.
fn claim(bucket: &Bucket, word: u64) -> Option<usize> {
    bucket.iter().position(|slot| {
        // The load saves a locked instruction on a slot that is taken.
        slot.load(Relaxed) == 0 && slot.compare_exchange(0, word, SeqCst, Relaxed).is_ok()
    })
}

/// The number of a bucket's slot.
#[inline]
fn slot_of(bucket: usize, index: usize) -> usize {
    bucket.wrapping_mul(SLOTS).wrapping_add(index)
}

/// The writes in flight to one backing device.
///
/// `FINE` and `COARSE` are the numbers of buckets, `COUNTS` that of counters, all powers of two.
/// All zero is the empty table. A bucket is a cache line.
#[repr(C, align(64))]
pub struct Ranges<const FINE: usize, const COARSE: usize, const COUNTS: usize> {
    fine: [Bucket; FINE],
    coarse: [Bucket; COARSE],
    wide: Bucket,
    /// Slots of each fine bucket that are not at home there.
    strays: [AtomicU32; FINE],
    /// Records that are anywhere but in `fine`: a check that finds none is done after `fine`.
    beyond: AtomicU32,
    /// Records too long for a chunk that found no wide slot.
    everywhere: AtomicU32,
    /// Records that found their coarse bucket full, once for each of their chunks.
    counts: [AtomicU32; COUNTS],
}

impl<const FINE: usize, const COARSE: usize, const COUNTS: usize> Default
    for Ranges<FINE, COARSE, COUNTS>
{
    fn default() -> Self {
        fn buckets<const N: usize>() -> [Bucket; N] {
            std::array::from_fn(|_| Default::default())
        }
        let [wide] = buckets();

        Self {
            fine: buckets(),
            coarse: buckets(),
            wide,
            strays: std::array::from_fn(|_| Default::default()),
            beyond: Default::default(),
            everywhere: Default::default(),
            counts: std::array::from_fn(|_| Default::default()),
        }
    }
}

impl<const FINE: usize, const COARSE: usize, const COUNTS: usize> Ranges<FINE, COARSE, COUNTS> {
    /// Fine slots, each the home of the granules that hash to it.
    const HOMES: usize = FINE * SLOTS;

    /// Coarse buckets that a chunk may use.
    const WAYS: usize = if COARSE < WAYS { COARSE } else { WAYS };

    const VALID: () = assert!(
        FINE.is_power_of_two()
            && COARSE.is_power_of_two()
            && COUNTS.is_power_of_two()
            && (FINE + COARSE + 1) * SLOTS <= STRAY as usize
            && COUNTS <= STRAY as usize
    );

    /// The bucket with this number: the fine ones come first, the wide one last.
    fn bucket(&self, number: usize) -> &Bucket {
        self.fine
            .get(number)
            .or_else(|| self.coarse.get(number.wrapping_sub(FINE)))
            .unwrap_or(&self.wide)
    }

    fn overlaps(&self, number: usize, range: Range, shift: u32) -> bool {
        self.bucket(number).iter().any(|slot| overlaps(range, slot.load(Acquire), shift))
    }

    /// The number of strays in a fine bucket.
    #[inline]
    fn strays(&self, bucket: usize) -> &AtomicU32 {
        &self.strays[bucket % FINE]
    }

    /// The first of the coarse buckets of a chunk.
    fn coarse_set(chunk: u64) -> usize {
        hash(chunk, COARSE / Self::WAYS).wrapping_mul(Self::WAYS)
    }

    /// Takes a slot for a stray's `word`.
    fn claim_stray(&self, bucket: usize, word: u64) -> Option<u16> {
        let strays = self.strays(bucket);

        strays.fetch_add(1, SeqCst);
        let slot = claim(self.bucket(bucket), word);
        if slot.is_none() {
            strays.fetch_sub(1, Release);
        }

        Some(slot_of(bucket, slot?) as u16 | STRAY)
    }

    /// Takes a coarse slot for `word` among the buckets of a set, by their first one.
    fn claim_coarse(&self, set: usize, word: u64) -> Option<u16> {
        (0..Self::WAYS).find_map(|way| {
            let number = FINE.wrapping_add(set).wrapping_add(way);
            Some(slot_of(number, claim(self.bucket(number), word)?) as u16)
        })
    }

    /// Takes a slot in each of two places, if they are two, or in none of them.
    fn claim(
        &self,
        (first, second): (usize, usize),
        slot: impl Fn(usize) -> Option<u16>,
    ) -> Option<Place> {
        let one = slot(first)?;
        if second == first {
            return Some(Place([one, NOWHERE]));
        }
        let Some(two) = slot(second) else {
            // Nothing relies on this record yet.
            self.free(one);
            return None;
        };

        Some(Place([one, two]))
    }

    /// Undoes one half of a [`Place`].
    fn free(&self, half: u16) {
        if half == NOWHERE {
            return;
        }
        if half == EVERYWHERE {
            self.everywhere.fetch_sub(1, Release);
            return;
        }
        let at = usize::from(half & !(COUNTER | STRAY));
        if half & COUNTER != 0 {
            self.counts[at % COUNTS].fetch_sub(1, Release);
            return;
        }
        self.bucket(at / SLOTS)[at % SLOTS].store(0, Release);
        if half & STRAY != 0 {
            // Last, as a check that sees zero here does not look at the slot.
            self.strays(at / SLOTS).fetch_sub(1, Release);
        }
    }

    /// Records a write. What follows is fully ordered after it.
    #[inline]
    fn take(&self, range: Range) -> Place {
        let () = Self::VALID;

        if range.sectors() > 1 << FINE_SHIFT {
            return self.record_beyond(range);
        }
        let Some(word) = pack(range, 0) else {
            return self.record_beyond(range);
        };
        let (first, last) = range.units(FINE_SHIFT);
        let home = hash(first, Self::HOMES);

        // Nearly always: one granule, and nobody at its home.
        let slot = &self.fine.as_flattened()[home];
        if first == last && slot.compare_exchange(0, word, SeqCst, Relaxed).is_ok() {
            return Place([home as u16, NOWHERE]);
        }
        self.record_stray(range, word)
    }

    #[cold]
    fn record_stray(&self, range: Range, word: u64) -> Place {
        let (first, last) = range.units(FINE_SHIFT);
        let bucket = |granule| hash(granule, Self::HOMES) / SLOTS;

        self.claim((bucket(first), bucket(last)), |bucket| self.claim_stray(bucket, word))
            .unwrap_or_else(|| self.record_beyond(range))
    }

    #[cold]
    fn record_beyond(&self, range: Range) -> Place {
        self.beyond.fetch_add(1, SeqCst);
        if range.sectors() <= 1 << CHUNK_SHIFT {
            self.record_coarse(range)
        } else {
            self.record_wide(range)
        }
    }

    fn record_coarse(&self, range: Range) -> Place {
        let (first, last) = range.units(CHUNK_SHIFT);
        let sets = (Self::coarse_set(first), Self::coarse_set(last));

        if let Some(place) =
            pack(range, 0).and_then(|word| self.claim(sets, |set| self.claim_coarse(set, word)))
        {
            return place;
        }

        let count = |chunk| {
            let at = hash(chunk, COUNTS);
            // Cannot overflow: each write in flight is hundreds of bytes of somebody's memory.
            self.counts[at % COUNTS].fetch_add(1, SeqCst);
            COUNTER | at as u16
        };
        let one = count(first);
        let two = if last == first { NOWHERE } else { count(last) };

        Place([one, two])
    }

    fn record_wide(&self, range: Range) -> Place {
        let wide = FINE + COARSE;

        if let Some(slot) = pack(range, CHUNK_SHIFT).and_then(|word| claim(&self.wide, word)) {
            return Place([slot_of(wide, slot) as u16, NOWHERE]);
        }
        self.everywhere.fetch_add(1, SeqCst);

        Place([EVERYWHERE, NOWHERE])
    }

    #[cold]
    fn clear_others(&self, place: Place) {
        let [one, two] = place.0;

        self.free(one);
        self.free(two);
        if usize::from(one & !STRAY) >= Self::HOMES {
            // Last, as a check that sees zero here does not look at the others.
            self.beyond.fetch_sub(1, Release);
        }
    }

    fn check_others(&self, range: Range) -> bool {
        let fine = |home: usize| {
            let bucket = home / SLOTS;

            overlaps(range, self.bucket(bucket)[home % SLOTS].load(Acquire), 0)
                || self.strays(bucket).load(Acquire) != 0 && self.overlaps(bucket, range, 0)
        };

        any_of(Self::HOMES, range, FINE_SHIFT, fine)
            || self.beyond.load(Acquire) != 0 && self.check_beyond(range)
    }

    fn check_beyond(&self, range: Range) -> bool {
        let coarse = |set: usize| {
            (0..Self::WAYS).any(|way| self.overlaps(FINE + set * Self::WAYS + way, range, 0))
        };
        let counted = |i: usize| self.counts[i % COUNTS].load(Acquire) != 0;

        any_of(COARSE / Self::WAYS, range, CHUNK_SHIFT, coarse)
            || self.overlaps(FINE + COARSE, range, CHUNK_SHIFT)
            || self.everywhere.load(Acquire) != 0
            || any_of(COUNTS, range, CHUNK_SHIFT, counted)
    }
}

impl<const FINE: usize, const COARSE: usize, const COUNTS: usize> Tracker
    for Ranges<FINE, COARSE, COUNTS>
{
    type Token = Place;

    #[inline]
    fn record(&self, range: Range) -> Place {
        self.take(range)
    }

    #[inline]
    fn clear(&self, _: Range, place: Place) {
        // Homes have the smallest numbers, and who is at home is nowhere else.
        match self.fine.as_flattened().get(usize::from(place.0[0])) {
            Some(home) => home.store(0, Release),
            None => self.clear_others(place),
        }
    }

    #[inline]
    fn check(&self, range: Range) -> bool {
        let (first, last) = range.units(FINE_SHIFT);
        let home = hash(first, Self::HOMES);

        // Nearly always: nothing at home, no strays, nothing beyond.
        if first == last
            && !overlaps(range, self.fine.as_flattened()[home].load(Acquire), 0)
            && self.strays(home / SLOTS).load(Acquire) == 0
            && self.beyond.load(Acquire) == 0
        {
            return false;
        }
        self.check_others(range)
    }
}

/// As it was in the kernel, in 3.8 KB.
pub type First = Ranges<32, 16, 128>;
/// The same in 63 KB.
pub type Larger = Ranges<512, 256, 2048>;
