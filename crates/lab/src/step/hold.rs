// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests that a virtual disk holds, and lets go, or spoils, or has seen.

use super::play::{Play, Seen};
use crate::guest::{ATTEND_EVERY, Attendant};
use crate::session::Session;
use crate::trouble::Stop;
use crate::waiting::LOOK_AGAIN;
use judge::watch::Watch;
use scenario::{
    Arrives, AwaitHeld, Disk, Fail, Hold, HoldCacheWrite, HoldInvalidation, HoldLeaf, HoldOp,
    HoldPhase, HoldPriorities, Mend, Release, Slow, Spoil, SpoilCacheWrite,
};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use vdisk::{Fault, Kind, Matcher, OpMatch, Phase};

impl Play for Hold {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let (disk, at) = session.on_disk(self.disk, &self.at);
        let hold = vdisk::Hold {
            disk: disk.name().to_owned(),
            op: kind(self.op),
            first: at.start,
            sectors: at.end - at.start,
            nth: if self.every { 0 } else { 1 },
            phase: match self.phase {
                HoldPhase::BeforeMedia => Phase::BeforeMedia,
                HoldPhase::BeforeCompletion => Phase::BeforeCompletion,
            },
        };
        let id = session.rig.hold(hold);
        session.named.holds.insert(self.name.clone(), id);
        Ok(Seen::Done)
    }
}

fn kind(op: HoldOp) -> OpMatch {
    match op {
        HoldOp::Read => OpMatch::Read,
        HoldOp::Write => OpMatch::Write,
        HoldOp::Flush => OpMatch::Flush,
        HoldOp::Trim => OpMatch::Trim,
    }
}

/// Holds the next write on the SSD whose payload is like that.
fn hold_write(
    session: &mut Session<'_>,
    name: &str,
    phase: Phase,
    test: impl Fn(&[u8]) -> bool + Send + 'static,
) -> Result<Seen, Stop> {
    let hold = vdisk::Hold {
        disk: Disk::Ssd.name().to_owned(),
        op: OpMatch::Write,
        first: 0,
        sectors: u64::MAX,
        nth: 1,
        phase,
    };
    let id = session.rig.hold_if(hold, test);
    session.named.holds.insert(name.to_owned(), id);
    Ok(Seen::Done)
}

impl Play for HoldCacheWrite {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let carries = Watch::carries(session.block(&self.of));
        hold_write(session, &self.name, Phase::BeforeMedia, carries)
    }
}

impl Play for HoldInvalidation {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let invalidates = Watch::invalidates(session.block(&self.of), session.watch.devices);
        hold_write(session, &self.name, Phase::BeforeMedia, invalidates)
    }
}

impl Play for HoldLeaf {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let caches = Watch::caches(session.block(&self.of), session.watch.devices);
        hold_write(session, &self.name, Phase::BeforeCompletion, caches)
    }
}

impl Play for HoldPriorities {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        hold_write(session, &self.name, Phase::BeforeMedia, Watch::is_priorities)
    }
}

impl Play for SpoilCacheWrite {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let fault = match self.how {
            Spoil::Eio => Fault::Eio,
            Spoil::SlowMs(ms) => Fault::Slow(Duration::from_millis(ms)),
        };
        let matcher = Matcher::any(Disk::Ssd.name(), OpMatch::Write);
        session.rig.fault_if(matcher, fault, Watch::carries(session.block(&self.of)));
        Ok(Seen::Done)
    }
}

impl Play for AwaitHeld {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        const LIMIT: Duration = Duration::from_secs(10);
        const GLANCE: Duration = Duration::from_millis(20);
        let names: Vec<&String> = std::iter::once(&self.name).chain(&self.or).collect();
        if let Some(unknown) = names.iter().find(|name| !session.named.holds.contains_key(**name)) {
            return Ok(Seen::Closed(format!("no hold {unknown:?} was armed")));
        }
        let slice = if self.or.is_some() { GLANCE } else { ATTEND_EVERY };
        let deadline = Instant::now() + session.patience(LIMIT);
        let mut attended = Instant::now();
        loop {
            if attended.elapsed() > ATTEND_EVERY {
                session.attend();
                attended = Instant::now();
            }
            for name in &names {
                match session.rig.wait_held(session.named.holds[*name], slice, session.cancel) {
                    Ok(held) => {
                        return Ok(Seen::Open(format!(
                            "{name}: request for sectors {}+{} held at event {}",
                            held.sector, held.sectors, held.seq
                        )));
                    }
                    Err(vdisk::HoldError::Cancelled) => return Err(Stop::Cancelled),
                    Err(error) if Instant::now() >= deadline => {
                        return Ok(Seen::Closed(format!(
                            "the hold never caught a request: {error}"
                        )));
                    }
                    Err(_) => {}
                }
            }
        }
    }
}

impl Play for Release {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        if let Some(&id) = session.named.holds.get(&self.name) {
            session.rig.release(id);
        }
        Ok(Seen::Done)
    }
}

impl Play for Arrives {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let (disk, at) = session.on_disk(self.disk, &self.at);
        let (disk, kind) = (disk.name(), kind(self.op));
        let limit = session.patience(Duration::from_millis(self.for_ms));
        let seen = session.poll(limit, LOOK_AGAIN, |session| {
            let events = session.rig.events_since(0);
            let found = events.iter().rev().find(|event| {
                event.kind == Kind::Issue
                    && event.op.is_some_and(|op| kind.matches(op))
                    && *event.disk == *disk
                    && event.sector < at.end
                    && at.start < event.sector + event.sectors
            });
            Ok(found
                .map(|event| format!("{kind:?} of {}+{}", event.sector, event.sectors))
                .ok_or_else(|| format!("no {kind:?} of {at:?} has come to the {disk}")))
        })?;
        match seen {
            Ok(detail) => session.note(detail),
            Err(why) => session.flaw(why),
        }
        Ok(Seen::Done)
    }
}

impl Play for Slow {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        session.rig.delay(self.disk.name(), kind(self.op), Duration::from_millis(self.ms));
        Ok(Seen::Done)
    }
}

impl Play for Fail {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let mut matcher = Matcher::any(self.disk.name(), self.op.map_or(OpMatch::Any, kind));
        matcher.nth = self.nth.unwrap_or(0);
        if let Some(place) = &self.at {
            let (disk, at) = session.on_disk(self.disk, place);
            matcher.disk = disk.name().to_owned();
            (matcher.first, matcher.sectors) = (at.start, at.end - at.start);
        }
        match self.one_in {
            None => session.rig.fault(matcher, Fault::Eio),
            Some(n) => {
                let dice = Mutex::new(fastrand::Rng::with_seed(session.seed));
                let hit = move |_: &[u8]| dice.lock().is_ok_and(|mut dice| dice.u32(0..n) == 0);
                session.rig.fault_if(matcher, Fault::Eio, hit);
            }
        }
        Ok(Seen::Done)
    }
}

impl Play for Mend {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let name = self.disk.name();
        Ok(match session.rig.mend(name) {
            0 => Seen::Absent(format!("no request of the {name} was failed")),
            hits => Seen::Open(format!("{hits} requests of the {name} were failed")),
        })
    }
}
