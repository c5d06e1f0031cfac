// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the oracle can say of a sector, and so of a case.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use strum::VariantArray;

/// Ordered from harmless to worst: a case's verdict is the worst of its
/// sectors'. The words of files and tables are the names in lower case.
///
/// A new verdict is a variant here and a rule in the judge; nothing else in
/// this crate names one but `Ok`.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::Display,
    strum::IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Verdict {
    /// The last binding write, or one issued later.
    Ok,
    /// Every sector is right, but a read that overlapped no write in flight was
    /// not cached, a request was refused, or a counter of the arm is not what it
    /// must be. Of a case, never of a sector.
    Imprecise,
    /// Permitted by the witness, and the cache is clean, but bcache returns
    /// something else than its own backing device holds.
    Diverged,
    /// An older version, while the backing device holds a permitted one.
    Stale,
    /// No permitted version, neither through bcache nor on the backing device.
    Lost,
    /// Our stamp, damaged.
    Torn,
    /// Something never written there.
    Alien,
    /// What was begun did not end in time, while the disks answered. Of a case,
    /// never of a sector.
    Hung,
    /// The kernel reported a fault of its own on the console (lockdep, KASAN,
    /// KCSAN, UBSAN, a warning, a hung task), or died in bcache's code, whatever
    /// the blocks hold. Of a case, never of a sector.
    Report,
}

impl Verdict {
    /// Harmless first.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// As in files and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Sectors (512 B) by verdict; those without sectors are not named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "BTreeMap<Verdict, u64>")]
pub struct SectorCounts(BTreeMap<Verdict, u64>);

/// Schema 1 names every verdict, also those without sectors.
impl From<BTreeMap<Verdict, u64>> for SectorCounts {
    fn from(mut counts: BTreeMap<Verdict, u64>) -> Self {
        counts.retain(|_, sectors| *sectors > 0);
        Self(counts)
    }
}

impl SectorCounts {
    /// Counts `sectors` more.
    pub fn add(&mut self, verdict: Verdict, sectors: u64) {
        if sectors > 0 {
            *self.0.entry(verdict).or_default() += sectors;
        }
    }

    /// How many have this verdict.
    #[must_use]
    pub fn of(&self, verdict: Verdict) -> u64 {
        self.0.get(&verdict).copied().unwrap_or(0)
    }

    /// The worst verdict that occurs; `None` when nothing was judged.
    #[must_use]
    pub fn worst(&self) -> Option<Verdict> {
        self.0.keys().next_back().copied()
    }

    /// The verdicts that occur, harmless first.
    pub fn iter(&self) -> impl Iterator<Item = (Verdict, u64)> {
        self.0.iter().map(|(verdict, sectors)| (*verdict, *sectors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_sector_decides_and_nothing_judged_is_no_verdict() {
        let mut counts = SectorCounts::default();
        assert_eq!(counts.worst(), None);
        counts.add(Verdict::Alien, 0);
        assert_eq!(counts.worst(), None);
        counts.add(Verdict::Ok, 100);
        assert_eq!(counts.worst(), Some(Verdict::Ok));
        counts.add(Verdict::Stale, 1);
        counts.add(Verdict::Diverged, 5);
        assert_eq!((counts.worst(), counts.of(Verdict::Stale)), (Some(Verdict::Stale), 1));
    }

    #[test]
    fn the_words_are_those_of_the_files_and_each_verdict_can_be_counted() {
        let mut counts = SectorCounts::default();
        for &verdict in Verdict::ALL {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.as_str());
            assert_eq!(verdict.to_string(), verdict.as_str());
            counts.add(verdict, 2);
            assert_eq!((counts.of(verdict), counts.worst()), (2, Some(verdict)));
        }
        let text = serde_json::to_string(&counts).unwrap();
        assert!(text.starts_with(r#"{"ok":2,"imprecise":2,"diverged":2,"stale":2,"#), "{text}");
        assert_eq!(serde_json::from_str::<SectorCounts>(&text).unwrap(), counts);
    }

    #[test]
    fn counts_of_schema_1_name_what_is_zero() {
        let text = r#"{"ok":2064,"diverged":0,"stale":8,"lost":0,"torn":0,"alien":0}"#;
        let counts: SectorCounts = serde_json::from_str(text).unwrap();
        let all: Vec<_> = counts.iter().collect();
        assert_eq!(all, [(Verdict::Ok, 2064), (Verdict::Stale, 8)]);
        assert_eq!(serde_json::to_string(&counts).unwrap(), r#"{"ok":2064,"stale":8}"#);
    }
}
