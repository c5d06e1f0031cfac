// SPDX-License-Identifier: MIT OR Apache-2.0
//! When a request would be done on a real disk.
//!
//! A model lives in its own time, nanoseconds that only move forward with
//! what it is told; the rig's timers follow it. So a late timer delays one
//! answer and not all that follow, and the tests need no clock.

mod hdd;
mod ssd;
mod work;

pub(crate) use work::Work;

use crate::profile::Profile;

/// A request and the time at which it is done.
pub(crate) type Due = (u64, u64);

#[derive(Debug)]
enum Kind {
    Ssd(ssd::Ssd),
    Hdd(hdd::Hdd),
}

/// The timing of one disk.
#[derive(Debug)]
pub(crate) struct Model {
    scale: f64,
    kind: Kind,
}

impl Model {
    /// `None` when the profile has no timing. `volatile` says whether writes
    /// are answered from the cache.
    pub fn new(profile: &Profile, sectors: u64, volatile: bool) -> Option<Self> {
        let cache = if volatile { profile.cache_bytes() as f64 } else { 0.0 };
        let kind = match (&profile.ssd, &profile.hdd) {
            (Some(ssd), _) => Kind::Ssd(ssd::Ssd::new(ssd.clone(), cache)),
            (_, Some(hdd)) => Kind::Hdd(hdd::Hdd::new(hdd.clone(), sectors, cache)),
            _ => return None,
        };
        Some(Self { scale: profile.time_scale, kind })
    }

    fn inner(&self, outside: u64) -> f64 {
        outside as f64 / self.scale
    }

    fn outer(&self, due: Option<(u64, f64)>) -> Option<Due> {
        due.map(|(id, at)| (id, (at * self.scale) as u64))
    }

    /// A request comes in at `now` (ns). Perhaps it is known when a request
    /// will be done, this one or another.
    pub fn arrive(&mut self, now: u64, work: Work) -> Option<Due> {
        let now = self.inner(now);
        let due = match &mut self.kind {
            Kind::Ssd(ssd) => Some((work.id, ssd.arrive(now, &work))),
            Kind::Hdd(hdd) => hdd.arrive(now, work),
        };
        self.outer(due)
    }

    /// A request is done. Perhaps another one is taken up.
    pub fn finished(&mut self, id: u64) -> Option<Due> {
        let due = match &mut self.kind {
            Kind::Ssd(_) => None,
            Kind::Hdd(hdd) => hdd.finished(id),
        };
        self.outer(due)
    }

    /// The power was cut: nothing is under way any more.
    pub fn reset(&mut self) {
        match &mut self.kind {
            Kind::Ssd(ssd) => ssd.reset(),
            Kind::Hdd(hdd) => hdd.reset(),
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
