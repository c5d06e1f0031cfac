// SPDX-License-Identifier: MIT OR Apache-2.0
//! The judge: what was read back against what the witness permits.
//!
//! A pure function of its inputs, so that every verdict can be provoked in a
//! test: nothing here knows of QEMU, disks or arms.

use crate::witness::Witness;
use evidence::{SectorCounts, Verdict};
use wire::{Content, Extent, Run, volume};

/// What was read back, after a scenario or after a cut.
#[derive(Clone, Debug, Default)]
pub struct Readback {
    /// The run number that our stamps carry.
    pub run: u64,
    /// Through bcache, addresses of the bcache device.
    pub bcache: Vec<Run>,
    /// From the backing device, addresses shifted to those of the bcache device.
    pub backing: Vec<Run>,
    /// Sectors in which the two differ, over the whole device, or as much of it
    /// as bcache can have cached.
    pub differing: Vec<Extent>,
    /// Numbers of the bcache devices with something dirty in the cache, or no backing
    /// device. All others must agree with theirs.
    pub dirty: Vec<u64>,
}

/// Neighbouring sectors with the same bad verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// First sector on the bcache device, 512 B units.
    pub first: u64,
    /// How many.
    pub sectors: u64,
    /// Why it is here.
    pub verdict: Verdict,
    /// What was seen and what was permitted, in words.
    pub detail: String,
}

/// The judgement of one read-back.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// Judged sectors by verdict.
    pub counts: SectorCounts,
    /// Everything that is not `ok`, joined.
    pub findings: Vec<Finding>,
}

impl Judgement {
    fn add(&mut self, sector: u64, verdict: Verdict, detail: impl FnOnce() -> String) {
        self.counts.add(verdict, 1);
        if verdict == Verdict::Ok {
            return;
        }
        match self.findings.last_mut() {
            Some(last) if last.verdict == verdict && last.first + last.sectors == sector => {
                last.sectors += 1;
            }
            _ => {
                self.findings.push(Finding { first: sector, sectors: 1, verdict, detail: detail() })
            }
        }
    }
}

/// Looks up single sectors in a sorted or unsorted list of runs.
struct Contents<'a>(Vec<&'a Run>);

impl<'a> Contents<'a> {
    fn new(runs: &'a [Run]) -> Self {
        let mut sorted: Vec<&Run> = runs.iter().collect();
        sorted.sort_by_key(|run| run.first);
        Self(sorted)
    }

    fn at(&self, sector: u64) -> Option<Content> {
        let after = self.0.partition_point(|run| run.first <= sector);
        let run = self.0.get(after.checked_sub(1)?)?;
        (sector < run.first + run.sectors).then_some(run.content)
    }
}

/// Judges every sector that was ever written, and the rest of the device for
/// coherence. A written sector that was not read back is `lost`: silence is
/// never `ok`.
#[must_use]
pub fn judge(witness: &Witness, seen: &Readback) -> Judgement {
    let mut judgement = Judgement::default();
    let (bcache, backing) = (Contents::new(&seen.bcache), Contents::new(&seen.backing));
    let clean = |sector: u64| !seen.dirty.contains(&volume::number(sector));
    let differs =
        |sector: u64| seen.differing.iter().any(|extent| extent.range().contains(&sector));
    let footprint = witness.written();
    for sector in footprint.iter().flat_map(|&(first, end)| first..end) {
        let allowed = witness.allowed(sector);
        let permitted = |content: Option<Content>| match content {
            Some(Content::Stamped { run, seq, .. }) => {
                run == seen.run && allowed.seqs.contains(&seq)
            }
            Some(Content::Blank) => allowed.blank,
            _ => false,
        };
        let (front, back) = (bcache.at(sector), backing.at(sector));
        let verdict = if permitted(front) {
            if clean(sector) && differs(sector) { Verdict::Diverged } else { Verdict::Ok }
        } else {
            match front {
                Some(Content::Torn) => Verdict::Torn,
                Some(Content::Misplaced { .. } | Content::Unstamped) => Verdict::Alien,
                Some(Content::Stamped { run, seq, .. })
                    if run != seen.run || !witness.wrote(seq, sector) =>
                {
                    Verdict::Alien
                }
                _ if permitted(back) => Verdict::Stale,
                _ => Verdict::Lost,
            }
        };
        judgement.add(sector, verdict, || {
            format!(
                "bcache returns {}, the backing device holds {}, permitted {}",
                words(front),
                words(back),
                permitted_words(&allowed),
            )
        });
    }
    let written = |sector: u64| footprint.iter().any(|&(f, end)| (f..end).contains(&sector));
    let all = seen.differing.iter().flat_map(Extent::range);
    for sector in all.filter(|&sector| clean(sector) && !written(sector)) {
        judgement.add(sector, Verdict::Diverged, || {
            "bcache and its backing device differ where nothing was written".to_owned()
        });
    }
    judgement
}

fn words(content: Option<Content>) -> String {
    match content {
        None => "nothing (not read)".into(),
        Some(Content::Blank) => "zeroes".into(),
        Some(Content::Torn) => "a torn stamp".into(),
        Some(Content::Unstamped) => "foreign data".into(),
        Some(Content::Stamped { seq, .. }) => format!("write #{seq}"),
        Some(Content::Misplaced { seq, sector, .. }) => {
            format!("write #{seq} of sector {sector}")
        }
    }
}

fn permitted_words(allowed: &crate::witness::Allowed) -> String {
    let mut parts: Vec<String> = allowed.seqs.iter().map(|seq| format!("#{seq}")).collect();
    if allowed.blank {
        parts.insert(0, "zeroes".into());
    }
    parts.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{SECTOR, Stamp, classify_all};

    const RUN: u64 = 77;
    const AT: Extent = Extent { sector: 8, sectors: 2 };

    /// Write #1 then #2, both acknowledged: only #2 is permitted.
    fn witness() -> Witness {
        let mut witness = Witness::new();
        for seq in [1, 2] {
            witness.issued(seq, AT, false);
            witness.acked(seq);
        }
        witness
    }

    /// A real image of two sectors as write `seq` leaves it.
    fn image(seq: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for sector in [8, 9] {
            let mut one = [0; SECTOR];
            Stamp { run: RUN, sector, seq, writer: 0 }.write_to(&mut one);
            bytes.extend_from_slice(&one);
        }
        bytes
    }

    fn verdict(front: &[u8], back: &[u8], clean: bool) -> Verdict {
        let differing = front
            .chunks(SECTOR)
            .zip(back.chunks(SECTOR))
            .zip(8..)
            .filter(|((a, b), _)| a != b)
            .map(|(_, sector)| Extent { sector, sectors: 1 })
            .collect();
        let seen = Readback {
            run: RUN,
            bcache: classify_all(front, 8),
            backing: classify_all(back, 8),
            differing,
            dirty: if clean { vec![] } else { vec![0] },
        };
        judge(&witness(), &seen).counts.worst().unwrap()
    }

    #[test]
    fn the_newest_write_on_both_sides_is_ok() {
        assert_eq!(verdict(&image(2), &image(2), true), Verdict::Ok);
    }

    #[test]
    fn an_old_image_in_the_cache_is_stale_and_on_both_sides_lost() {
        assert_eq!(verdict(&image(1), &image(2), true), Verdict::Stale);
        assert_eq!(verdict(&image(1), &image(1), true), Verdict::Lost);
        assert_eq!(verdict(&[0; 2 * SECTOR], &image(2), true), Verdict::Stale);
        assert_eq!(verdict(&[0; 2 * SECTOR], &[0; 2 * SECTOR], true), Verdict::Lost);
    }

    #[test]
    fn a_damaged_stamp_is_torn() {
        let mut bad = image(2);
        bad[300] ^= 1;
        assert_eq!(verdict(&bad, &image(2), true), Verdict::Torn);
    }

    #[test]
    fn foreign_misplaced_and_never_written_data_is_alien() {
        assert_eq!(verdict(&[7; 2 * SECTOR], &image(2), true), Verdict::Alien);
        assert_eq!(verdict(&image(3), &image(2), true), Verdict::Alien);
        let mut swapped = image(2);
        swapped.rotate_left(SECTOR);
        assert_eq!(verdict(&swapped, &image(2), true), Verdict::Alien);
    }

    #[test]
    fn permitted_but_different_from_the_disk_is_diverged_only_when_clean() {
        assert_eq!(verdict(&image(2), &image(1), true), Verdict::Diverged);
        assert_eq!(verdict(&image(2), &image(1), false), Verdict::Ok);
    }

    #[test]
    fn what_is_dirty_on_one_device_excuses_no_other() {
        let differing = vec![Extent { sector: volume::of(1, 8), sectors: 2 }];
        let runs = || vec![stamped(8, 2, 2)];
        let judged = |dirty| {
            let seen = Readback {
                run: RUN,
                bcache: runs(),
                backing: runs(),
                differing: differing.clone(),
                dirty,
            };
            judge(&witness(), &seen).counts.of(Verdict::Diverged)
        };
        assert_eq!((judged(vec![0]), judged(vec![1])), (2, 0));
    }

    #[test]
    fn a_difference_where_nothing_was_written_is_diverged() {
        let seen = Readback {
            run: RUN,
            bcache: classify_all(&image(2), 8),
            backing: classify_all(&image(2), 8),
            differing: vec![Extent { sector: 4000, sectors: 3 }],
            dirty: Vec::new(),
        };
        let judgement = judge(&witness(), &seen);
        let of = |verdict| judgement.counts.of(verdict);
        assert_eq!((of(Verdict::Ok), of(Verdict::Diverged)), (2, 3));
        assert_eq!(judgement.findings.len(), 1);
        assert_eq!(judgement.findings[0].sectors, 3);
    }

    #[test]
    fn what_was_not_read_back_is_never_ok() {
        let seen = Readback { run: RUN, ..Readback::default() };
        assert_eq!(judge(&witness(), &seen).counts.worst(), Some(Verdict::Lost));
    }
    fn judged(witness: &Witness, runs: Vec<Run>, differing: Vec<Extent>) -> Judgement {
        let seen = Readback { run: RUN, bcache: runs, differing, ..Readback::default() };
        judge(witness, &seen)
    }

    fn stamped(first: u64, sectors: u64, seq: u64) -> Run {
        Run { first, sectors, content: Content::Stamped { run: RUN, seq, writer: 0 } }
    }

    #[test]
    fn zeroes_are_ok_until_something_binding_was_written() {
        let blank = || vec![Run { first: 8, sectors: 2, content: Content::Blank }];
        let mut witness = Witness::new();
        witness.issued(1, AT, false);
        assert_eq!(judged(&witness, blank(), vec![]).counts.worst(), Some(Verdict::Ok));
        witness.acked(1);
        let found = judged(&witness, blank(), vec![]).findings.remove(0);
        assert_eq!(
            found.detail,
            "bcache returns zeroes, the backing device holds nothing (not read), permitted #1"
        );
    }

    #[test]
    fn a_run_ends_where_it_ends_whatever_order_runs_come_in() {
        let lost = |runs| judged(&witness(), runs, vec![]).findings;
        assert!(lost(vec![stamped(9, 1, 2), stamped(8, 1, 2)]).is_empty());
        let found = lost(vec![stamped(8, 1, 2)]);
        assert_eq!((found.len(), found[0].first, found[0].sectors), (1, 9, 1));
        assert_eq!(lost(vec![stamped(9, 1, 2)])[0].first, 8);
    }

    #[test]
    fn only_neighbours_with_the_same_verdict_are_joined() {
        let mut witness = Witness::new();
        witness.issued(1, Extent { sector: 8, sectors: 8 }, false);
        witness.acked(1);
        let foreign = |first, sectors| Run { first, sectors, content: Content::Unstamped };
        let torn = Run { first: 13, sectors: 1, content: Content::Torn };
        let runs = vec![foreign(8, 3), stamped(11, 1, 1), foreign(12, 1), torn, stamped(14, 2, 1)];
        let found = judged(&witness, runs, vec![]).findings;
        let found: Vec<_> = found.iter().map(|f| (f.first, f.sectors, f.verdict)).collect();
        let (alien, torn) = (Verdict::Alien, Verdict::Torn);
        assert_eq!(found, [(8, 3, alien), (12, 1, alien), (13, 1, torn)]);
    }

    #[test]
    fn a_sector_differs_where_the_extent_says_so_and_is_counted_once() {
        let differing = vec![Extent { sector: 9, sectors: 1 }];
        let judgement = judged(&witness(), vec![stamped(8, 2, 2)], differing.clone());
        let of = |verdict| judgement.counts.of(verdict);
        assert_eq!((of(Verdict::Ok), of(Verdict::Diverged)), (1, 1));
        assert_eq!(judgement.findings[0].first, 9);
        // A dirty cache may differ from its backing device.
        let bcache = vec![stamped(8, 2, 2)];
        let elsewhere = vec![Extent { sector: 4000, sectors: 3 }];
        let dirty = vec![0];
        let seen =
            Readback { run: RUN, bcache, differing: elsewhere, dirty, ..Readback::default() };
        assert!(judge(&witness(), &seen).findings.is_empty());
    }

    #[test]
    fn a_stamp_of_another_run_or_of_another_place_is_alien() {
        let content = Content::Stamped { run: RUN + 1, seq: 2, writer: 0 };
        let other = vec![Run { first: 8, sectors: 2, content }];
        assert_eq!(judged(&witness(), other, vec![]).counts.worst(), Some(Verdict::Alien));
    }

    #[test]
    fn findings_say_what_was_seen_and_what_was_permitted() {
        for (seen, text) in [
            (None, "nothing (not read)"),
            (Some(Content::Blank), "zeroes"),
            (Some(Content::Torn), "a torn stamp"),
            (Some(Content::Unstamped), "foreign data"),
            (Some(Content::Stamped { run: 1, seq: 3, writer: 0 }), "write #3"),
            (
                Some(Content::Misplaced { run: 1, seq: 3, writer: 0, sector: 5 }),
                "write #3 of sector 5",
            ),
        ] {
            assert_eq!(words(seen), text);
        }
        let allowed = |seqs: &[u64], blank| crate::witness::Allowed { seqs: seqs.into(), blank };
        assert_eq!(permitted_words(&allowed(&[1, 2], false)), "#1 or #2");
        assert_eq!(permitted_words(&allowed(&[1], true)), "zeroes or #1");
    }
}
