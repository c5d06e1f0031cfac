// SPDX-License-Identifier: MIT OR Apache-2.0
//! `L2`, `L3`: load, a cut at a random moment, boot, judge, and on with the
//! same disks.

use super::flight::Flight;
use super::plan::{Cycles, LoadPlan, StampedArea};
use super::play::{Say, shown};
use super::stamped::{self, Writers};
use super::{Delays, counters, fio};
use crate::oracle::Judgement;
use crate::scenario::CacheMode;
use crate::session::{OVERLOADED, Session, disk_trouble};
use crate::step::{CutKind, OpenWrites};
use crate::trouble::{Stop, Trouble};
use evidence::{Case, Cut, Load, Outcome, StaleSample, Verdict};
use std::path::Path;
use std::time::{Duration, Instant};
use vdisk::Policy;
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
struct Soak<'p> {
    plan: &'p LoadPlan,
    cycles: &'p Cycles,
    area: StampedArea,
    rng: fastrand::Rng,
    flight: Flight,
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
    let Some(area) = plan.stamped else {
        return Err(Trouble::new("scenario", "no [stamped] area", "mend the file").into());
    };
    let mut soak = Soak {
        plan,
        cycles,
        area,
        rng: fastrand::Rng::with_seed(session.seed),
        flight: Flight::new(&session.rig),
        skipped: counters::Skipped::default(),
        acked: 0,
        flushes: 0,
    };
    let harmless = plan.tolerated(&case.arm);
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
        session.boot_again()?;
        let (judgement, differing) = soak.judge(session, number, &mut load)?;
        add(case, &judgement);
        let older = soak.cache_is_older(session, &case.arm, number, &differing)?;
        if older {
            load.permitted.retain(|verdict| *verdict != Verdict::Diverged);
        }
        soak.count(&mut load);
        case.load = Some(load.clone());
        case.cuts.clone_from(&session.cuts);
        let worst = judgement.counts.worst().unwrap_or(Verdict::Ok);
        let unexplained = worst == Verdict::Diverged && older;
        if worst != Verdict::Ok && (unexplained || !harmless.contains(&worst)) {
            keep_log(session, case, &log, number);
            break;
        }
        // Nothing to explain: the log of this cycle is not needed any more.
        let _ = std::fs::remove_file(&log);
        stamped::heal(session, &differing)?;
        stamped::rebase(session, area)?;
    }
    finish(session, &soak, case)
}

/// Adds one judgement's sectors to the case's.
fn add(case: &mut Case, judgement: &Judgement) {
    for verdict in Verdict::ALL {
        case.sectors.add(verdict, judgement.counts.of(verdict));
    }
}

/// Says where the log of the cycle is that went wrong.
fn keep_log(session: &mut Session<'_>, case: &mut Case, log: &Path, number: u32) {
    if let Some(events) = case.files.get_mut("events")
        && let (Some(folder), Some(name)) = (Path::new(events.as_str()).parent(), log.file_name())
    {
        *events = folder.join(name).to_string_lossy().into_owned();
    }
    let seed = session.seed;
    session.note(format!("stopped in cycle {number}; the case's seed is {seed}"));
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
    let bypasses = soak.plan.job.bypass != super::Bypass::None;
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

impl Soak<'_> {
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
        counters::delay(&session.rig, job.delays);
        let began = Instant::now();
        let fio = session.vm()?.start(fio::run((FOR_EVER + 60) * 1000));
        let every = Duration::from_millis(self.cycles.flush_every_ms);
        let mut writers = Writers::start(session, self.area, self.rng.u64(..), every)?;
        let mut skipped = counters::Skipped::default();
        while session.rig.now() < target {
            session.cancel.check()?;
            self.flight.update(&session.rig);
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
            judgement.counts.ok,
            swept.blocks(),
        ));
        Ok((judgement, swept.differing))
    }

    /// A cache that is newer than its disk has kept what the disk lost: a read
    /// put it there before a flush made it durable below. That is permitted,
    /// and no tracker changes it. One that is older has missed an
    /// invalidation: only arms that do not wait for it may show that.
    fn cache_is_older(
        &self,
        session: &mut Session<'_>,
        arm: &str,
        number: u32,
        differing: &[Extent],
    ) -> Result<bool, Stop> {
        if differing.is_empty() {
            return Ok(false);
        }
        let area = self.area.sector..self.area.sector + self.area.sectors;
        let stamped: Vec<Extent> =
            differing.iter().copied().filter(|e| area.contains(&e.sector)).collect();
        let (older, newer) = stamped::ages(session, &stamped)?;
        session.note(format!(
            "cycle {number}: the cache is newer than the disk in {newer} stamped sectors, older \
             in {older}"
        ));
        Ok(older > 0 && !self.plan.cache_older.iter().any(|name| name == arm))
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
fn still_running(fio: &Pending, job: &super::Job) -> Result<(), Stop> {
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
