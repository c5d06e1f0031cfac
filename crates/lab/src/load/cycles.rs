// SPDX-License-Identifier: MIT OR Apache-2.0
//! `L2`, `L3`: load, a cut at a random moment, boot, judge, and on with the
//! same disks.

use super::changes::{self, Changes};
use super::claims::{Say, shown};
use super::cut_record::CutRecord;
use super::soak::Soak;
use super::stamped::{self, Writers};
use super::{counters, fio};
use crate::feed::Feed;
use crate::session::{OVERLOADED, Session, disk_trouble};
use crate::trouble::{Stop, Trouble};
use evidence::{Case, HarnessFailure, Load, Outcome, Verdict};
use judge::decode::Devices;
use judge::history::History;
use judge::ledger::Ledger;
use judge::tally::Tally;
use scenario::{Bypass, Cycles, Delays, Job, LoadPlan, Registered};
use std::path::Path;
use std::time::{Duration, Instant};
use vdisk::{Event, Rig};
use vm::Pending;
use wire::Answer;

/// Between looks at the disks' events and at what the agent reports.
const GLANCE: Duration = Duration::from_millis(10);

/// Longest load before its cut; the events come slowly only where the guest
/// does not work any more.
const LONGEST: Duration = Duration::from_secs(180);

/// fio's runtime in a cycle, in seconds: the cut comes first.
const FOR_EVER: u64 = 3600;

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
        if let Err(refusal) = session.boot_again(Registered::default(), None) {
            soak.torn_set(session, refusal, number, &case.arm, &mut load)?;
            soak.count(&mut load);
            case.load = Some(load.clone());
            case.cuts.clone_from(&session.notes.cuts);
            let _ = std::fs::remove_file(&log);
            continue;
        }
        let history = session.testimony.history.clone();
        let (stop, differing) = soak.verdict(session, number, &mut load, case)?;
        soak.count(&mut load);
        case.load = Some(load.clone());
        case.cuts.clone_from(&session.notes.cuts);
        if stop {
            keep(session, &soak, history, case, &log, number)?;
            break;
        }
        // Everything is explained: the log of this cycle is not needed any more.
        let _ = std::fs::remove_file(&log);
        stamped::overwrite(session, &differing)?;
        stamped::rebase(session, area)?;
    }
    finish(session, &soak, case)
}

/// Keeps what a replay of the cut needs, and says where the log of the cycle is
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
        CutRecord { cycle: number, since, history, cut: cut.clone() }.save(&path)?;
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
    let counts = soak.tally.counts;
    let claims = [
        ("stamped writes were acknowledged", soak.acked, "acknowledged writes of known content"),
        ("some were flushed", soak.flushes, "acknowledged flushes"),
        ("reads missed the cache", counts.misses, "reads of the backing device"),
        ("writes bypassed the cache", counts.invalidations, "keys without pointers"),
        ("a miss overlapped a write in flight", counts.overlapped, "misses inside the window"),
    ];
    let bypasses = soak.plan.job.bypass != Bypass::None;
    let count = if bypasses { claims.len() } else { 3 };
    let mut claims: Vec<_> = claims.into_iter().take(count).collect();
    if soak.plan.changes.is_some() {
        claims.push(("the cache was changed under load", soak.changes, "changes"));
    }
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
    /// Looks at what has happened on the disks.
    fn follow(&mut self, feed: &mut Feed, rig: &Rig) {
        let wants = |event: &Event| Tally::wants(event) || Ledger::wants(event);
        feed.each(rig, Devices::default(), wants, |seen| {
            self.tally.take(seen);
            self.ledger.take(seen);
        });
    }

    /// One life of the machine, to its end.
    fn load_and_cut(
        &mut self,
        session: &mut Session<'_>,
        number: u32,
        load: &mut Load,
    ) -> Result<(), Stop> {
        let job = &self.plan.job;
        changes::attach(session, &job.settings)?;
        let text = job.file.instance(self.rng.u64(0..1 << 31), Some(FOR_EVER));
        fio::hand_over(&session.guest()?, &job.file, &text)?;
        let [least, most] = self.cycles.events;
        let target = session.rig.now() + self.rng.u64(least..=most);
        session.note(format!("cycle {number}: cut planned at event {target}"));
        let mut feed = Feed::new(&session.rig);
        self.tally.begin_anew();
        self.ledger = Ledger::new(feed.next(), session.rig.image("hdd"));
        counters::delay(&session.rig, job.delays);
        let began = Instant::now();
        let fio = session.vm()?.start(fio::run((FOR_EVER + 60) * 1000));
        let every = Duration::from_millis(self.cycles.flush_every_ms);
        let mut writers = Writers::start(session, self.area, self.rng.u64(..), every)?;
        let (plan, seed) = (self.plan.changes.as_ref(), session.seed ^ u64::from(number));
        let mut changes = Changes::new(plan, &job.settings, seed);
        let mut skipped = counters::Skipped::default();
        while session.rig.now() < target {
            session.cancel.check()?;
            self.follow(&mut feed, &session.rig);
            if writers.poll(session)? {
                skipped = counters::Skipped::read(&session.guest()?)?;
            }
            changes.poll(session)?;
            still_running(&fio, job)?;
            if began.elapsed() > LONGEST {
                let text = format!("event {target} did not come within {} s", LONGEST.as_secs());
                return Err(Trouble::new(HarnessFailure::NeverCut, text, OVERLOADED).into());
            }
            std::thread::sleep(GLANCE);
        }
        let (kind, open) = (self.cycles.kind, self.cycles.open);
        let report = session.cut(kind, open, None, || self.rng.u64(..));
        writers.tell(session);
        session.testimony.witness.cut(report.kind, job.settings.cache_mode);
        self.cut = Some((report, session.rig.image("ssd")));
        self.follow(&mut feed, &session.rig);
        counters::delay(&session.rig, Delays::default());
        self.skipped.add(skipped);
        self.acked += writers.acked;
        self.flushes += writers.flushes;
        self.changes += changes.made;
        load.seconds += began.elapsed().as_secs_f64();
        load.cuts += 1;
        Ok(())
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
                Err(Trouble::new(HarnessFailure::FioEnded, text, next).into())
            }
            other => {
                let text = format!("unexpected answer {other:?}");
                Err(Trouble::new(HarnessFailure::GuestRefused, text, "a bug of the lab").into())
            }
        },
    }
}
