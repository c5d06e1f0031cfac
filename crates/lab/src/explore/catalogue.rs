// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which states there are, before any is tried.
//!
//! Equal content is booted once but judged at every instant at which it was
//! possible: a content that was harmless before a flush was acknowledged is a
//! broken promise after it.

use super::history::History;
use std::collections::HashMap;
use vdisk::crash::{Plan, States};
use vdisk::log::{Life, Log, LogError};

/// One instant at which a content was possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// The state's number in the enumeration with duplicates.
    pub number: u64,
    /// The event that the cut comes before.
    pub before: u64,
}

/// All distinct contents.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// States considered, duplicates included.
    pub considered: u64,
    /// Fingerprints in the order of the sequence.
    pub order: Vec<u128>,
    /// The first occurrence under each witness.
    occurrences: HashMap<u128, Vec<Occurrence>>,
}

impl Catalogue {
    /// Goes through the whole log once.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn make(log: &Log, life: &Life, plan: Plan, history: &History) -> Result<Self, LogError> {
        let mut catalogue = Self::default();
        for state in States::new(log, life, plan)?.with_duplicates() {
            let state = state?;
            let at = Occurrence { number: state.number, before: state.before() };
            catalogue.add(state.fingerprint, at, history);
        }
        Ok(catalogue)
    }

    fn add(&mut self, fingerprint: u128, at: Occurrence, history: &History) {
        self.considered += 1;
        let known = self.occurrences.entry(fingerprint).or_insert_with(|| {
            self.order.push(fingerprint);
            Vec::new()
        });
        let version = history.version(at.before);
        if !known.iter().any(|other| history.version(other.before) == version) {
            known.push(at);
        }
    }

    /// When this content was possible; the first instant under each witness.
    #[must_use]
    pub fn occurrences(&self, fingerprint: u128) -> &[Occurrence] {
        self.occurrences.get(&fingerprint).map_or(&[], Vec::as_slice)
    }

    /// At most `limit` distinct contents, spread evenly over the sequence.
    #[must_use]
    pub fn choose(&self, limit: Option<usize>) -> Vec<u128> {
        let all = self.order.len();
        match limit {
            Some(limit) if limit < all => (0..limit).map(|n| self.order[n * all / limit]).collect(),
            _ => self.order.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::Told;
    use super::*;
    use wire::Extent;

    #[test]
    fn equal_content_is_kept_once_per_witness() {
        let mut history = History::default();
        let extent = Extent { sector: 0, sectors: 8 };
        history.push(20, Told::Issued { seq: 1, extent, fua: false });
        let mut catalogue = Catalogue::default();
        for (number, before) in [(0, 5), (1, 10), (2, 30), (3, 40)] {
            catalogue.add(7, Occurrence { number, before }, &history);
        }
        let kept: Vec<u64> = catalogue.occurrences(7).iter().map(|at| at.before).collect();
        assert_eq!((catalogue.considered, kept), (4, vec![5, 30]));
    }

    #[test]
    fn a_limit_spreads_over_the_sequence() {
        let mut catalogue = Catalogue::default();
        for number in 0..100 {
            let at = Occurrence { number, before: number };
            catalogue.add(u128::from(number), at, &History::default());
        }
        assert_eq!(catalogue.choose(Some(4)), [0, 25, 50, 75]);
        assert_eq!(catalogue.choose(None).len(), 100);
    }
}
