// SPDX-License-Identifier: MIT OR Apache-2.0
//! `L1`: the job from its start to its end, in a few rounds with a sweep after
//! each, then a sweep of the whole device.

use super::claims::{Say, shown};
use super::cut_record::Left;
use super::{again, counters, cycles, fio};
use crate::feed::Feed;
use crate::session::Session;
use crate::trouble::{Stop, Trouble};
use evidence::{Case, Fact, HarnessFailure, Load, Opportunity, Outcome, StaleSample, Verdict};
use judge::decode::Devices;
use judge::tally::{Counts, Tally};
use scenario::LoadPlan;
use scenario::{Bypass, Delays, Job};
use std::time::{Duration, Instant};
use vdisk::Rig;
use wire::Answer;

/// Sweeps during a load: as many points has stale-over-time.
const ROUNDS: u64 = 5;

/// Length of the round without the reason for bypassing, in seconds.
const CONTROL_S: u64 = 2;

/// Looking at the disks' events, in between waiting for fio.
const GLANCE: Duration = Duration::from_millis(20);

/// A load case as a whole.
pub(crate) fn play(
    session: &mut Session<'_>,
    plan: &LoadPlan,
    left: Option<&Left>,
    case: &mut Case,
    say: Say<'_>,
) -> Result<(), Stop> {
    let load = Load {
        job: plan.job.name.clone(),
        bypass: plan.job.bypass.as_str().to_owned(),
        cache_mode: plan.job.settings.cache_mode.as_str().to_owned(),
        ..Load::default()
    };
    case.load = Some(load.clone());
    if let (Some(cycles), Some(left)) = (&plan.cycles, left) {
        say(1, 1, "boot on what the cut left, and judge".to_owned());
        return again::play(session, (plan, cycles), left, load, case);
    }
    counters::apply(&session.guest()?, &plan.job.settings)?;
    match &plan.cycles {
        Some(cycles) => cycles::play(session, plan, cycles, load, case, say),
        None => once(session, plan, load, case, say),
    }
}

fn once(
    session: &mut Session<'_>,
    plan: &LoadPlan,
    mut load: Load,
    case: &mut Case,
    say: Say<'_>,
) -> Result<(), Stop> {
    let (job, runtime) = (&plan.job, plan.seconds);
    let rounds = runtime.map_or(1, |seconds| ROUNDS.min(seconds));
    let of = rounds as usize + 1;
    let control = control_round(session, job)?;
    let mut following = Following::default();
    let mut sum = fio::Report::default();
    for round in 0..rounds {
        say(round as usize + 1, of, format!("fio {}, round {}", job.name, round + 1));
        session.note(format!("fio {}, round {} of {rounds}", job.name, round + 1));
        let seconds = runtime.map(|all| all.div_ceil(rounds));
        let report = one_round(session, job, session.seed ^ round, seconds, &mut following)?;
        sum.add(&report);
        // The last one is the whole device's.
        if round + 1 < rounds
            && let Some((end, _)) = job.file.farthest()
        {
            let first = job.file.nearest() / 512;
            let swept = session.sweep(Some((first, end / 512 - first)))?;
            let stale_blocks = swept.blocks();
            load.stale_over_time.push(StaleSample { seconds: sum.seconds, stale_blocks });
        }
    }
    // Sweeps read the backing device as well: no more counting.
    following.catch_up(&session.rig);
    say(of, of, "sweep of the whole device".to_owned());
    let swept = session.sweep(None)?;
    let skipped = counters::Skipped::read(&session.guest()?)?;
    let counts = following.tally.counts;
    load.seconds = sum.seconds;
    // Every block that fio read and the backing device did not give.
    load.cached_reads = (sum.read_bytes / 512).saturating_sub(counts.missed_sectors) / 8;
    load.cache_misses = counts.misses;
    load.bypass_writes = counts.invalidations + skipped.spared.unwrap_or(0);
    load.opportunities = counts.overlapped;
    load.skipped_exactly = skipped.exactly;
    load.skipped_by_collision = skipped.by_collision;
    load.swept_bytes = swept.sectors * 512;
    load.stale_blocks = swept.blocks();
    load.verify_errors = sum.verify_errors;
    load.stale_over_time
        .push(StaleSample { seconds: sum.seconds, stale_blocks: load.stale_blocks });
    session.note(format!(
        "swept {} MiB in {:.1} s: {} blocks differ; fio refused {} blocks",
        load.swept_bytes >> 20,
        swept.took.as_secs_f64(),
        load.stale_blocks,
        load.verify_errors
    ));
    for extent in swept.differing.iter().take(8) {
        session.note(Fact::Finding {
            verdict: Verdict::Stale,
            sector: extent.sector,
            sectors: extent.sectors.into(),
            detail: String::new(),
        });
    }
    case.sectors.add(Verdict::Stale, swept.bad_sectors());
    case.sectors.add(Verdict::Ok, swept.sectors - swept.bad_sectors());
    let stale_once = load.stale_over_time.iter().any(|sample| sample.stale_blocks > 0);
    let verdict = if load.stale_blocks > 0 || stale_once {
        Verdict::Stale
    } else if load.verify_errors > 0 {
        // Refused, though bcache and its backing device agree: or stale only
        // until the next write of the block.
        refused(&load)
    } else {
        Verdict::Ok
    };
    let shown = opportunities(session, &counts, control.as_ref(), &sum, job);
    case.load = Some(load);
    match shown {
        // Bad data are bad data; good ones prove nothing without the window.
        Err(why) if verdict == Verdict::Ok => return Err(Stop::Closed(why)),
        _ => case.outcome = Outcome::Verdict { verdict },
    }
    Ok(())
}

/// fio's verify reads each pass back while nothing is on its way to that
/// block. With a window open beside it, a refused block was stale; without
/// one, nobody had it.
fn refused(load: &Load) -> Verdict {
    if load.opportunities > 0 { Verdict::Stale } else { Verdict::Lost }
}

/// The job without what makes its writes bypass: nothing else may do it. Read
/// misses of this round cannot plant anything stale, as nothing bypasses.
fn control_round(session: &mut Session<'_>, job: &Job) -> Result<Option<Counts>, Stop> {
    let Some(settings) = job.settings.without(job.bypass) else { return Ok(None) };
    counters::apply(&session.guest()?, &settings)?;
    session.note(format!("fio {} without the reason to bypass: {settings:?}", job.name));
    let mut following = Following::default();
    one_round(session, job, session.seed ^ u64::MAX, Some(CONTROL_S), &mut following)?;
    // The journal follows within `journal_delay_ms`, 100 by default.
    std::thread::sleep(Duration::from_millis(300));
    following.catch_up(&session.rig);
    counters::apply(&session.guest()?, &job.settings)?;
    Ok(Some(following.tally.counts))
}

/// The counts of a load that is going on.
#[derive(Default)]
struct Following {
    feed: Feed,
    tally: Tally,
}

impl Following {
    /// Without what has happened since the last call.
    fn begin_anew(&mut self, rig: &Rig) {
        self.feed = Feed::new(rig);
        self.tally.begin_anew();
    }

    fn catch_up(&mut self, rig: &Rig) {
        self.feed.each(rig, Devices::default(), Tally::wants, |seen| self.tally.take(seen));
    }
}

/// Runs fio once and watches the disks meanwhile.
fn one_round(
    session: &Session<'_>,
    job: &Job,
    seed: u64,
    seconds: Option<u64>,
    following: &mut Following,
) -> Result<fio::Report, Stop> {
    // fio's random numbers take 64 bits, its parser a signed number.
    let text = job.file.instance(seed & 0x7fff_ffff, seconds);
    fio::hand_over(&session.guest()?, &job.file, &text)?;
    // Emulation on a busy machine: starting and verifying take their time.
    let limit = Duration::from_secs(seconds.unwrap_or(60) * 4 + 120);
    following.begin_anew(&session.rig);
    counters::delay(&session.rig, job.delays);
    let pending =
        session.vm()?.start(fio::run(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)));
    let deadline = Instant::now() + limit + Duration::from_secs(10);
    let answer = loop {
        following.catch_up(&session.rig);
        match pending.wait(GLANCE, session.cancel) {
            Err(vm::CallError::Deadline { .. }) if Instant::now() < deadline => {}
            outcome => break outcome?,
        }
    };
    following.catch_up(&session.rig);
    counters::delay(&session.rig, Delays::default());
    match answer {
        Answer::Exec(out) => fio::report(&job.file, &out),
        other => {
            let text = format!("unexpected answer {other:?}");
            Err(Trouble::new(HarnessFailure::GuestRefused, text, "a bug of the lab").into())
        }
    }
}

/// The claims of the job's way to bypass.
fn opportunities(
    session: &mut Session<'_>,
    counts: &Counts,
    control: Option<&Counts>,
    sum: &fio::Report,
    job: &Job,
) -> Result<(), String> {
    let mut claims = vec![("fio read something", sum.read_bytes >> 12, "blocks read by fio")];
    let keys = "keys without pointers in the journal";
    let misses = ("reads missed the cache", counts.misses, "reads of the backing device");
    match job.bypass {
        // There is no window to show; the load itself must have been one.
        Bypass::None => {
            claims.push(("fio wrote something", sum.write_bytes >> 12, "blocks written by fio"));
            claims.push(misses);
        }
        // Writes may bypass, too: only what discards did counts.
        Bypass::Discard => {
            let exact = "keys without pointers over exactly what was discarded";
            claims.push(("discards bypassed the cache", counts.discard_keys, exact));
            claims.push(misses);
            let what = "misses that took their data while a discard of them was on its way";
            let count = counts.overlapped_discards;
            claims.push(("a miss overlapped a discard in flight", count, what));
        }
        _ => {
            claims.push(("writes bypassed the cache", counts.invalidations, keys));
            claims.push(misses);
            let what =
                "misses that took their data while a write to the same sectors was on its way";
            claims.push(("a miss overlapped a write in flight", counts.overlapped, what));
        }
    }
    let windows = shown(session, &claims, counts);
    let Some(control) = control else { return windows };
    let reason = only_reason(counts, control, job.bypass);
    let closed = format!("{}: {}", reason.claim, reason.detail);
    let alone = if reason.open { Ok(()) } else { Err(closed) };
    session.notes.opportunities.push(reason);
    windows.and(alone)
}

/// Whether writes bypassed for the job's reason and no other: without it none
/// did.
fn only_reason(counts: &Counts, control: &Counts, bypass: Bypass) -> Opportunity {
    Opportunity {
        claim: format!("writes bypassed for one reason: {}", bypass.as_str()),
        open: control.invalidations == 0 && control.backing_writes > 0,
        detail: format!(
            "without it {} of {} writes bypassed, with it {} of {}",
            control.invalidations,
            control.backing_writes,
            counts.invalidations,
            counts.backing_writes,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_reason_to_bypass_closes_the_window() {
        let counts = |invalidations, backing_writes| Counts {
            invalidations,
            backing_writes,
            ..Counts::default()
        };
        let open =
            |control: Counts| only_reason(&counts(90, 100), &control, Bypass::Sequential).open;
        assert!(open(counts(0, 40)));
        assert!(!open(counts(1, 40)), "something else made a write bypass");
        assert!(!open(counts(0, 0)), "nothing was written: nothing is shown");
    }
}
