// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each verb of a scenario does.

use crate::bcache;
use crate::guest::{ATTEND_EVERY, Attendant};
use crate::liveness::Writes;
use crate::session::{Background, Session};
use crate::trouble::Stop;
use evidence::{Cut, Fact, Opportunity};
use judge::history::Told;
use judge::oracle::Judgement;
use judge::watch::Watch;
use scenario::CacheMode;
use scenario::{Counter, CutKind, Disk, HoldOp, HoldPhase, OpenWrites, Step};
use std::time::{Duration, Instant};
use vdisk::{Hold, Mark, OpMatch, Phase, Policy};
use wire::{Answer, Content, Device, Extent, Run};

/// Longer than the journal delay, so that a journal write still to come is
/// not mistaken for quiet.
const QUIET: Duration = Duration::from_millis(150);

/// Enough for an insertion that follows a read to reach the btree.
pub(crate) const SHORT_QUIET: Duration = Duration::from_millis(20);

impl Session<'_> {
    /// Carries out one step; a judgement comes from [`Step::Judge`] only.
    pub fn step(&mut self, step: &Step) -> Result<Option<Judgement>, Stop> {
        self.cancel.check()?;
        let mark = if matches!(step, Step::Judge {}) { Mark::Judge } else { Mark::Step };
        self.rig.mark_as(mark, &step.describe());
        let closed = |session: &mut Self, why: String| session.closed(step, why);
        match step {
            Step::Prime { r#in } => self.prime(self.block(r#in))?,
            Step::Write { at, value, background, fua } => {
                self.write_value(self.block(at), value, *background, *fua)?;
            }
            Step::Join { value } => self.join(value)?,
            Step::Read { at, served_by, returns, .. } => {
                match self.read(self.block(at), *served_by, returns.as_deref())? {
                    Ok(detail) => self.proved(step, detail),
                    Err(why) => return Err(closed(self, why)),
                }
            }
            Step::StartRead { name, at } => {
                let pending = self.start_read(self.block(at))?;
                self.reads.insert(name.clone(), pending);
            }
            Step::JoinRead { name, returns, .. } => {
                match self.join_read(name, returns.as_deref())? {
                    Ok(detail) => self.proved(step, detail),
                    Err(why) => return Err(closed(self, why)),
                }
            }
            Step::Flush {} => self.flush()?,
            Step::CacheMode { to } => bcache::set_cache_mode(&self.guest()?, *to)?,
            Step::Hold { name, disk, op, at, phase, every } => {
                let (first, sectors) = Self::on_disk(*disk, self.block(at));
                let hold = Hold {
                    disk: disk.name().to_owned(),
                    op: op_match(*op),
                    first,
                    sectors,
                    nth: if *every { 0 } else { 1 },
                    phase: match phase {
                        HoldPhase::BeforeMedia => Phase::BeforeMedia,
                        HoldPhase::BeforeCompletion => Phase::BeforeCompletion,
                    },
                };
                let id = self.rig.hold(hold);
                self.holds.insert(name.clone(), id);
            }
            Step::HoldInvalidation { name, of } => {
                self.hold_cache_write(name, Watch::invalidates(self.block(of)));
            }
            Step::HoldCacheWrite { name, of } => {
                self.hold_cache_write(name, Watch::carries(self.block(of)));
            }
            Step::HoldPriorities { name } => self.hold_cache_write(name, Watch::is_priorities),
            Step::SpoilCacheWrite { of, how } => self.spoil(self.block(of), *how),
            Step::Uncached { value, failed, .. } => match self.uncached(value, *failed) {
                Ok(detail) => self.proved(step, detail),
                Err(why) => return Err(closed(self, why)),
            },
            Step::Congested { by, .. } => match self.congested(self.block(by))? {
                Ok(detail) => self.proved(step, detail),
                Err(why) => return Err(closed(self, why)),
            },
            Step::Discard { at, value, background } => {
                self.discard(self.block(at), value, *background)?;
            }
            Step::Exhaust { with, held, .. } => match self.exhaust(self.block(with), held)? {
                Ok(detail) => self.proved(step, detail),
                Err(why) => return Err(closed(self, why)),
            },
            Step::Evict { value, of, with, .. } => {
                match self.evict(value, self.block(of), self.block(with))? {
                    Ok(detail) => self.proved(step, detail),
                    Err(why) => return Err(closed(self, why)),
                }
            }
            Step::Fill { at } => self.fill(at, self.block(at))?,
            Step::Counter { name, is, grew_by } => self.counter(*name, *is, *grew_by)?,
            Step::Set { setting, value } => bcache::set(&self.guest()?, *setting, value)?,
            Step::Life { event } => self.live(*event)?,
            Step::WriteAll { r#in, sectors, stride, depth, within_ms, .. } => {
                let (sectors, stride, depth) = (*sectors, stride.unwrap_or(*sectors), *depth);
                let writes = Writes { sectors, stride, depth };
                let limit = Duration::from_millis(*within_ms);
                let detail = self.write_all(self.block(r#in), writes, limit)?;
                self.proved(step, detail);
            }
            Step::RewriteUntil { at, is, within_ms, .. } => {
                let limit = Duration::from_millis(*within_ms);
                let detail = self.rewrite_until(self.block(at), *is, limit)?;
                self.proved(step, detail);
            }
            Step::Arrives { disk, op, at, for_ms } => {
                let limit = self.patience(Duration::from_millis(*for_ms));
                match self.arrives(*disk, *op, self.block(at), limit)? {
                    Ok(detail) => self.note(detail),
                    Err(why) => self.flaw(why),
                }
            }
            Step::Slow { disk, op, ms } => {
                self.rig.delay(disk.name(), op_match(*op), Duration::from_millis(*ms));
            }
            Step::AwaitState { is, within_ms, .. } => {
                match self.await_state(*is, within_ms.map(Duration::from_millis))? {
                    Ok(detail) => self.proved(step, detail),
                    Err(why) => return Err(closed(self, why)),
                }
            }
            Step::NoInvalidation { at, .. } => {
                let since = self.on_the_way();
                match self.watch.invalidation_of(&self.rig, self.block(at), since) {
                    None => self.proved(step, "none completed on the SSD".to_owned()),
                    Some(entry) => {
                        return Err(closed(self, format!("it is in journal entry {entry}")));
                    }
                }
            }
            Step::AwaitHeld { name, or, .. } => match self.await_held(name, or.as_deref())? {
                Ok(detail) => self.proved(step, detail),
                Err(why) => return Err(closed(self, why)),
            },
            Step::Release { name } => {
                if let Some(&id) = self.holds.get(name) {
                    self.rig.release(id);
                }
            }
            Step::AwaitInvalidation { at, for_ms, .. }
            | Step::AwaitJournaled { at, for_ms, .. } => {
                let limit = self.patience(Duration::from_millis(*for_ms));
                let any = matches!(step, Step::AwaitJournaled { .. });
                match self.await_key(self.block(at), limit, any)? {
                    Ok(detail) => self.proved(step, detail),
                    Err(why) if step.proves().is_some() => return Err(closed(self, why)),
                    Err(why) => self.note(why),
                }
            }
            Step::Settle {} => self.settle(QUIET)?,
            Step::WriteLeaf { with, by_reads, holding, .. } => {
                let holding = holding.as_deref().map(|name| self.block(name));
                match self.write_leaf(self.block(with), *by_reads, holding) {
                    Ok(detail) => self.proved(step, detail),
                    Err(Stop::Closed(why)) => return Err(closed(self, why)),
                    Err(other) => return Err(other),
                }
            }
            Step::FillCache { with, .. } => match self.fill_cache(self.block(with))? {
                Ok(detail) => self.proved(step, detail),
                Err(why) => return Err(closed(self, why)),
            },
            Step::ReadPieces { r#in } => {
                self.guest()?.read(Device::Bcache, pieces(self.block(r#in)), 0)?;
            }
            Step::WritePieces { r#in } => {
                self.write(pieces(self.block(r#in)), false, 8)?;
            }
            Step::AwaitDropped { at, beside, for_ms, .. } => {
                let limit = self.patience(Duration::from_millis(*for_ms));
                let (at, beside) = (self.block(at), self.block(beside));
                match self.poll(limit, |session| session.watch.dropped(&session.rig, at, beside))? {
                    Ok(detail) => self.proved(step, detail),
                    Err(why) => return Err(closed(self, why)),
                }
            }
            Step::AdvanceJournal { with, past_invalidation_of, .. } => {
                let target = self.block(past_invalidation_of);
                match self.advance_journal(self.block(with), target) {
                    Ok(detail) => self.proved(step, detail),
                    Err(Stop::Closed(why)) => return Err(closed(self, why)),
                    Err(other) => return Err(other),
                }
            }
            Step::Cut { kind, open } => self.cut(*kind, *open)?,
            Step::Boot {} => {
                self.boot_again()?;
                let state = bcache::state(&self.guest()?)?;
                self.note(format!("after the boot the backing device's state is {state:?}"));
            }
            Step::Judge {} => return self.judge().map(Some),
        }
        Ok(None)
    }

    /// Records what a step has shown.
    fn proved(&mut self, step: &Step, detail: String) {
        match step.proves() {
            Some(claim) => {
                self.rig.mark_as(Mark::Proof, &format!("{claim}: {detail}"));
                self.opportunities.push(Opportunity {
                    claim: claim.to_owned(),
                    open: true,
                    detail,
                });
            }
            None => self.note(detail),
        }
    }

    /// Records that a step could not show what it must.
    fn closed(&mut self, step: &Step, why: String) -> Stop {
        let claim = step.proves().map_or_else(|| step.describe(), str::to_owned);
        self.opportunities.push(Opportunity {
            claim: claim.clone(),
            open: false,
            detail: why.clone(),
        });
        Stop::Closed(format!("{claim}: {why}"))
    }

    fn prime(&mut self, block: Extent) -> Result<(), Stop> {
        const TRIES: u64 = 200;
        for attempt in 0..TRIES.min(u64::from(block.sectors) / 8) {
            let piece = Extent { sector: block.sector + attempt * 8, sectors: 8 };
            self.read_served(piece)?;
            self.settle(SHORT_QUIET)?;
            if self.read_served(piece)?.1 == Some(Disk::Ssd) {
                self.note(format!("the cache took block number {} that was read", attempt + 1));
                return Ok(());
            }
        }
        Err(Stop::Closed("no read was ever served by the SSD: nothing is being cached".into()))
    }

    fn hold_cache_write(&mut self, name: &str, test: impl Fn(&[u8]) -> bool + Send + 'static) {
        let hold = Hold {
            disk: Disk::Ssd.name().to_owned(),
            op: OpMatch::Write,
            first: 0,
            sectors: u64::MAX,
            nth: 1,
            phase: Phase::BeforeMedia,
        };
        let id = self.rig.hold_if(hold, test);
        self.holds.insert(name.to_owned(), id);
    }

    fn write_value(
        &mut self,
        at: Extent,
        value: &str,
        background: bool,
        fua: bool,
    ) -> Result<(), Stop> {
        let seq = if background {
            let started = self.write_in_background(at, fua)?;
            let seq = started.seq;
            self.background.insert(value.to_owned(), started);
            seq
        } else {
            self.write(vec![at], fua, 1)?
        };
        self.versions.insert(value.to_owned(), seq);
        self.note(Fact::Write { name: value.to_owned(), number: seq });
        Ok(())
    }

    pub fn join(&mut self, value: &str) -> Result<(), Stop> {
        if let Some(Background { pending, seq, .. }) = self.background.remove(value) {
            self.answer(&pending)?;
            self.tell(Told::Acked { seq });
        }
        Ok(())
    }

    /// The outer error is trouble, the inner one an opportunity that stayed
    /// closed.
    fn read(
        &mut self,
        at: Extent,
        served_by: Option<Disk>,
        returns: Option<&str>,
    ) -> Result<Result<String, String>, Stop> {
        let (runs, served) = self.read_served(at)?;
        let saw = |disk: Option<Disk>| disk.map_or("neither disk", Disk::name);
        if served_by.is_some() && served != served_by {
            let wanted = saw(served_by);
            return Ok(Err(format!("the read was served by {}, not by {wanted}", saw(served))));
        }
        Ok(self.returned(&runs, returns).map(|what| format!("served by {}, {what}", saw(served))))
    }

    /// Whether a read brought the version that it should.
    fn returned(&self, runs: &[Run], wanted: Option<&str>) -> Result<String, String> {
        let Some(value) = wanted else { return Ok("returned something".to_owned()) };
        let seq = self.versions.get(value).copied();
        let all = !runs.is_empty() && runs.iter().all(|run| stamped_seq(run) == seq);
        if seq.is_none() || !all {
            return Err(format!("the read did not return {value}: {:?}", runs.first()));
        }
        Ok(format!("returned {value}"))
    }

    fn join_read(
        &mut self,
        name: &str,
        returns: Option<&str>,
    ) -> Result<Result<String, String>, Stop> {
        let Some(pending) = self.reads.remove(name) else {
            return Ok(Err(format!("no read {name:?} was started")));
        };
        match self.answer(&pending)? {
            Answer::Runs(runs) => Ok(self.returned(&runs, returns)),
            other => Ok(Err(format!("unexpected answer {other:?}"))),
        }
    }

    fn await_held(&mut self, name: &str, or: Option<&str>) -> Result<Result<String, String>, Stop> {
        const LIMIT: Duration = Duration::from_secs(10);
        const GLANCE: Duration = Duration::from_millis(20);
        let names: Vec<&str> = std::iter::once(name).chain(or).collect();
        if let Some(unknown) = names.iter().find(|name| !self.holds.contains_key(**name)) {
            return Ok(Err(format!("no hold {unknown:?} was armed")));
        }
        let deadline = Instant::now() + self.patience(LIMIT);
        let mut attended = Instant::now();
        loop {
            if attended.elapsed() > ATTEND_EVERY {
                self.attend();
                attended = Instant::now();
            }
            for name in &names {
                let slice = if or.is_some() { GLANCE } else { ATTEND_EVERY };
                match self.rig.wait_held(self.holds[*name], slice, self.cancel) {
                    Ok(held) => {
                        return Ok(Ok(format!(
                            "{name}: request for sectors {}+{} held at event {}",
                            held.sector, held.sectors, held.seq
                        )));
                    }
                    Err(vdisk::HoldError::Cancelled) => return Err(Stop::Cancelled),
                    Err(error) if Instant::now() >= deadline => {
                        return Ok(Err(format!("the hold never caught a request: {error}")));
                    }
                    Err(_) => {}
                }
            }
        }
    }

    fn await_key(
        &mut self,
        block: Extent,
        limit: Duration,
        any: bool,
    ) -> Result<Result<String, String>, Stop> {
        let (what, ms) = (if any { "key" } else { "invalidation" }, limit.as_millis());
        self.poll(limit, |session| {
            let since = session.on_the_way();
            if let Some(seq) = session.watch.durable_invalidation_of(&session.rig, block, since) {
                return Ok(format!("its invalidation is in journal entry {seq}"));
            }
            if any && let Some(seq) = session.watch.durable_key_of(&session.rig, block, since) {
                return Ok(format!("a key of it is in journal entry {seq}"));
            }
            Err(format!("no {what} of it was journaled within {ms} ms"))
        })
    }

    /// Asks until something is so, with the disks attended; what was said last when
    /// it is not in time.
    pub(crate) fn poll(
        &mut self,
        limit: Duration,
        mut ask: impl FnMut(&mut Self) -> Result<String, String>,
    ) -> Result<Result<String, String>, Stop> {
        let deadline = Instant::now() + limit;
        let mut attended = Instant::now();
        loop {
            self.cancel.check()?;
            if attended.elapsed() > ATTEND_EVERY {
                self.attend();
                attended = Instant::now();
            }
            let said = ask(self);
            if said.is_ok() || Instant::now() > deadline {
                return Ok(said);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Event position from which an invalidation counts: the start of the
    /// oldest write that is still on its way.
    fn on_the_way(&self) -> u64 {
        self.background.values().map(|write| write.started_at).min().unwrap_or(0)
    }

    fn write_leaf(
        &mut self,
        with: Extent,
        by_reads: bool,
        holding: Option<Extent>,
    ) -> Result<String, Stop> {
        // A set of 4 KiB is full after some 250 keys.
        let batch = if by_reads { 8 } else { 64 };
        let began = self.rig.now();
        // Where a write of what is not cached leaves no key, a read miss does.
        let by_reads = by_reads || bcache::counter(&self.guest()?, Counter::Spared)?.is_some();
        loop {
            let pieces = self.filler(with, batch)?;
            if by_reads {
                self.guest()?.read(Device::Bcache, pieces, 0)?;
            } else {
                self.write(pieces, false, 8)?;
            }
            if let Some(leaf) = self.watch.leaf_since(&self.rig, began, holding) {
                return Ok(leaf);
            }
        }
    }

    fn advance_journal(&mut self, with: Extent, target: Extent) -> Result<String, Stop> {
        // What is journaled is on the SSD after this.
        self.flush()?;
        let Some(entry) = self.watch.invalidation_of(&self.rig, target, 0) else {
            return Ok("no journal entry has ever invalidated it".to_owned());
        };
        let began = self.rig.now();
        loop {
            let piece = self.filler(with, 1)?;
            self.write(piece, false, 1)?;
            self.flush()?;
            if let Some(detail) = self.watch.journal_past(&self.rig, entry, began, 2) {
                return Ok(detail);
            }
        }
    }

    fn cut(&mut self, kind: CutKind, open: OpenWrites) -> Result<(), Stop> {
        let policy = match open {
            OpenWrites::Drop => Policy::DropAll,
            OpenWrites::Keep => Policy::KeepAll,
            OpenWrites::Random => Policy::Seeded(self.seed),
        };
        let (kind, word) = match kind {
            CutKind::Power => (vdisk::CutKind::Power, "power"),
            CutKind::Reset => (vdisk::CutKind::Reset, "reset"),
        };
        let report = self.rig.cut(kind, policy);
        self.machine_down();
        // Every mode but writeback acknowledges from the backing device.
        let kept = kind == vdisk::CutKind::Reset
            && self.scenario.bcache.cache_mode != CacheMode::Writeback;
        self.witness.cut(kept);
        let lost = report.lost.len() as u64;
        self.cuts.push(Cut { kind: word.to_owned(), at_event: report.at_event, writes_lost: lost });
        Ok(())
    }
}

/// Pieces of a block that do not touch.
fn pieces(block: Extent) -> Vec<Extent> {
    const STRIDE: usize = 16;
    let starts = (block.sector..block.sector + u64::from(block.sectors)).step_by(STRIDE);
    starts.map(|sector| Extent { sector, sectors: 8 }).collect()
}

fn stamped_seq(run: &Run) -> Option<u64> {
    match run.content {
        Content::Stamped { seq, .. } => Some(seq),
        _ => None,
    }
}

fn op_match(op: HoldOp) -> OpMatch {
    match op {
        HoldOp::Read => OpMatch::Read,
        HoldOp::Write => OpMatch::Write,
        HoldOp::Flush => OpMatch::Flush,
        HoldOp::Trim => OpMatch::Trim,
    }
}
