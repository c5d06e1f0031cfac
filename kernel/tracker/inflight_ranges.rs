// SPDX-License-Identifier: GPL-2.0

//! A fixed table of the exact ranges that are being written.
//!
//! A range is one 64-bit word, and a place for it is a *slot*: free when zero. Recording a write
//! takes a free slot with one compare-and-exchange, clearing it is one store, and a check compares
//! the word of a slot with its own range. No lock and no allocation. Eight slots, one cache line,
//! make a *bucket*.
//!
//! Where to look is decided by hashing the *granule* that a range lies in, and the granule by the
//! range's length, so that a range touches at most two of them and is found in either:
//!
//! * *fine*: 256 KiB, for ranges up to that length. Each granule hashes to one slot, its *home*. A
//!   range that finds it taken, or lies in two granules, is a *stray*: it takes any slot of the
//!   home's bucket, which counts its strays;
//! * *coarse*: 32 MB, for ranges up to that length, and for those that find their fine bucket full.
//!   Four buckets for each granule, as large writes, and many small ones behind each other, come
//!   close together;
//! * *wide*: one bucket for all longer ranges, rounded outwards to 32 MB.
//!
//! Beyond the slots there are counters, which cannot be full: per hashed 32 MB chunk for what finds
//! its coarse buckets full, and one for what finds no wide slot. So a record is never lost. What
//! gets lost under load is precision, which costs nothing but cache fills, and at each step as
//! little of it as possible.
//!
//! A check reads, for each fine granule that it touches, its home and the number of strays, and
//! then the number of records that are not fine; the rest of the bucket, or of the table, only when
//! that is not zero. Each of these counts is raised before what it counts is there and lowered
//! after it has gone.
//!
//! Atomics are function calls here (`rust/helpers/atomic.c`), so the usual case has few: one to
//! record, one to clear, three to check. And nothing can panic, whatever `RUST_OVERFLOW_CHECKS` is:
//! where the compiler cannot see that a number is in bounds, it wraps.
//!
//! # Ordering
//!
//! See the callers for who pairs with whom. What they rely on: a record is fully ordered before
//! what follows it; clearing is a release; a check acquires whatever it finds cleared.

use kernel::sync::atomic::{
    Acquire,
    Atomic,
    Full,
    Relaxed,
    Release, //
};

use super::inflight_range::{
    any_of,
    hash,
    Overlap,
    Range,
    CHUNK_SHIFT,
    LEN_BITS, //
};

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

impl Place {
    /// Whether one of the halves is this slot.
    fn has(self, slot: usize) -> bool {
        self.0.iter().any(|half| usize::from(half & !STRAY) == slot)
    }
}

/// A place for a range; free when zero.
type Slot = Atomic<u64>;

/// Slots that are looked at together.
type Bucket = [Slot; SLOTS];

/// Puts a word into a free slot of a bucket and returns its index.
///
/// A slot that somebody else takes first is passed over. Two writers cannot keep each other from
/// progress, and a bucket that only looks full is as good as a full one.
fn claim(bucket: &Bucket, word: u64) -> Option<usize> {
    bucket.iter().position(|slot| {
        // The load saves a locked instruction on a slot that is taken.
        slot.load(Relaxed) == 0 && slot.cmpxchg(0, word, Full).is_ok()
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
    strays: [Atomic<u32>; FINE],
    /// Records that are anywhere but in `fine`: a check that finds none is done after `fine`.
    beyond: Atomic<u32>,
    /// Records too long for a chunk that found no wide slot.
    everywhere: Atomic<u32>,
    /// Records that found their coarse bucket full, once for each of their chunks.
    counts: [Atomic<u32>; COUNTS],
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

    /// An empty table, for those who can have it on the stack: tests.
    #[allow(dead_code, clippy::new_without_default)]
    pub fn new() -> Self {
        fn buckets<const N: usize>() -> [Bucket; N] {
            core::array::from_fn(|_| core::array::from_fn(|_| Atomic::new(0)))
        }
        let [wide] = buckets();

        Self {
            fine: buckets(),
            coarse: buckets(),
            wide,
            strays: core::array::from_fn(|_| Atomic::new(0)),
            beyond: Atomic::new(0),
            everywhere: Atomic::new(0),
            counts: core::array::from_fn(|_| Atomic::new(0)),
        }
    }

    /// The bucket with this number: the fine ones come first, the wide one last.
    fn bucket(&self, number: usize) -> &Bucket {
        self.fine
            .get(number)
            .or_else(|| self.coarse.get(number.wrapping_sub(FINE)))
            .unwrap_or(&self.wide)
    }

    /// Whether a slot of a bucket overlaps the range, other than those of `own`.
    fn overlaps(&self, number: usize, range: Range, shift: u32, own: Place) -> bool {
        (0..SLOTS).zip(self.bucket(number)).any(|(i, slot)| {
            range.overlaps(slot.load(Acquire), shift) && !own.has(slot_of(number, i))
        })
    }

    /// The number of strays in a fine bucket.
    #[inline]
    fn strays(&self, bucket: usize) -> &Atomic<u32> {
        &self.strays[bucket % FINE]
    }

    /// The first of the coarse buckets of a chunk.
    fn coarse_set(chunk: u64) -> usize {
        hash(chunk, COARSE / Self::WAYS).wrapping_mul(Self::WAYS)
    }

    /// Takes a slot for a stray's `word`.
    fn claim_stray(&self, bucket: usize, word: u64) -> Option<u16> {
        let strays = self.strays(bucket);

        strays.fetch_add(1, Full);
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
    pub fn record(&self, range: Range) -> Place {
        let () = Self::VALID;

        if range.len() > 1 << FINE_SHIFT {
            return self.record_beyond(range);
        }
        let Some(word) = range.pack(0) else {
            return self.record_beyond(range);
        };
        let (first, last) = range.units(FINE_SHIFT);
        let home = hash(first, Self::HOMES);

        // Nearly always: one granule, and nobody at its home.
        let slot = &self.fine.as_flattened()[home];
        if first == last && slot.cmpxchg(0, word, Full).is_ok() {
            return Place([home as u16, NOWHERE]);
        }
        self.record_stray(range, word)
    }

    #[cold]
    fn record_stray(&self, range: Range, word: u64) -> Place {
        let (first, last) = range.units(FINE_SHIFT);
        let bucket = |granule| hash(granule, Self::HOMES) / SLOTS;

        self.claim((bucket(first), bucket(last)), |bucket| {
            self.claim_stray(bucket, word)
        })
        .unwrap_or_else(|| self.record_beyond(range))
    }

    #[cold]
    fn record_beyond(&self, range: Range) -> Place {
        self.beyond.fetch_add(1, Full);
        if range.len() <= 1 << CHUNK_SHIFT {
            self.record_coarse(range)
        } else {
            self.record_wide(range)
        }
    }

    fn record_coarse(&self, range: Range) -> Place {
        let (first, last) = range.units(CHUNK_SHIFT);
        let sets = (Self::coarse_set(first), Self::coarse_set(last));

        if let Some(place) = range
            .pack(0)
            .and_then(|word| self.claim(sets, |set| self.claim_coarse(set, word)))
        {
            return place;
        }

        let count = |chunk| {
            let at = hash(chunk, COUNTS);
            // Cannot overflow: each write in flight is hundreds of bytes of somebody's memory.
            self.counts[at % COUNTS].fetch_add(1, Full);
            COUNTER | at as u16
        };
        let one = count(first);
        let two = if last == first { NOWHERE } else { count(last) };

        Place([one, two])
    }

    fn record_wide(&self, range: Range) -> Place {
        let wide = FINE + COARSE;

        if let Some(slot) = range
            .pack(CHUNK_SHIFT)
            .and_then(|word| claim(&self.wide, word))
        {
            return Place([slot_of(wide, slot) as u16, NOWHERE]);
        }
        self.everywhere.fetch_add(1, Full);

        Place([EVERYWHERE, NOWHERE])
    }

    /// Clears a write, once. What precedes is ordered before it.
    ///
    /// `place` is what [`record`](Self::record) returned for it.
    #[inline]
    pub fn clear(&self, place: Place) {
        // Homes have the smallest numbers, and who is at home is nowhere else.
        match self.fine.as_flattened().get(usize::from(place.0[0])) {
            Some(home) => home.store(0, Release),
            None => self.clear_others(place),
        }
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

    /// Looks for writes in flight that overlap the range. What follows is ordered after the end of
    /// those that it does not find any more.
    #[inline]
    pub fn check(&self, range: Range) -> Overlap {
        let (first, last) = range.units(FINE_SHIFT);
        let home = hash(first, Self::HOMES);

        // Nearly always: nothing at home, no strays, nothing beyond.
        if first == last
            && !range.overlaps(self.fine.as_flattened()[home].load(Acquire), 0)
            && self.strays(home / SLOTS).load(Acquire) == 0
            && self.beyond.load(Acquire) == 0
        {
            return Overlap::None;
        }
        self.check_others(range, Place([NOWHERE; 2]))
    }

    /// The same, for a write that is recorded at `own`: others than itself.
    pub fn check_others(&self, range: Range, own: Place) -> Overlap {
        let fine = |home: usize| {
            let bucket = home / SLOTS;
            let word = self.bucket(bucket)[home % SLOTS].load(Acquire);

            range.overlaps(word, 0) && !own.has(home)
                || self.strays(bucket).load(Acquire) != 0 && self.overlaps(bucket, range, 0, own)
        };

        if any_of(Self::HOMES, range, FINE_SHIFT, fine) {
            Overlap::Exact
        } else if self.beyond.load(Acquire) == 0 {
            Overlap::None
        } else {
            self.check_beyond(range, own)
        }
    }

    fn check_beyond(&self, range: Range, own: Place) -> Overlap {
        let coarse = |set: usize| {
            (0..Self::WAYS).any(|way| {
                let number = FINE
                    .wrapping_add(set.wrapping_mul(Self::WAYS))
                    .wrapping_add(way);
                self.overlaps(number, range, 0, own)
            })
        };
        let more_than_own = |count: &Atomic<u32>, at: u16| {
            let owned = own.0.iter().filter(|&&half| half == at).count();
            count.load(Acquire) as usize > owned
        };
        let counted = |i: usize| more_than_own(&self.counts[i % COUNTS], COUNTER | i as u16);

        if any_of(COARSE / Self::WAYS, range, CHUNK_SHIFT, coarse) {
            Overlap::Exact
        } else if self.overlaps(FINE + COARSE, range, CHUNK_SHIFT, own)
            || more_than_own(&self.everywhere, EVERYWHERE)
            || any_of(COUNTS, range, CHUNK_SHIFT, counted)
        {
            Overlap::Possible
        } else {
            Overlap::None
        }
    }

    /// Whether nothing is left of any record: for tests.
    #[allow(dead_code)]
    pub fn is_empty(&self) -> bool {
        let mut slots = (0..=FINE + COARSE).flat_map(|number| self.bucket(number));
        let counters = self.strays.iter().chain(&self.counts);

        slots.all(|slot| slot.load(Relaxed) == 0)
            && counters
                .chain([&self.beyond, &self.everywhere])
                .all(|counter| counter.load(Relaxed) == 0)
    }

    /// The writes in flight: how many, when nobody records or clears meanwhile.
    pub fn in_flight(&self) -> u64 {
        // A range in two granules has two slots: it counts where it starts.
        let starts_in = |number: usize| {
            let starts = |slot: &&Atomic<u64>| {
                let word = slot.load(Relaxed);
                let granule = (word >> LEN_BITS) >> FINE_SHIFT;
                word != 0 && hash(granule, Self::HOMES) / SLOTS == number
            };
            self.bucket(number).iter().filter(starts).count() as u64
        };

        (0..FINE)
            .map(starts_in)
            .fold(u64::from(self.beyond.load(Relaxed)), u64::wrapping_add)
    }
}
