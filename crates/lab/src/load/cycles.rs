// SPDX-License-Identifier: MIT OR Apache-2.0
//! `L2`, `L3`: load, a cut at a random moment, boot, judge, and on with the
//! same disks.

use super::doubts::{self, Evidence, Explained};
use super::play::{Say, shown};
use super::stamped::{self, Writers};
use super::{again, counters, fio};
use crate::session::{OVERLOADED, Session, disk_trouble};
use crate::trouble::{Stop, Trouble};
use evidence::{Case, Cut, Load, Outcome, StaleSample, Verdict};
use judge::flight::Flight;
use judge::history::History;
use judge::ledger::Ledger;
use judge::oracle::Judgement;
use scenario::CacheMode;
use scenario::Cause;
use scenario::{Bypass, Cycles, Delays, Job, LoadPlan, StampedArea};
use scenario::{CutKind, OpenWrites};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};
use vdisk::{CutReport, Media, Policy};
use vm::Pending;
use wire::{Answer, Extent};

/// Between looks at the disks' events and at what the agent reports.
const GLANCE: Duration = Duration::from_millis(10);

/// Longest load before its cut; the events come slowly only where the guest
/// does not work any more.
const LONGEST: Duration = Duration::from_secs(180);

/// fio's runtime in a cycle, in seconds: the cut comes first.
const FOR_EVER: u64 = 3600;

/// What all cycles share.
pub(super) struct Soak<'p> {
    plan: &'p LoadPlan,
    cycles: &'p Cycles,
    area: StampedArea,
    rng: fastrand::Rng,
    flight: Flight,
    ledger: Ledger,
    /// The last cut, and the cache device right after it.
    cut: Option<(CutReport, Media)>,
    /// Verdicts whose every sector had a permitted cause, and all others.
    excused: BTreeSet<Verdict>,
    inexcusable: BTreeSet<Verdict>,
    skipped: counters::Skipped,
    acked: u64,
    flushes: u64,
}

pub(crate) fn play(
    session: &mut Session<'_>,
    plan: &LoadPlan,
    cycles: &Cycles,
    mut load: Load,
    case: &mut Case,
    say: Say<'_>,
) -> Result<(), Stop> {
    let mut soak = Soak::new(session, plan, cycles)?;
    let area = soak.area;
    let folder = session.events.parent().map(Path::to_owned).unwrap_or_default();
    let end = cycles.hours.map(|hours| Instant::now() + Duration::from_secs_f64(hours * 3600.0));
    let mut number = 0;
    while number == 0 || end.map_or(number < cycles.count, |end| Instant::now() < end) {
        number += 1;
        let log = session.events.clone();
        say(number as usize, cycles.count as usize, format!("cycle {number}: load and cut"));
        soak.load_and_cut(session, number, &mut load)?;
        // What the disks hold now is settled: here a new log can begin.
        session.rig.flush_log().map_err(disk_trouble)?;
        session.events = folder.join(format!("events-{}", number + 1));
        session.rig.log_to(&session.events).map_err(disk_trouble)?;
        say(number as usize, cycles.count as usize, format!("cycle {number}: boot and judge"));
        if let Err(refusal) = session.boot_again() {
            soak.torn_set(session, refusal, number, &case.arm, &mut load)?;
            soak.count(&mut load);
            case.load = Some(load.clone());
            case.cuts.clone_from(&session.cuts);
            let _ = std::fs::remove_file(&log);
            continue;
        }
        let history = session.history.clone();
        let (stop, differing) = soak.verdict(session, number, &mut load, case)?;
        soak.count(&mut load);
        case.load = Some(load.clone());
        case.cuts.clone_from(&session.cuts);
        if stop {
            keep(session, &soak, history, case, &log, number)?;
            break;
        }
        // Everything is explained: the log of this cycle is not needed any more.
        let _ = std::fs::remove_file(&log);
        stamped::heal(session, &differing)?;
        stamped::rebase(session, area)?;
    }
    finish(session, &soak, case)
}

/// Keeps what [`super::again`] needs, and says where the log of the cycle is
/// that went wrong.
fn keep(
    session: &mut Session<'_>,
    soak: &Soak<'_>,
    history: History,
    case: &mut Case,
    log: &Path,
    number: u32,
) -> Result<(), Stop> {
    if let Some((cut, _)) = &soak.cut {
        let path = log.with_file_name("cut.json");
        let since = soak.ledger.since();
        again::CutRecord { cycle: number, since, history, cut: cut.clone() }.save(&path)?;
    }
    if let Some(events) = case.files.get_mut("events")
        && let (Some(folder), Some(name)) = (Path::new(events.as_str()).parent(), log.file_name())
    {
        let folder = folder.to_owned();
        *events = folder.join(name).to_string_lossy().into_owned();
        let cut = folder.join("cut.json").to_string_lossy().into_owned();
        case.files.insert("cut".to_owned(), cut);
    }
    let seed = session.seed;
    session.note(format!("stopped in cycle {number}; the case's seed is {seed}"));
    Ok(())
}

fn finish(session: &mut Session<'_>, soak: &Soak<'_>, case: &mut Case) -> Result<(), Stop> {
    let counts = soak.flight.counts;
    let claims = [
        ("stamped writes were acknowledged", soak.acked, "acknowledged writes of known content"),
        ("some were flushed", soak.flushes, "acknowledged flushes"),
        ("reads missed the cache", counts.misses, "reads of the backing device"),
        ("writes bypassed the cache", counts.invalidations, "keys without pointers"),
        ("a miss overlapped a write in flight", counts.overlapped, "misses inside the window"),
    ];
    let bypasses = soak.plan.job.bypass != Bypass::None;
    let claims: Vec<_> = claims.into_iter().take(if bypasses { claims.len() } else { 3 }).collect();
    let verdict = case.sectors.worst();
    match (shown(session, &claims, &counts), verdict) {
        (Err(why), Some(Verdict::Ok) | None) => Err(Stop::Closed(why)),
        (Ok(()), None) => Err(Stop::Closed("nothing was judged".to_owned())),
        (_, Some(verdict)) => {
            case.outcome = Outcome::Verdict { verdict };
            Ok(())
        }
    }
}

impl<'p> Soak<'p> {
    pub(super) fn new(
        session: &Session<'_>,
        plan: &'p LoadPlan,
        cycles: &'p Cycles,
    ) -> Result<Self, Stop> {
        let Some(area) = plan.stamped else {
            return Err(Trouble::new("scenario", "no [stamped] area", "mend the file").into());
        };
        Ok(Self {
            plan,
            cycles,
            area,
            rng: fastrand::Rng::with_seed(session.seed),
            flight: Flight::new(&session.rig),
            ledger: Ledger::default(),
            cut: None,
            excused: BTreeSet::new(),
            inexcusable: BTreeSet::new(),
            skipped: counters::Skipped::default(),
            acked: 0,
            flushes: 0,
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

    /// One life of the machine, to its end.
    fn load_and_cut(
        &mut self,
        session: &mut Session<'_>,
        number: u32,
        load: &mut Load,
    ) -> Result<(), Stop> {
        let job = &self.plan.job;
        counters::apply(&session.guest()?, &job.settings)?;
        let text = job.file.instance(self.rng.u64(0..1 << 31), Some(FOR_EVER));
        fio::hand_over(&session.guest()?, &job.file, &text)?;
        let [least, most] = self.cycles.events;
        let target = session.rig.now() + self.rng.u64(least..=most);
        session.note(format!("cycle {number}: cut planned at event {target}"));
        self.flight = self.flight.starting_now(&session.rig);
        self.ledger = Ledger::new(&session.rig);
        counters::delay(&session.rig, job.delays);
        let began = Instant::now();
        let fio = session.vm()?.start(fio::run((FOR_EVER + 60) * 1000));
        let every = Duration::from_millis(self.cycles.flush_every_ms);
        let mut writers = Writers::start(session, self.area, self.rng.u64(..), every)?;
        let mut skipped = counters::Skipped::default();
        while session.rig.now() < target {
            session.cancel.check()?;
            self.flight.update(&session.rig);
            self.ledger.update(&session.rig);
            if writers.poll(session)? {
                skipped = counters::Skipped::read(&session.guest()?)?;
            }
            still_running(&fio, job)?;
            if began.elapsed() > LONGEST {
                let text = format!("event {target} did not come within {} s", LONGEST.as_secs());
                return Err(Trouble::new("never-cut", text, OVERLOADED).into());
            }
            std::thread::sleep(GLANCE);
        }
        self.cut(session);
        writers.tell(session);
        let kept =
            self.cycles.kind == CutKind::Reset && job.settings.cache_mode != CacheMode::Writeback;
        session.witness.cut(kept);
        self.flight.update(&session.rig);
        self.ledger.update(&session.rig);
        counters::delay(&session.rig, Delays::default());
        self.skipped.add(skipped);
        self.acked += writers.acked;
        self.flushes += writers.flushes;
        load.seconds += began.elapsed().as_secs_f64();
        load.cuts += 1;
        Ok(())
    }

    fn cut(&mut self, session: &mut Session<'_>) {
        let policy = match self.cycles.open {
            OpenWrites::Drop => Policy::DropAll,
            OpenWrites::Keep => Policy::KeepAll,
            OpenWrites::Random => Policy::Seeded(self.rng.u64(..)),
        };
        let (kind, word) = match self.cycles.kind {
            CutKind::Power => (vdisk::CutKind::Power, "power"),
            CutKind::Reset => (vdisk::CutKind::Reset, "reset"),
        };
        let report = session.rig.cut(kind, policy);
        session.machine_down();
        session.cuts.push(Cut {
            kind: word.to_owned(),
            at_event: report.at_event,
            writes_lost: report.lost.len() as u64,
        });
        self.cut = Some((report, session.rig.image("ssd")));
    }

    /// The stamps by the oracle, then the whole device against its backing
    /// device once nothing is dirty; what differs comes back as well.
    fn judge(
        &mut self,
        session: &mut Session<'_>,
        number: u32,
        load: &mut Load,
    ) -> Result<(Judgement, Vec<Extent>), Stop> {
        let state = crate::bcache::state(&session.guest()?)?;
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
        let explained = doubts::explain(session, &evidence, &sectors, (&self.plan.permit, arm))?;
        let causes: Vec<String> = explained
            .causes
            .iter()
            .map(|(cause, sectors)| format!("{sectors} {}", cause.as_str()))
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
            *load.causes.entry(cause.as_str().to_owned()).or_default() += sectors;
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
    fn torn_set(
        &self,
        session: &mut Session<'_>,
        refusal: Stop,
        number: u32,
        arm: &str,
        load: &mut Load,
    ) -> Result<(), Stop> {
        let torn = self.cut.as_ref().map(|(cut, _)| self.ledger.torn_sets(cut)).unwrap_or_default();
        let said = session.vm().map(vm::Vm::console_tail).unwrap_or_default();
        let refused = matches!(&refusal, Stop::Trouble(trouble) if trouble.what == "guest-refused");
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
        *load.causes.entry(Cause::TornSet.as_str().to_owned()).or_default() += 1;
        session.start_over()
    }

    fn count(&self, load: &mut Load) {
        let counts = self.flight.counts;
        load.cached_reads = counts.cache_sectors / 8;
        load.cache_misses = counts.misses;
        load.bypass_writes = counts.invalidations + self.skipped.spared.unwrap_or(0);
        load.opportunities = counts.overlapped;
        load.skipped_exactly = self.skipped.exactly;
        load.skipped_by_collision = self.skipped.by_collision;
    }
}

/// fio must not end before the cut: it has a reason, and says it.
fn still_running(fio: &Pending, job: &Job) -> Result<(), Stop> {
    match fio.poll() {
        None => Ok(()),
        Some(outcome) => match outcome? {
            Answer::Exec(out) => {
                fio::report(&job.file, &out)?;
                let text = format!("{} ended before the cut", job.file.path.display());
                let next = "the job needs time_based=1 and a runtime= line, which the lab replaces";
                Err(Trouble::new("fio-ended", text, next).into())
            }
            other => {
                let text = format!("unexpected answer {other:?}");
                Err(Trouble::new("guest-refused", text, "a bug of the lab").into())
            }
        },
    }
}
