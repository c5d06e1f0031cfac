// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the cycles of a load share, and what a machine that has booted after a
//! cut has to say: judged, swept, explained, counted.

use super::counters;
use super::mismatch::{self, Evidence, Explained};
use crate::bcache;
use crate::session::Session;
use crate::trouble::{Stop, Trouble};
use evidence::{Case, HarnessFailure, Load, StaleSample, Verdict};
use judge::ledger::Ledger;
use judge::oracle::Judgement;
use judge::tally::Tally;
use scenario::{Cause, Cycles, LoadPlan, StampedArea, Volume};
use std::collections::{BTreeMap, BTreeSet};
use vdisk::{CutReport, Media};
use wire::Extent;

/// What all cycles share.
pub(super) struct Soak<'p> {
    pub plan: &'p LoadPlan,
    pub cycles: &'p Cycles,
    pub area: StampedArea,
    pub rng: fastrand::Rng,
    pub tally: Tally,
    pub ledger: Ledger,
    /// The last cut, and the cache device right after it.
    pub cut: Option<(CutReport, Media)>,
    /// Verdicts whose every sector had a permitted cause, and all others.
    excused: BTreeSet<Verdict>,
    inexcusable: BTreeSet<Verdict>,
    pub skipped: counters::Skipped,
    pub acked: u64,
    pub flushes: u64,
    pub changes: u64,
}

impl<'p> Soak<'p> {
    pub(super) fn new(
        session: &Session<'_>,
        plan: &'p LoadPlan,
        cycles: &'p Cycles,
    ) -> Result<Self, Stop> {
        let Some(area) = plan.stamped else {
            return Err(Trouble::new(
                HarnessFailure::Scenario,
                "no [stamped] area",
                "mend the file",
            )
            .into());
        };
        Ok(Self {
            plan,
            cycles,
            area,
            rng: fastrand::Rng::with_seed(session.seed),
            tally: Tally::default(),
            ledger: Ledger::default(),
            cut: None,
            excused: BTreeSet::new(),
            inexcusable: BTreeSet::new(),
            skipped: counters::Skipped::default(),
            acked: 0,
            flushes: 0,
            changes: 0,
        })
    }

    /// Takes up the evidence of a cut that was made before.
    pub(super) fn take_up(&mut self, ledger: Ledger, cut: CutReport, ssd: Media) {
        self.ledger = ledger;
        self.cut = Some((cut, ssd));
    }

    /// What a machine that has booted after a cut has to say: judged, swept,
    /// explained, counted. Also whether anything has no permitted cause, and
    /// the ranges in which bcache and its backing device differ.
    pub(super) fn verdict(
        &mut self,
        session: &mut Session<'_>,
        number: u32,
        load: &mut Load,
        case: &mut Case,
    ) -> Result<(bool, Vec<Extent>), Stop> {
        let (judgement, differing) = self.judge(session, number, load)?;
        for (verdict, sectors) in judgement.counts.iter() {
            case.sectors.add(verdict, sectors);
        }
        let explained = self.explain(session, number, &case.arm, &judgement, &differing)?;
        let bad = !explained.inexcusable.is_empty();
        self.account(explained, case.expected, load);
        Ok((bad, differing))
    }

    /// The stamps by the oracle, then the whole device against its backing
    /// device once nothing is dirty; what differs comes back as well.
    fn judge(
        &mut self,
        session: &mut Session<'_>,
        number: u32,
        load: &mut Load,
    ) -> Result<(Judgement, Vec<Extent>), Stop> {
        let state = bcache::state(&session.guest()?, Volume::Hdd)?;
        let mut judgement = session.judge()?;
        let swept = session.sweep(None)?;
        if state != "clean" {
            // The oracle could not compare: the sweep has, after writing back.
            judgement.counts.add(Verdict::Diverged, swept.bad_sectors());
        }
        load.swept_bytes += swept.sectors * 512;
        let bad: Vec<_> = judgement
            .findings
            .iter()
            .filter(|finding| finding.verdict != Verdict::Diverged)
            .map(|finding| finding.sectors)
            .collect();
        let stale_blocks = bad.iter().map(|sectors| sectors.div_ceil(8)).sum();
        load.stale_blocks += stale_blocks;
        load.stale_over_time.push(StaleSample { seconds: load.seconds, stale_blocks });
        session.note(format!(
            "cycle {number}: after the cut {state}; {} stamped sectors ok, {stale_blocks} blocks \
             bad, {} blocks differ from the backing device",
            judgement.counts.of(Verdict::Ok),
            swept.blocks(),
        ));
        Ok((judgement, swept.differing))
    }

    /// Why each sector is as it is that differs, or is not as promised.
    fn explain(
        &self,
        session: &mut Session<'_>,
        number: u32,
        arm: &str,
        judgement: &Judgement,
        differing: &[Extent],
    ) -> Result<Explained, Stop> {
        let mut sectors = BTreeMap::new();
        let findings = judgement.findings.iter();
        let differing = differing.iter().map(|e| (e.sector, u64::from(e.sectors)));
        let differing = differing.map(|(first, count)| (first, count, Verdict::Diverged));
        for (first, count, verdict) in findings
            .map(|finding| (finding.first, finding.sectors, finding.verdict))
            .chain(differing)
        {
            (first..first + count).for_each(|sector| {
                sectors.entry(sector).or_insert(verdict);
            });
        }
        let Some((cut, ssd)) = &self.cut else { return Ok(Explained::default()) };
        if sectors.is_empty() {
            return Ok(Explained::default());
        }
        let passes = self.plan.keys_per_write.get(arm).copied().unwrap_or(1);
        let evidence = Evidence { ledger: &self.ledger, cut, ssd, passes };
        let explained = mismatch::explain(session, &evidence, &sectors, (&self.plan.permit, arm))?;
        let causes: Vec<String> = explained
            .causes
            .iter()
            .map(|(cause, sectors)| format!("{sectors} {}", cause))
            .collect();
        session.note(format!("cycle {number}: sectors by cause: {}", causes.join(", ")));
        if explained.only_copy > 0 {
            session.note(format!(
                "cycle {number}: {} sectors are as promised in the cache only: the backing device \
                 holds what was there before a flush",
                explained.only_copy
            ));
        }
        if self.ledger.missed > 0 {
            session.note(format!("{} events came too fast to be followed", self.ledger.missed));
        }
        for detail in &explained.details {
            session.note(detail.clone());
        }
        Ok(explained)
    }

    fn account(&mut self, explained: Explained, expected: Verdict, load: &mut Load) {
        for (cause, sectors) in explained.causes {
            *load.causes.entry(cause.to_string()).or_default() += sectors;
        }
        self.excused.extend(explained.excused);
        self.inexcusable.extend(explained.inexcusable);
        // A control has to fail: nothing else will do.
        if expected == Verdict::Ok {
            load.permitted = self.excused.difference(&self.inexcusable).copied().collect();
        }
    }

    /// A machine that did not come up with its disks: whether that is the torn
    /// set of btree keys which `bch_btree_node_read_done` refuses. The case
    /// goes on with fresh disks then, where the scenario permits it.
    pub fn torn_set(
        &self,
        session: &mut Session<'_>,
        refusal: Stop,
        number: u32,
        arm: &str,
        load: &mut Load,
    ) -> Result<(), Stop> {
        let torn = self.cut.as_ref().map(|(cut, _)| self.ledger.torn_sets(cut)).unwrap_or_default();
        let said = session.vm().map(vm::Vm::console_tail).unwrap_or_default();
        let refused = matches!(&refusal, Stop::Trouble(trouble) if trouble.what == HarnessFailure::GuestRefused);
        let by_sum = ["bad checksum", "bad btree header"].iter().any(|words| said.contains(words));
        let explained = refused && by_sum && !torn.is_empty();
        if !explained || !self.plan.permit.permits(arm, Cause::TornSet) {
            return Err(refusal);
        }
        session.note(format!(
            "cycle {number}: the kernel refuses the cache; the cut tore the btree set at sector \
             {} of the cache device. On with fresh disks",
            torn[0]
        ));
        *load.causes.entry(Cause::TornSet.to_string()).or_default() += 1;
        session.start_over()
    }

    pub fn count(&self, load: &mut Load) {
        let counts = self.tally.counts;
        load.cached_reads = counts.cache_sectors / 8;
        load.cache_misses = counts.misses;
        load.bypass_writes = counts.invalidations + self.skipped.spared.unwrap_or(0);
        load.opportunities = counts.overlapped;
        load.skipped_exactly = self.skipped.exactly;
        load.skipped_by_collision = self.skipped.by_collision;
    }
}
