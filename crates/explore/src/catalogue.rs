// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which states there are, before any is tried.
//!
//! Equal content is booted once but judged at every instant at which it was
//! possible: a content that was harmless before a flush was acknowledged is a
//! broken promise after it.

use judge::history::History;
use judge::state::Instant;
use std::collections::{BTreeMap, HashMap};
use vdisk::Kind as EventKind;
use vdisk::crash::{How, Plan, States};
use vdisk::log::{Life, Log, LogError};

/// All distinct contents.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// States considered, duplicates included.
    pub considered: u64,
    /// Fingerprints in the order of the sequence.
    pub order: Vec<u128>,
    /// How plain each is (see [`plainness`]), and in which part of the
    /// recording it first occurs.
    places: HashMap<u128, (u8, usize)>,
    /// The first occurrence under each witness.
    occurrences: HashMap<u128, Vec<Instant>>,
}

impl Catalogue {
    /// Goes through the whole log once.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn make(log: &Log, life: &Life, plan: Plan, history: &History) -> Result<Self, LogError> {
        let mut catalogue = Self::default();
        let marks = life.events.iter().filter(|event| matches!(event.kind, EventKind::Mark(..)));
        let marks: Vec<u64> = marks.map(|event| event.seq).collect();
        for state in States::new(log, life, plan)?.with_duplicates() {
            let state = state?;
            let at = Instant { number: state.number, before: state.before() };
            let part = marks.partition_point(|mark| *mark < at.before);
            catalogue.add(state.fingerprint, (plainness(state.how), part), at, history);
        }
        Ok(catalogue)
    }

    fn add(&mut self, fingerprint: u128, place: (u8, usize), at: Instant, history: &History) {
        self.considered += 1;
        let known = self.occurrences.entry(fingerprint).or_insert_with(|| {
            self.order.push(fingerprint);
            Vec::new()
        });
        let (rank, _) = self.places.entry(fingerprint).or_insert(place);
        *rank = (*rank).min(place.0);
        let version = history.version(at.before);
        if !known.iter().any(|other| history.version(other.before) == version) {
            known.push(at);
        }
    }

    /// When this content was possible; the first instant under each witness.
    #[must_use]
    pub fn occurrences(&self, fingerprint: u128) -> &[Instant] {
        self.occurrences.get(&fingerprint).map_or(&[], Vec::as_slice)
    }

    /// At most `limit` distinct contents. Every part of the recording (what
    /// lies between two marks) gets the same share, as far as it has so many:
    /// a part with many writes must not crowd out one with few. In a part, a
    /// quarter are torn writes; of the rest, plain losses come before subsets,
    /// each spread evenly.
    #[must_use]
    pub fn choose(&self, limit: Option<usize>) -> Vec<u128> {
        let Some(limit) = limit.filter(|limit| *limit < self.order.len()) else {
            return self.order.clone();
        };
        let mut parts: BTreeMap<usize, Vec<u128>> = BTreeMap::new();
        for print in &self.order {
            let part = self.places.get(print).map_or(0, |place| place.1);
            parts.entry(part).or_default().push(*print);
        }
        let mut parts: Vec<Vec<u128>> = parts.into_values().collect();
        parts.sort_by_key(Vec::len);
        let (mut chosen, mut left) = (Vec::new(), limit);
        let count = parts.len();
        for (at, part) in parts.iter().enumerate() {
            let share = part.len().min(left.div_ceil(count - at));
            chosen.extend(self.plainest(part, share));
            left -= share;
        }
        chosen
    }

    /// `count` of some contents: torn ones a quarter, then the plainest.
    fn plainest(&self, of: &[u128], count: usize) -> Vec<u128> {
        let ranked = |rank: u8| -> Vec<u128> {
            let wanted = |print: &&u128| self.places.get(print).is_some_and(|p| p.0 == rank);
            of.iter().filter(wanted).copied().collect()
        };
        let mut left = count;
        let mut take = |rank, most: usize| {
            let all = ranked(rank);
            let count = most.min(left).min(all.len());
            left -= count;
            // The last one always: it is where most has happened.
            (1..=count).map(|n| all[n * all.len() / count - 1]).collect::<Vec<_>>()
        };
        let plain = (0..TORN).map(|rank| ranked(rank).len()).sum();
        let quarter = (count / 4).max(count.saturating_sub(plain));
        let mut chosen = take(TORN, quarter);
        chosen.extend((0..TORN).flat_map(|rank| take(rank, count)));
        chosen
    }
}

/// The rank of torn writes, after those of whole ones.
const TORN: u8 = 3;

/// 0 for all or nothing, 1 for one write more or less, 2 for subsets of whole
/// writes, 3 for torn ones.
fn plainness(how: How) -> u8 {
    match how {
        How::DropAll | How::KeepAll => 0,
        How::DropOne(_) | How::KeepOne(_) => 1,
        How::Subset(_) | How::Combination(_) | How::Shrunk => 2,
        How::Torn(_) => TORN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use judge::history::Told;
    use wire::Extent;

    #[test]
    fn equal_content_is_kept_once_per_witness() {
        let mut history = History::default();
        let extent = Extent { sector: 0, sectors: 8 };
        history.push(20, Told::Issued { seq: 1, extent, fua: false });
        let mut catalogue = Catalogue::default();
        for (number, before) in [(0, 5), (1, 10), (2, 30), (3, 40)] {
            catalogue.add(7, (0, 0), Instant { number, before }, &history);
        }
        let kept: Vec<u64> = catalogue.occurrences(7).iter().map(|at| at.before).collect();
        assert_eq!((catalogue.considered, kept), (4, vec![5, 30]));
    }

    fn filled(places: impl Iterator<Item = (u8, usize)>) -> Catalogue {
        let mut catalogue = Catalogue::default();
        for (number, place) in (0..).zip(places) {
            let at = Instant { number, before: number };
            catalogue.add(u128::from(number), place, at, &History::default());
        }
        catalogue
    }

    #[test]
    fn a_limit_takes_plain_losses_first_and_spreads_them() {
        let catalogue = filled((0..100).map(|n| (if n % 2 == 0 { 3 } else { 1 }, 0)));
        assert_eq!(catalogue.choose(Some(3)), [31, 65, 99]);
        assert_eq!(catalogue.choose(Some(5)), [98, 23, 49, 73, 99], "a quarter are torn");
        assert_eq!(catalogue.choose(Some(98)).iter().filter(|print| *print % 2 == 0).count(), 48);
        assert_eq!(catalogue.choose(None).len(), 100);
    }

    #[test]
    fn a_busy_part_does_not_crowd_out_a_quiet_one() {
        let catalogue = filled((0..100).map(|n| (0, usize::from(n >= 97))));
        let chosen = catalogue.choose(Some(10));
        assert_eq!(chosen.len(), 10);
        assert_eq!(chosen[..3], [97, 98, 99], "all three of the quiet part");
    }
}
