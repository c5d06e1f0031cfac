// SPDX-License-Identifier: GPL-2.0

//! Recording and clearing.

use kernel::sync::atomic::{
    Full,
    Release, //
};

use super::{
    bucket::{
        Away,
        Bucket, //
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
        Unit,
        SECOND, //
    },
    table::Table, //
};

impl<const BUCKETS: usize, const COUNTERS: usize> Table<BUCKETS, COUNTERS> {
    /// Takes a slot for a range's `word`.
    fn put(&self, granule: Granule, word: u64) -> Option<Half> {
        let home = self.home(granule);
        if home.slot.cmpxchg(0, word, Full).is_ok() {
            return Some(Half::Home(home.number as u16));
        }

        let claim = |(first, bucket): (usize, &Bucket)| {
            let number = bucket.claim(word)?;
            Some(first.wrapping_add(number) as u16)
        };
        home.bucket.leave_home(Away::Stray);
        if let Some(slot) = claim((home.first, home.bucket)) {
            return Some(Half::Stray(slot));
        }
        home.bucket.forget(Away::Stray);

        home.bucket.leave_home(Away::Spilled);
        let slot = self.others(granule).find_map(claim);
        if slot.is_none() {
            home.bucket.forget(Away::Spilled);
        }
        slot.map(Half::Spilled)
    }

    /// Takes a slot in each granule of a range, or in none.
    fn put_all(&self, level: Level, range: Range) -> Option<Place> {
        let word = range.pack(level.unit())?;
        let (first, last) = level.granules(range);

        let one = self.put(first, word)?;
        if last == first {
            return Some(Place::new(one, Half::Nowhere));
        }
        let Some(two) = self.put(last, word | SECOND) else {
            // Nothing relies on this record yet.
            self.free(one, first);
            return None;
        };

        Some(Place::new(one, two))
    }

    /// Undoes what has been done for one granule.
    fn free(&self, half: Half, granule: Granule) {
        let (number, away) = match half {
            Half::Home(number) => (number, None),
            Half::Stray(number) => (number, Some(Away::Stray)),
            Half::Spilled(number) => (number, Some(Away::Spilled)),
            Half::Counted(number) => {
                self.counters[usize::from(number) % COUNTERS].fetch_sub(1, Release);
                return;
            }
            Half::Everywhere => {
                self.everywhere.fetch_sub(1, Release);
                return;
            }
            Half::Nowhere => return,
        };

        if let Some(slot) = self.slot(number.into()) {
            slot.store(0, Release);
        }
        if let Some(away) = away {
            // Last, as a check that sees zero here does not look at the slot.
            self.home(granule).bucket.forget(away);
        }
    }

    /// Counts a write that has found no slot.
    fn count(&self, range: Range) -> Place {
        self.counted.fetch_add(1, Full);

        let (first, last) = Level::Huge.granules(range);
        if range.sectors() > 1 << Level::Huge.shift() {
            self.everywhere.fetch_add(1, Full);
            return Place::new(Half::Everywhere, Half::Nowhere);
        }
        let count = |chunk| {
            let counter = Self::counter_of(chunk);
            self.counters[counter].fetch_add(1, Full);
            Half::Counted(counter as u16)
        };
        let one = count(first);
        let two = if last == first {
            Half::Nowhere
        } else {
            count(last)
        };

        Place::new(one, two)
    }

    /// Records a write. What follows is fully ordered after it.
    #[inline]
    pub fn record(&self, range: Range) -> Place {
        let () = Self::VALID;

        // Nearly always: short, in one granule, and nobody at its home.
        if let (Some(level), Some(word)) = (Level::near(range), range.pack(Unit::Sector)) {
            let (first, last) = level.granules(range);
            let home = self.home(first);
            if first.number == last.number && home.slot.cmpxchg(0, word, Full).is_ok() {
                return Place::home(home.number);
            }
        }
        self.record_others(range)
    }

    #[cold]
    #[inline(never)]
    fn record_others(&self, range: Range) -> Place {
        let level = Level::of(range);
        let is_near = level.is_some_and(Level::is_near);

        if !is_near {
            self.far.fetch_add(1, Full);
        }
        let place = level.and_then(|level| self.put_all(level, range));
        place.unwrap_or_else(|| {
            if is_near {
                self.far.fetch_add(1, Full);
            }
            self.count(range)
        })
    }

    /// Clears a write, once. What precedes is ordered before it.
    ///
    /// `place` is what [`record`](Self::record) returned for it.
    #[inline]
    pub fn clear(&self, range: Range, place: Place) {
        match place.only_home().and_then(|home| self.slot(home)) {
            Some(home) => home.store(0, Release),
            None => self.clear_others(range, place),
        }
    }

    #[cold]
    #[inline(never)]
    fn clear_others(&self, range: Range, place: Place) {
        let level = Level::of(range);
        let (first, last) = level.unwrap_or(Level::Wide).granules(range);
        let [one, two] = place.halves();

        self.free(one, first);
        self.free(two, last);
        let counted = matches!(one, Half::Counted(_) | Half::Everywhere);
        if counted {
            self.counted.fetch_sub(1, Release);
        }
        if counted || !level.is_some_and(Level::is_near) {
            // Last, as a check that sees zero here does not look at the others.
            self.far.fetch_sub(1, Release);
        }
    }
}
