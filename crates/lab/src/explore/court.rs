// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was read back from a state, against what had been promised when the
//! cut came.

use super::catalogue::Occurrence;
use super::error::ExploreError;
use super::kind::{self, Kind};
use super::record::Recording;
use super::report::{BadRange, Outcome};
use super::station::{Start, Station};
use super::story::{Losses, Story};
use crate::oracle::{self, Readback};
use crate::trouble::Stop;
use evidence::Verdict;
use std::collections::HashMap;
use vdisk::crash::CrashState;
use wire::Content;

/// All that judging needs beside what was read back.
pub(super) struct Court<'a> {
    pub recording: &'a Recording,
    pub story: &'a Story,
}

impl Court<'_> {
    /// Judges a read-back at each instant at which the content was possible.
    /// `losses` belong to the first of them.
    pub fn judge(&self, seen: &Readback, losses: &Losses, instants: &[Occurrence]) -> Outcome {
        let mut ranges: Vec<BadRange> = Vec::new();
        let front: HashMap<u64, Content> = by_sector(&seen.bcache);
        let back: HashMap<u64, Content> = by_sector(&seen.backing);
        for at in instants {
            let witness = self.recording.history.witness_at_cut(at.before);
            for finding in oracle::judge(&witness, seen).findings {
                let here = |of: &HashMap<u64, Content>| of.get(&finding.first).copied();
                let (story, history) = (self.story, &self.recording.history);
                let (first, before) = (finding.first, at.before);
                let cause = match finding.verdict {
                    Verdict::Lost => kind::loss(story, history, losses, before, first),
                    _ => {
                        let seen = (here(&front), here(&back));
                        kind::cause(story, history, losses, before, first, seen)
                    }
                };
                let kind = Kind::of(finding.verdict, cause);
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

/// What a failure on a state, which has lost `losses` in a cut before event
/// `before`, says about the state.
fn failure(
    stop: Stop,
    story: &Story,
    losses: &Losses,
    before: u64,
) -> Result<Outcome, ExploreError> {
    match stop {
        Stop::Cancelled => Err(ExploreError::Cancelled(proc::Cancelled)),
        Stop::Closed(message) => Ok(Outcome::Harness { message }),
        Stop::Trouble(trouble) => {
            let message = format!("{}\n{}", trouble.message, trouble.console_tail);
            Ok(match trouble.what {
                // bch_btree_node_read_done takes a set whose checksum does not
                // fit for a broken cache, also where it was torn on its way.
                "guest-refused" if story.tears_a_set(losses, before) => {
                    Outcome::Unusable { how: "torn-set".to_owned(), message }
                }
                how @ ("guest-refused" | "panicked" | "oops" | "hung") => {
                    Outcome::Unusable { how: how.to_owned(), message }
                }
                what => Outcome::Harness { message: format!("{what}: {message}") },
            })
        }
    }
}

/// Tries a state; what is not a clear answer is asked again.
pub(super) fn attempt(
    court: &Court<'_>,
    station: &Station<'_>,
    state: &CrashState,
    instants: &[Occurrence],
    start: Start<'_>,
) -> Result<Outcome, ExploreError> {
    let losses = Losses::of(state);
    let once = || match station.observe(state, start) {
        Ok(seen) => Ok(court.judge(&seen, &losses, instants)),
        Err(stop) => failure(stop, court.story, &losses, state.before()),
    };
    match once()? {
        Outcome::Harness { .. } | Outcome::Unusable { .. } => once(),
        clear => Ok(clear),
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::{History, Told};
    use super::*;
    use std::collections::BTreeMap;
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
            clean: true,
        };
        let recording = recording();
        let story = Story::default();
        let court = Court { recording: &recording, story: &story };
        let instants: Vec<Occurrence> =
            instants.iter().map(|&before| Occurrence { number: before, before }).collect();
        let outcome = court.judge(&seen, &Losses::default(), &instants);
        outcome.kinds().into_iter().map(|kind| kind.0).collect()
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
}
