// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sectors in which cache and disk do not agree after a cut: why, and where the
//! cache has them.

use crate::bcache;
use crate::session::Session;
use crate::trouble::Stop;
use evidence::Verdict;
use judge::ledger::{Ledger, Mismatch};
use judge::watch::NUDGE;
use scenario::layout::DATA_OFFSET;
use scenario::{CacheMode, Cause, Permits, Volume};
use std::collections::{BTreeMap, BTreeSet};
use vdisk::{CutReport, Kind, Media, Op};
use wire::{Content, Device, Extent};

/// One-sector reads in one request to the agent.
const BATCH: usize = 512;

/// More than this many are not looked at one by one: they are `Unknown`.
const MOST: usize = 1 << 14;

/// What a cut left, explained.
#[derive(Clone, Debug, Default)]
pub struct Explained {
    /// Sectors by cause.
    pub causes: BTreeMap<Cause, u64>,
    /// Verdicts of sectors whose cause the arm is permitted.
    pub excused: BTreeSet<Verdict>,
    /// Verdicts of all others.
    pub inexcusable: BTreeSet<Verdict>,
    /// Sectors that the cache alone still has as promised: the backing device
    /// holds an older stamp than the witness permits.
    pub only_copy: u64,
    /// The first few inexcusable ones, in words.
    pub details: Vec<String>,
}

/// What is needed to explain a sector, beside the sector.
pub struct Evidence<'a> {
    pub ledger: &'a Ledger,
    pub cut: &'a CutReport,
    /// The cache device right after the cut.
    pub ssd: &'a Media,
    /// How often the arm journals a key for a write.
    pub passes: usize,
}

/// Finds the cause of each sector, given with its verdict.
pub fn explain(
    session: &Session<'_>,
    evidence: &Evidence<'_>,
    sectors: &BTreeMap<u64, Verdict>,
    permitted: (&Permits, &str),
) -> Result<Explained, Stop> {
    let asked: Vec<u64> = sectors.keys().copied().take(MOST).collect();
    let places = places(session, &asked)?;
    let (ssd, hdd) = (session.rig.image("ssd"), session.rig.image("hdd"));
    let mut explained = Explained::default();
    for (at, (&sector, &verdict)) in sectors.iter().enumerate() {
        let place = places.get(at).copied().flatten();
        let on_disk = sector + DATA_OFFSET;
        let back = hdd.read(on_disk..on_disk + 1);
        let front = place.map_or_else(|| back.clone(), |place| ssd.read(place..place + 1));
        let mismatch = Mismatch { sector: on_disk, place, front: &front, back: &back };
        let Evidence { ledger, cut, ssd, passes } = evidence;
        let cause = ledger.explain(mismatch, cut, ssd, *passes);
        if verdict == Verdict::Diverged && !stands(session, sector, &back) {
            explained.only_copy += 1;
        }
        explained.add(verdict, cause, permitted, || {
            format!("{verdict} at sector {sector}: {}", ledger.describe(mismatch, cut, ssd))
        });
    }
    Ok(explained)
}

/// Whether what the backing device holds would do, if the cache were gone. What
/// is not stamped has made no promise.
fn stands(session: &Session<'_>, sector: u64, back: &[u8]) -> bool {
    let allowed = session.testimony.witness.allowed(sector);
    match wire::classify(back, sector) {
        Content::Stamped { run, seq, .. } => {
            run != session.testimony.run || allowed.seqs.contains(&seq)
        }
        Content::Blank => allowed.blank,
        _ => true,
    }
}

impl Explained {
    fn add(
        &mut self,
        verdict: Verdict,
        cause: Cause,
        (permits, arm): (&Permits, &str),
        detail: impl FnOnce() -> String,
    ) {
        *self.causes.entry(cause).or_default() += 1;
        if cause.excuses(verdict) && permits.permits(arm, cause) {
            self.excused.insert(verdict);
            return;
        }
        self.inexcusable.insert(verdict);
        if self.details.len() < 6 {
            self.details.push(format!("{} ({})", detail(), cause));
        }
    }
}

/// Sector of the cache device that serves each sector of bcache; `None` where
/// the backing device does. Single sectors: each read is one request to one
/// disk, whatever the keys are.
fn places(session: &Session<'_>, sectors: &[u64]) -> Result<Vec<Option<u64>>, Stop> {
    let guest = session.guest()?;
    bcache::set_cache_mode(&guest, &[Volume::Hdd], CacheMode::None)?;
    let mut places = Vec::new();
    for batch in sectors.chunks(BATCH) {
        let before = session.rig.now();
        let extents = batch.iter().map(|&sector| Extent { sector, sectors: 1 }).collect();
        guest.read(Device::Bcache, extents, 0)?;
        let reads = session.rig.events_since(before + 1).into_iter().filter(|event| {
            event.kind == Kind::Issue
                && event.op == Some(Op::Read)
                && event.sectors == 1
                && event.sector >= NUDGE.end
        });
        let found: Vec<Option<u64>> =
            reads.map(|read| (&*read.disk == "ssd").then_some(read.sector)).collect();
        // Something else read single sectors meanwhile: nothing is known.
        let known = found.len() == batch.len();
        places.extend(if known { found } else { vec![None; batch.len()] });
    }
    bcache::set_cache_mode(&guest, &[Volume::Hdd], session.scenario.bcache.cache_mode)?;
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(text: &str) -> Permits {
        toml::from_str(text).unwrap()
    }

    fn verdicts(arm: &str, verdict: Verdict, cause: Cause) -> (bool, bool) {
        let rules = permits("\"*\" = [\"disk-behind\"]\nrust = [\"unjournaled\"]\n");
        let mut explained = Explained::default();
        explained.add(verdict, cause, (&rules, arm), || "sector 8".to_owned());
        assert_eq!(explained.causes[&cause], 1);
        assert_eq!(explained.details.is_empty(), explained.inexcusable.is_empty());
        (explained.excused.contains(&verdict), explained.inexcusable.contains(&verdict))
    }

    #[test]
    fn a_cause_is_excused_only_where_the_scenario_permits_it() {
        let excused = (true, false);
        let red = (false, true);
        assert_eq!(verdicts("rust", Verdict::Diverged, Cause::DiskBehind), excused);
        assert_eq!(verdicts("ordered", Verdict::Diverged, Cause::DiskBehind), excused);
        assert_eq!(verdicts("rust", Verdict::Diverged, Cause::Unjournaled), excused);
        assert_eq!(verdicts("ordered", Verdict::Diverged, Cause::Unjournaled), red);
        for cause in [Cause::LateFill, Cause::DanglingKey, Cause::Overlap, Cause::Unknown] {
            assert_eq!(verdicts("rust", Verdict::Diverged, cause), red, "{cause:?}");
        }
    }

    /// What was flushed is a promise, whatever the window was.
    #[test]
    fn a_broken_promise_is_not_excused_by_a_window() {
        for verdict in [Verdict::Stale, Verdict::Lost, Verdict::Alien, Verdict::Torn] {
            assert_eq!(verdicts("rust", verdict, Cause::DiskBehind), (false, true));
            assert_eq!(verdicts("rust", verdict, Cause::Unjournaled), (false, true));
        }
    }
}
