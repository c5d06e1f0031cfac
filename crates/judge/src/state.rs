// SPDX-License-Identifier: MIT OR Apache-2.0
//! A crash state judged: what was read back from it, against what had been
//! promised when the cut came.

use crate::cause;
use crate::oracle::{self, Readback};
use crate::recording::Recording;
use crate::trace::{Losses, Trace};
use evidence::Verdict;
use scenario::{Kind, Unusable};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use wire::Content;

/// An instant at which a content was possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant {
    /// The state's number there, duplicates counted.
    pub number: u64,
    /// The event that the cut comes before.
    pub before: u64,
}

/// One bad range in a state, at the instant where it is bad.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRange {
    /// What is wrong.
    pub kind: Kind,
    /// The state's number at that instant, duplicates counted.
    pub number: u64,
    /// The event that the cut comes before.
    pub before: u64,
    /// First sector on the bcache device.
    pub first: u64,
    /// Sectors.
    pub sectors: u64,
    /// What was seen, and what was permitted.
    pub detail: String,
}

/// What came of trying a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Outcome {
    /// Everything as promised.
    Good,
    /// Something is not; worst first is not implied.
    Bad {
        /// Where.
        ranges: Vec<BadRange>,
    },
    /// bcache does not come up on it, or the kernel dies.
    Unusable {
        /// Which of the two, and how.
        how: Unusable,
        /// In words.
        message: String,
    },
    /// The harness failed twice; no verdict.
    Harness {
        /// In words.
        message: String,
    },
}

impl Outcome {
    /// The kinds of what is wrong, each once.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds = match self {
            Self::Good | Self::Harness { .. } => Vec::new(),
            Self::Bad { ranges } => ranges.iter().map(|range| range.kind.clone()).collect(),
            Self::Unusable { how, .. } => vec![Kind::Unusable(*how)],
        };
        kinds.sort();
        kinds.dedup();
        kinds
    }
}

/// The oracle for crash states: all that it needs beside what was read back.
pub struct StateOracle<'a> {
    pub recording: &'a Recording,
    pub trace: &'a Trace,
}

impl StateOracle<'_> {
    /// Judges a read-back at each instant at which the content was possible.
    /// `losses` belong to the first of them.
    pub fn judge(&self, seen: &Readback, losses: &Losses, instants: &[Instant]) -> Outcome {
        let mut ranges: Vec<BadRange> = Vec::new();
        let front: HashMap<u64, Content> = by_sector(&seen.bcache);
        let back: HashMap<u64, Content> = by_sector(&seen.backing);
        for at in instants {
            let witness = self.recording.history.witness_at_cut(at.before);
            for finding in oracle::judge(&witness, seen).findings {
                let here = |of: &HashMap<u64, Content>| of.get(&finding.first).copied();
                let (trace, history) = (self.trace, &self.recording.history);
                let (first, before) = (finding.first, at.before);
                let cause = match finding.verdict {
                    Verdict::Lost => cause::loss(trace, history, losses, before, first),
                    _ => {
                        let seen = (here(&front), here(&back));
                        cause::cause(trace, history, losses, before, first, seen)
                    }
                };
                let kind = Kind::Bad(finding.verdict, cause);
                // The same at a later instant is no news.
                if ranges.iter().any(|r| r.kind == kind && r.first == finding.first) {
                    continue;
                }
                ranges.push(BadRange {
                    kind,
                    number: at.number,
                    before: at.before,
                    first: finding.first,
                    sectors: finding.sectors,
                    detail: finding.detail,
                });
            }
        }
        if ranges.is_empty() { Outcome::Good } else { Outcome::Bad { ranges } }
    }
}

fn by_sector(runs: &[wire::Run]) -> HashMap<u64, Content> {
    runs.iter().flat_map(|run| (0..run.sectors).map(|n| (run.first + n, run.content))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Written;
    use crate::history::{History, Told};
    use crate::trace::Write;
    use scenario::layout::DATA_OFFSET;
    use scenario::{Cause, Disk};
    use std::collections::BTreeMap;
    use vdisk::bcache_format::Key;
    use wire::{Extent, Run};

    fn recording() -> Recording {
        let extent = Extent { sector: 64, sectors: 8 };
        let mut history = History::default();
        for (seq, at) in [(1, 10), (2, 40)] {
            history.push(at, Told::Issued { seq, extent, fua: false });
            history.push(at + 10, Told::Acked { seq });
            history.push(at + 10, Told::FlushIssued { id: seq });
            history.push(at + 20, Told::FlushAcked { id: seq });
        }
        Recording {
            arm: "base".into(),
            kernel: "k".into(),
            scenario: "S".into(),
            scenario_hash: String::new(),
            seed: 1,
            run: 5,
            versions: BTreeMap::new(),
            history,
            opportunities: Vec::new(),
        }
    }

    fn kinds(front: u64, back: u64, instants: &[u64]) -> Vec<String> {
        let run = |seq| Run {
            first: 64,
            sectors: 8,
            content: Content::Stamped { run: 5, seq, writer: 0 },
        };
        let differing =
            if front == back { vec![] } else { vec![Extent { sector: 64, sectors: 8 }] };
        let seen = Readback {
            run: 5,
            bcache: vec![run(front)],
            backing: vec![run(back)],
            differing,
            dirty: Vec::new(),
        };
        let recording = recording();
        let trace = Trace::default();
        let oracle = StateOracle { recording: &recording, trace: &trace };
        let instants: Vec<Instant> =
            instants.iter().map(|&before| Instant { number: before, before }).collect();
        let outcome = oracle.judge(&seen, &Losses::default(), &instants);
        outcome.kinds().into_iter().map(|kind| kind.to_string()).collect()
    }

    #[test]
    fn a_state_is_judged_by_what_was_promised_at_its_instant() {
        assert!(kinds(1, 1, &[35]).is_empty());
        assert!(kinds(1, 1, &[55]).is_empty(), "the second write's flush is under way");
        assert_eq!(kinds(1, 1, &[99]), ["lost"]);
        assert!(kinds(2, 2, &[99]).is_empty());
    }

    #[test]
    fn the_same_content_is_bad_if_any_of_its_instants_says_so() {
        assert_eq!(kinds(1, 1, &[35, 99]), ["lost"]);
    }

    #[test]
    fn a_cache_behind_the_disk_is_diverged_or_stale_by_the_instant() {
        let found = kinds(1, 2, &[45]);
        assert!(found.len() == 1 && found[0].starts_with("diverged"), "{found:?}");
        let found = kinds(1, 2, &[99]);
        assert!(found.len() == 1 && found[0].starts_with("stale"), "{found:?}");
    }

    fn whole(first: u64, seq: u64) -> Run {
        Run { first, sectors: 8, content: Content::Stamped { run: 5, seq, writer: 0 } }
    }

    fn judged(front: Run, back: Run, trace: &Trace, instants: &[u64]) -> Vec<BadRange> {
        let recording = recording();
        let oracle = StateOracle { recording: &recording, trace };
        let seen =
            Readback { run: 5, bcache: vec![front], backing: vec![back], ..Readback::default() };
        let instants: Vec<Instant> =
            instants.iter().map(|&before| Instant { number: before, before }).collect();
        match oracle.judge(&seen, &Losses::default(), &instants) {
            Outcome::Bad { ranges } => ranges,
            _ => Vec::new(),
        }
    }

    /// The write was flushed at event 60; what removed it came later and is there.
    #[test]
    fn a_loss_is_put_down_to_the_invalidation_that_survived() {
        let end = 64 + DATA_OFFSET + 8;
        let key = Key { inode: 0, end, sectors: 8, dirty: false, pointers: Vec::new() };
        let mut trace = Trace::default();
        trace.writes.push(Write {
            request: 9,
            disk: Disk::Ssd,
            sector: 0,
            sectors: 8,
            issued: 70,
            issued_ns: 0,
            completed: None,
            what: Written::Journal { seq: 5, last_seq: 3, keys: vec![key] },
        });
        let found = judged(whole(64, 1), whole(64, 1), &trace, &[99]);
        assert_eq!(found[0].kind, Kind::Bad(Verdict::Lost, Some(Cause::DirtyInvalidated)));
        let found = judged(whole(64, 1), whole(64, 1), &Trace::default(), &[99]);
        assert_eq!(found[0].kind, Kind::Bad(Verdict::Lost, None));
    }

    #[test]
    fn the_same_is_said_once_and_whatever_differs_each_time() {
        let found = |front, back, instants: &[u64]| {
            let found = judged(front, back, &Trace::default(), instants);
            found.iter().map(|range| (range.number, range.first)).collect::<Vec<_>>()
        };
        assert_eq!(found(whole(64, 1), whole(64, 2), &[98, 99]), [(98, 64)]);
        let torn = Run { content: Content::Torn, sectors: 1, ..whole(68, 0) };
        let both = judged(torn, whole(64, 2), &Trace::default(), &[98, 99]);
        let each: Vec<_> = both.iter().map(|r| (r.number, r.first, r.sectors)).collect();
        assert_eq!(each, [(98, 64, 4), (98, 68, 1), (98, 69, 3)], "two of them stale");
        // Worse at the later instant: another kind in the same place.
        assert_eq!(found(whole(65, 1), whole(64, 1), &[35, 99]), [(35, 64), (99, 64)]);
    }

    #[test]
    fn each_sector_of_a_run_has_its_content() {
        let (a, b) = (whole(64, 1), whole(80, 2));
        let found = by_sector(&[a, b]);
        assert_eq!(found.len(), 16);
        assert!((64..72).all(|sector| found[&sector] == a.content));
        assert!((80..88).all(|sector| found[&sector] == b.content));
    }
}
