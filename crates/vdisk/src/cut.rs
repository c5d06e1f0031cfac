// SPDX-License-Identifier: MIT OR Apache-2.0
//! Power cuts and resets: what may survive, and what did.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;

/// What ends the machine's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CutKind {
    /// RAM and the disks' volatile caches are lost.
    Power,
    /// RAM is lost; the disks keep their caches. A later power cut may still
    /// lose what is in them.
    Reset,
}

impl fmt::Display for CutKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Power => "power",
            Self::Reset => "reset",
        })
    }
}

/// What survives of the changes that the crash model leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Everything that reached the disk, acknowledged or not.
    KeepAll,
    /// As `KeepAll`, and also what was issued but had not reached the disk:
    /// it lands in the cut, unacknowledged.
    KeepInFlight,
    /// Nothing but what is promised.
    DropAll,
    /// As `KeepAll`, but for these sectors of one disk (its number in the rig).
    KeepBut { disk: usize, first: u64, end: u64 },
    /// The first half of each change, rounded up.
    Torn,
    /// Any subset, torn at sector granularity, chosen by this seed.
    Seeded(u64),
}

impl Policy {
    /// What it says of one disk.
    pub(crate) fn on(self, disk: usize) -> Self {
        match self {
            Self::KeepBut { disk: meant, .. } if meant != disk => Self::KeepAll,
            policy => policy,
        }
    }
}

/// What became of one open change in a cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survival {
    pub disk: String,
    /// The request, as in its events.
    pub request: u64,
    /// First sector (512 B).
    pub sector: u64,
    pub sectors: u64,
    /// Whether it had reached the cache or the media.
    pub applied: bool,
    /// Whether the guest was told that it is done.
    pub acknowledged: bool,
    /// Sector ranges of it that are on the disk after the cut, unless a newer
    /// change that also survived covers them.
    pub kept: Vec<Range<u64>>,
    /// Sector ranges of it that are gone.
    pub lost: Vec<Range<u64>>,
}

impl Survival {
    /// False for a change that a newer certified one had overwritten.
    pub(crate) fn was_open(&self) -> bool {
        !(self.kept.is_empty() && self.lost.is_empty())
    }
}

/// `all` less `gone`; both in order and `gone` inside `all`.
pub(crate) fn without(all: &[Range<u64>], gone: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut rest = Vec::new();
    for part in all {
        let mut at = part.start;
        for hole in gone.iter().filter(|hole| part.start <= hole.start && hole.end <= part.end) {
            if at < hole.start {
                rest.push(at..hole.start);
            }
            at = hole.end;
        }
        if at < part.end {
            rest.push(at..part.end);
        }
    }
    rest
}

/// What a cut did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutReport {
    /// Sequence number of the cut's own event: the instant, for all disks.
    pub at_event: u64,
    pub kind: CutKind,
    /// Open changes of which something is gone.
    pub lost: Vec<Survival>,
    /// Open changes that survived whole.
    pub kept: Vec<Survival>,
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // a list of ranges, of which there is one
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_some_ranges() {
        let left = without(&[0..4, 10..20], &[0..1, 12..13, 18..20]);
        assert_eq!(left, [1..4, 10..12, 13..18]);
        assert_eq!(without(&[0..4], &[]), [0..4]);
        assert_eq!(without(&[0..4], &[0..4]), []);
    }

    #[test]
    fn what_one_disk_is_to_lose_the_other_keeps() {
        let but = Policy::KeepBut { disk: 1, first: 8, end: 16 };
        assert_eq!([0, 1].map(|disk| but.on(disk)), [Policy::KeepAll, but]);
        assert_eq!(Policy::DropAll.on(0), Policy::DropAll);
        assert_eq!(
            [CutKind::Power, CutKind::Reset].map(|kind| kind.to_string()),
            ["power", "reset"]
        );
    }

    #[test]
    fn a_change_was_open_if_anything_of_it_was() {
        let open = |kept: &[Range<u64>], lost: &[Range<u64>]| {
            let (kept, lost) = (kept.to_vec(), lost.to_vec());
            let (disk, applied, acknowledged) = ("ssd".to_owned(), true, true);
            Survival { disk, request: 1, sector: 0, sectors: 8, applied, acknowledged, kept, lost }
                .was_open()
        };
        assert!(open(&[0..8], &[]) && open(&[], &[0..8]) && open(&[0..4], &[4..8]));
        assert!(!open(&[], &[]));
    }
}
