// SPDX-License-Identifier: GPL-2.0

//! A fixed table of the exact ranges that are being written.
//!
//! A range is one 64-bit word, and a place for it is a *slot*: free when zero. Recording a write
//! takes a free slot with one compare-and-exchange, clearing it is one store, and a check compares
//! the words of a bucket of eight slots, one cache line, with its own range. No lock, no
//! allocation, and no bookkeeping beside the word itself that could disagree with it.
//!
//! Where to look is decided by hashing the *granule* that a range lies in, and the granule by the
//! range's length, so that a range touches at most two of them and is found in either:
//!
//! * *fine*: 256 KiB, for ranges up to that length;
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
//! A check reads one fine bucket, for each granule that it touches, and the number of records that
//! are not fine; the rest only when that is not zero.
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

/// Sectors of 512 bytes in a fine granule of 256 KiB, as a shift.
pub const FINE_SHIFT: u32 = 9;

/// Sectors of 512 bytes in a chunk of 32 MB, as a shift.
pub const CHUNK_SHIFT: u32 = 16;

/// Slots in a bucket: as many as fill a cache line.
pub const SLOTS: usize = 8;

/// Buckets that a coarse granule may use.
const WAYS: usize = 4;

/// Bits of a slot that hold the length; the others hold the start.
const LEN_BITS: u32 = CHUNK_SHIFT + 1;

/// A range of sectors that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    start: u64,
    end: u64,
}

impl Range {
    /// The range of `sectors` sectors from `sector` on; `None` when that is none at all.
    pub fn new(sector: u64, sectors: u32) -> Option<Self> {
        let end = sector.saturating_add(u64::from(sectors));
        (sector < end).then_some(Self { start: sector, end })
    }

    fn len(self) -> u64 {
        self.end - self.start
    }

    /// First and last unit of `1 << shift` sectors that the range touches.
    pub(super) fn units(self, shift: u32) -> (u64, u64) {
        (self.start >> shift, (self.end - 1) >> shift)
    }

    /// The range as a slot's word, rounded outwards to units of `1 << shift` sectors.
    ///
    /// Never zero, as the length is not. `None` when it does not fit, which takes a device of more
    /// than 64 PB, or a length that belongs to another level.
    fn pack(self, shift: u32) -> Option<u64> {
        let (first, last) = self.units(shift);
        let len = last - first + 1;

        (len < 1 << LEN_BITS && first < 1 << (u64::BITS - LEN_BITS))
            .then_some(first << LEN_BITS | len)
    }

    /// Whether the range overlaps the one in a slot's word; a free slot overlaps nothing.
    fn overlaps(self, word: u64, shift: u32) -> bool {
        let start = word >> LEN_BITS;
        let end = start + (word & ((1 << LEN_BITS) - 1));
        let (first, last) = self.units(shift);

        first < end && start <= last
    }
}

/// What a check has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// No write in flight overlaps the range.
    None,
    /// A write in flight overlaps the range.
    Exact,
    /// A write in flight may overlap the range: the table was too full to tell.
    Possible,
}

/// Where a write is recorded: what clearing it takes.
///
/// Copied freely, as C keeps it, but to be cleared once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(pub [u16; 2]);

/// In a [`Place`]: nowhere.
const NOWHERE: u16 = u16::MAX;
/// In a [`Place`]: the counter of everything.
const EVERYWHERE: u16 = u16::MAX - 1;
/// In a [`Place`]: the flag of a chunk counter's index; without it, it is that of a slot.
const COUNTER: u16 = 1 << 15;

/// Slots that are looked at together.
#[repr(C, align(64))]
struct Bucket {
    slots: [Atomic<u64>; SLOTS],
}

impl Bucket {
    /// Puts a word into a free slot and returns its index.
    ///
    /// A slot that somebody else takes first is passed over. Two writers cannot keep each other
    /// from progress, and a bucket that only looks full is as good as a full one.
    fn claim(&self, word: u64) -> Option<usize> {
        self.slots.iter().position(|slot| {
            // The load saves a locked instruction on a slot that is taken.
            slot.load(Relaxed) == 0 && slot.cmpxchg(0, word, Full).is_ok()
        })
    }

    /// What the slots hold, each as it is when it is looked at.
    #[inline]
    fn words(&self) -> [u64; SLOTS] {
        core::array::from_fn(|i| self.slots[i].load(Acquire))
    }

    /// Whether a slot overlaps the range, other than those of `own`; `number` is the bucket's.
    fn overlaps(&self, range: Range, shift: u32, number: usize, own: Place) -> bool {
        self.words().into_iter().enumerate().any(|(i, word)| {
            range.overlaps(word, shift) && !own.0.contains(&((number * SLOTS + i) as u16))
        })
    }
}

/// Spreads granules, which mostly come as neighbours, over `len` (a power of two) places.
fn hash(granule: u64, len: usize) -> usize {
    // Fibonacci hashing. The shift is in two steps as there may be only one place.
    ((granule.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1) >> (63 - len.ilog2())) as usize
}

/// Whether `found` holds for any place, out of `len`, that a granule of the range hashes to.
fn any_of(len: usize, range: Range, shift: u32, found: impl Fn(usize) -> bool) -> bool {
    let (first, last) = range.units(shift);

    if first == last {
        found(hash(first, len))
    } else if last - first < len as u64 {
        (first..=last).any(|granule| found(hash(granule, len)))
    } else {
        // More granules than places: each place once, so that no range takes long.
        (0..len).any(found)
    }
}

/// The writes in flight to one backing device.
///
/// `FINE` and `COARSE` are the numbers of buckets, `COUNTS` that of counters, all powers of two.
/// All zero is the empty table.
#[repr(C)]
pub struct Ranges<const FINE: usize, const COARSE: usize, const COUNTS: usize> {
    fine: [Bucket; FINE],
    coarse: [Bucket; COARSE],
    wide: Bucket,
    /// Records that are anywhere but in `fine`: a check that finds none is done after `fine`.
    beyond: Atomic<u32>,
    /// Records too long for a chunk that found no wide slot.
    everywhere: Atomic<u32>,
    /// Records that found their coarse bucket full, once for each of their chunks.
    counts: [Atomic<u32>; COUNTS],
}

impl<const FINE: usize, const COARSE: usize, const COUNTS: usize> Ranges<FINE, COARSE, COUNTS> {
    const VALID: () = assert!(
        FINE.is_power_of_two()
            && COARSE.is_power_of_two()
            && COUNTS.is_power_of_two()
            && (FINE + COARSE + 1) * SLOTS <= COUNTER as usize
            && COUNTS < COUNTER as usize - 2
    );

    /// An empty table, for those who can have it on the stack: tests.
    #[allow(dead_code, clippy::new_without_default)]
    pub fn new() -> Self {
        fn buckets<const N: usize>() -> [Bucket; N] {
            core::array::from_fn(|_| Bucket {
                slots: core::array::from_fn(|_| Atomic::new(0)),
            })
        }
        let [wide] = buckets();

        Self {
            fine: buckets(),
            coarse: buckets(),
            wide,
            beyond: Atomic::new(0),
            everywhere: Atomic::new(0),
            counts: core::array::from_fn(|_| Atomic::new(0)),
        }
    }

    /// The bucket with this number: the fine ones come first, the wide one last.
    fn bucket(&self, number: usize) -> &Bucket {
        if number < FINE {
            &self.fine[number]
        } else {
            self.coarse.get(number - FINE).unwrap_or(&self.wide)
        }
    }

    /// The first of the coarse buckets of a chunk, and how many there are.
    fn coarse_set(chunk: u64) -> (usize, usize) {
        let ways = if COARSE < WAYS { COARSE } else { WAYS };

        (hash(chunk, COARSE / ways) * ways, ways)
    }

    /// Takes a slot for `word` in the one or two sets of `ways` buckets given, by their first
    /// bucket, or in none of them.
    fn claim(&self, word: u64, (first, second): (usize, usize), ways: usize) -> Option<Place> {
        let slot = |set: usize| {
            (set..set + ways).find_map(|number| {
                let slot = self.bucket(number).claim(word)?;
                Some((number * SLOTS + slot) as u16)
            })
        };
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
    fn free(&self, at: u16) {
        match at {
            NOWHERE => {}
            EVERYWHERE => {
                self.everywhere.fetch_sub(1, Release);
            }
            at if at & COUNTER != 0 => {
                self.counts[usize::from(at & !COUNTER)].fetch_sub(1, Release);
            }
            at => {
                let at = usize::from(at);
                self.bucket(at / SLOTS).slots[at % SLOTS].store(0, Release);
            }
        }
    }

    /// Records a write. What follows is fully ordered after it.
    pub fn record(&self, range: Range) -> Place {
        let () = Self::VALID;

        let place = if range.len() <= 1 << FINE_SHIFT {
            range.pack(0).and_then(|word| self.record_fine(range, word))
        } else {
            None
        };

        place.unwrap_or_else(|| self.record_beyond(range))
    }

    #[inline]
    fn record_fine(&self, range: Range, word: u64) -> Option<Place> {
        let (first, last) = range.units(FINE_SHIFT);
        let one = hash(first, FINE);

        // Nearly always: one bucket, and its first slot is free.
        if first == last && self.fine[one].slots[0].cmpxchg(0, word, Full).is_ok() {
            return Some(Place([(one * SLOTS) as u16, NOWHERE]));
        }
        self.claim(word, (one, hash(last, FINE)), 1)
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
        let ((one, ways), (two, _)) = (Self::coarse_set(first), Self::coarse_set(last));
        let sets = (FINE + one, FINE + two);

        if let Some(place) = range.pack(0).and_then(|word| self.claim(word, sets, ways)) {
            return place;
        }

        let count = |chunk| {
            let at = hash(chunk, COUNTS);
            // Cannot overflow: each write in flight is hundreds of bytes of somebody's memory.
            self.counts[at].fetch_add(1, Full);
            COUNTER | at as u16
        };
        let one = count(first);
        let two = if last == first { NOWHERE } else { count(last) };

        Place([one, two])
    }

    fn record_wide(&self, range: Range) -> Place {
        let wide = FINE + COARSE;

        if let Some(place) = range
            .pack(CHUNK_SHIFT)
            .and_then(|word| self.claim(word, (wide, wide), 1))
        {
            return place;
        }
        self.everywhere.fetch_add(1, Full);

        Place([EVERYWHERE, NOWHERE])
    }

    /// Clears a write, once. What precedes is ordered before it.
    ///
    /// `place` is what [`record`](Self::record) returned for it.
    pub fn clear(&self, place: Place) {
        let [one, two] = place.0;
        let at = usize::from(one);

        if at < FINE * SLOTS {
            self.fine[at / SLOTS].slots[at % SLOTS].store(0, Release);
            if two != NOWHERE {
                self.free(two);
            }
        } else {
            self.free(one);
            self.free(two);
            // Last, as a check that sees zero here does not look at the others.
            self.beyond.fetch_sub(1, Release);
        }
    }

    /// Looks for writes in flight that overlap the range. What follows is ordered after the end of
    /// those that it does not find any more.
    #[inline]
    pub fn check(&self, range: Range) -> Overlap {
        let (first, last) = range.units(FINE_SHIFT);

        if first != last {
            return self.check_others(range, Place([NOWHERE; 2]));
        }

        // The usual case in as few instructions as possible: one bucket, and nothing in it.
        let words = self.fine[hash(first, FINE)].words();
        if words.iter().fold(0, |all, word| all | word) != 0
            && words.iter().any(|&word| range.overlaps(word, 0))
        {
            Overlap::Exact
        } else if self.beyond.load(Acquire) == 0 {
            Overlap::None
        } else {
            self.check_beyond(range, Place([NOWHERE; 2]))
        }
    }

    /// The same, for a write that is recorded at `own`: others than itself.
    pub fn check_others(&self, range: Range, own: Place) -> Overlap {
        let fine = |i: usize| self.fine[i].overlaps(range, 0, i, own);

        if any_of(FINE, range, FINE_SHIFT, fine) {
            Overlap::Exact
        } else if self.beyond.load(Acquire) == 0 {
            Overlap::None
        } else {
            self.check_beyond(range, own)
        }
    }

    #[cold]
    fn check_beyond(&self, range: Range, own: Place) -> Overlap {
        let (_, ways) = Self::coarse_set(0);
        let coarse = |set: usize| {
            (set * ways..(set + 1) * ways).any(|i| self.coarse[i].overlaps(range, 0, FINE + i, own))
        };
        let more_than_own = |count: &Atomic<u32>, at: u16| {
            let owned = own.0.iter().filter(|&&half| half == at).count();
            count.load(Acquire) as usize > owned
        };
        let counted = |i: usize| more_than_own(&self.counts[i], COUNTER | i as u16);

        if any_of(COARSE / ways, range, CHUNK_SHIFT, coarse) {
            Overlap::Exact
        } else if self.wide.overlaps(range, CHUNK_SHIFT, FINE + COARSE, own)
            || more_than_own(&self.everywhere, EVERYWHERE)
            || any_of(COUNTS, range, CHUNK_SHIFT, counted)
        {
            Overlap::Possible
        } else {
            Overlap::None
        }
    }

    /// The writes in flight: how many, when nobody records or clears meanwhile.
    pub fn in_flight(&self) -> u64 {
        // A range in two granules has two slots: it counts where it starts.
        let starts_in = |number: usize| {
            let starts = |slot: &&Atomic<u64>| {
                let word = slot.load(Relaxed);
                let granule = (word >> LEN_BITS) >> FINE_SHIFT;
                word != 0 && hash(granule, FINE) == number
            };
            self.fine[number].slots.iter().filter(starts).count() as u64
        };

        (0..FINE).map(starts_in).sum::<u64>() + u64::from(self.beyond.load(Relaxed))
    }
}
