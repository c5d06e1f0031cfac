// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the oracle can say of a sector, and so of a case.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ordered from harmless to worst: a case's verdict is the worst of its
/// sectors'.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The last binding write, or one issued later.
    Ok,
    /// Every sector is right, but a read that overlapped no write in flight was
    /// not cached, or a counter of the arm is not what it must be. Of a case,
    /// never of a sector.
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
    /// The kernel reported a fault of its own on the console (lockdep, KASAN,
    /// KCSAN, UBSAN, a warning, a hung task), whatever the blocks hold. Of a
    /// case, never of a sector; no arm is expected to.
    Report,
}

impl Verdict {
    /// All of them, harmless first.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::Imprecise,
        Self::Diverged,
        Self::Stale,
        Self::Lost,
        Self::Torn,
        Self::Alien,
        Self::Report,
    ];

    /// Lower case, as in files and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Imprecise => "imprecise",
            Self::Diverged => "diverged",
            Self::Stale => "stale",
            Self::Lost => "lost",
            Self::Torn => "torn",
            Self::Alien => "alien",
            Self::Report => "report",
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Sectors (512 B) by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct SectorCounts {
    pub ok: u64,
    pub diverged: u64,
    pub stale: u64,
    pub lost: u64,
    pub torn: u64,
    pub alien: u64,
}

impl SectorCounts {
    /// Counts `sectors` more.
    pub fn add(&mut self, verdict: Verdict, sectors: u64) {
        *match verdict {
            Verdict::Imprecise | Verdict::Report => return,
            Verdict::Ok => &mut self.ok,
            Verdict::Diverged => &mut self.diverged,
            Verdict::Stale => &mut self.stale,
            Verdict::Lost => &mut self.lost,
            Verdict::Torn => &mut self.torn,
            Verdict::Alien => &mut self.alien,
        } += sectors;
    }

    /// How many with this verdict.
    #[must_use]
    pub fn of(&self, verdict: Verdict) -> u64 {
        match verdict {
            Verdict::Imprecise => 0,
            Verdict::Ok => self.ok,
            Verdict::Diverged => self.diverged,
            Verdict::Stale => self.stale,
            Verdict::Lost => self.lost,
            Verdict::Torn => self.torn,
            Verdict::Alien => self.alien,
            Verdict::Report => 0,
        }
    }

    /// The worst verdict that occurs; `None` when nothing was judged.
    #[must_use]
    pub fn worst(&self) -> Option<Verdict> {
        Verdict::ALL.into_iter().rev().find(|&verdict| self.of(verdict) > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_sector_decides_and_nothing_judged_is_no_verdict() {
        let mut counts = SectorCounts::default();
        assert_eq!(counts.worst(), None);
        counts.add(Verdict::Ok, 100);
        assert_eq!(counts.worst(), Some(Verdict::Ok));
        counts.add(Verdict::Stale, 1);
        counts.add(Verdict::Diverged, 5);
        counts.add(Verdict::Report, 5);
        assert_eq!(counts.worst(), Some(Verdict::Stale));
    }
}
