// SPDX-License-Identifier: GPL-2.0

//! Looking for what is recorded.

use kernel::sync::atomic::{
    Acquire,
    Atomic, //
};

use super::{
    bucket::{
        Away,
        Bucket,
        WORDS, //
    },
    level::{
        Granule,
        Level, //
    },
    place::{
        Half,
        Place, //
    },
    range::{
        Range,
        Unit, //
    },
    table::Table, //
};

/// What a check has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// No write in flight overlaps the range.
    None,
    /// A write in flight overlaps the range.
    Exact,
    /// A write in flight may overlap the range: the table is too coarse, or too full, to tell.
    Possible,
}

impl From<Option<Unit>> for Overlap {
    fn from(unit: Option<Unit>) -> Self {
        match unit {
            None => Self::None,
            Some(Unit::Sector) => Self::Exact,
            Some(Unit::Chunk) => Self::Possible,
        }
    }
}

impl<const BUCKETS: usize, const COUNTERS: usize> Table<BUCKETS, COUNTERS> {
    /// Looks for writes in flight that overlap the range. What follows is ordered after the end of
    /// those that it does not find any more.
    #[inline]
    pub fn check(&self, range: Range) -> Overlap {
        // Nearly always: one granule of either level, nothing at its home, nobody away from there.
        if Level::NEAR
            .into_iter()
            .all(|level| self.is_quiet(level, range))
            && self.far.load(Acquire) == 0
        {
            Overlap::None
        } else {
            self.check_others(range, Place::NOWHERE)
        }
    }

    #[inline(always)]
    fn is_quiet(&self, level: Level, range: Range) -> bool {
        let (first, last) = level.granules(range);
        let home = self.home(first);

        first.number == last.number
            && range.overlap(home.slot.load(Acquire)).is_none()
            && home.bucket.header().load(Acquire) == 0
    }

    /// The same, for a write that is recorded at `own`: others than itself.
    #[cold]
    #[inline(never)]
    pub fn check_others(&self, range: Range, own: Place) -> Overlap {
        let (first, last) = Level::Small.granules(range);

        // More granules than buckets: each bucket once, so that no range takes long.
        if last.number.wrapping_sub(first.number) >= BUCKETS as u64 {
            return self.check_all(range, own);
        }
        let near = self.check_levels(&Level::NEAR, range, own);
        if near != Overlap::None || self.far.load(Acquire) == 0 {
            return near;
        }
        let far = self.check_levels(&Level::FAR, range, own);
        if far != Overlap::None {
            return far;
        }
        self.check_counters(range, own)
    }

    fn check_levels(&self, levels: &[Level], range: Range, own: Place) -> Overlap {
        let found = levels
            .iter()
            .find(|level| self.check_level(**level, range, own));

        found.map(|level| level.unit()).into()
    }

    /// Looks at each granule of a range at a level.
    fn check_level(&self, level: Level, range: Range, own: Place) -> bool {
        let (first, last) = level.granules(range);
        // A bucket may have words of any level: those in chunks are for the widest to find.
        let unit = Some(level.unit());
        let hit = |slot, word| range.overlap(word) == unit && !own.has_slot(slot);
        let finds = |number| self.finds(Granule { number, ..first }, hit);

        (first.number..=last.number).any(finds)
    }

    /// Whether one of the slots of a granule has a word that is a hit.
    fn finds(&self, granule: Granule, hit: impl Fn(usize, u64) -> bool) -> bool {
        let home = self.home(granule);
        if hit(home.number, home.slot.load(Acquire)) {
            return true;
        }

        let header = home.bucket.header().load(Acquire);
        let any = |(first, bucket): (usize, &Bucket)| {
            bucket.any(|number, word| hit(first.wrapping_add(number), word))
        };

        Away::Stray.is_in(header) && any((home.first, home.bucket))
            || Away::Spilled.is_in(header) && self.others(granule).any(any)
    }

    /// Looks at everything.
    fn check_all(&self, range: Range, own: Place) -> Overlap {
        let finds = |unit, bucket: usize| {
            let number = |word: usize| bucket.wrapping_mul(WORDS).wrapping_add(word);
            let hit = |at, word| range.overlap(word) == unit && !own.has_slot(number(at));
            self.buckets[bucket % BUCKETS].any(hit)
        };
        let has = |unit| (0..BUCKETS).any(|bucket| finds(Some(unit), bucket));

        if has(Unit::Sector) {
            Overlap::Exact
        } else if has(Unit::Chunk) {
            Overlap::Possible
        } else {
            self.check_counters(range, own)
        }
    }

    /// Looks at the counters of what has found no slot.
    fn check_counters(&self, range: Range, own: Place) -> Overlap {
        let has_others = |counter: &Atomic<u64>, half| counter.load(Acquire) > own.count(half);
        let (first, last) = Level::Huge.granules(range);
        let counts = |number| {
            let counter = Self::counter_of(Granule { number, ..first });
            has_others(&self.counters[counter], Half::Counted(counter as u16))
        };

        if self.counted.load(Acquire) != 0
            && (has_others(&self.everywhere, Half::Everywhere)
                || (first.number..=last.number).any(counts))
        {
            Overlap::Possible
        } else {
            Overlap::None
        }
    }
}
