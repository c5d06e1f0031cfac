// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is changed while a load goes on, and back again.

use super::counters;
use crate::bcache;
use crate::session::Session;
use crate::step::state_is;
use crate::trouble::Stop;
use scenario::{
    Action, CacheMode, Change, Changes as Plan, Life, LifeEvent, LifeState, Settings, Step, Volume,
};
use std::time::{Duration, Instant};

const MODES: [CacheMode; 4] =
    [CacheMode::Writethrough, CacheMode::Writeback, CacheMode::Writearound, CacheMode::None];

/// The changes of one life of the machine.
pub(super) struct Changes<'p> {
    plan: Option<&'p Plan>,
    settings: &'p Settings,
    next: Instant,
    rng: fastrand::Rng,
    /// The cache is on its way out, by this.
    under_way: Option<Change>,
    /// How many there were, back again included.
    pub made: u64,
}

impl<'p> Changes<'p> {
    /// None so far.
    pub fn new(plan: Option<&'p Plan>, settings: &'p Settings, seed: u64) -> Self {
        let (next, rng) = (Instant::now(), fastrand::Rng::with_seed(seed));
        Self { plan, settings, next, rng, under_way: None, made: 0 }
    }

    /// The next one, when it is time.
    pub fn poll(&mut self, session: &mut Session<'_>) -> Result<(), Stop> {
        let Some(plan) = self.plan.filter(|_| Instant::now() >= self.next) else { return Ok(()) };
        match self.under_way {
            None => {
                let change = plan.what[self.rng.usize(0..plan.what.len())];
                self.begin(session, change)?;
            }
            // The load keeps it from ending; it is looked at again.
            Some(change) if !state_is(session, Volume::Hdd, gone(change))?.0 => return Ok(()),
            Some(change) => {
                if change == Change::Unregister {
                    live(session, LifeEvent::RegisterSsd)?;
                }
                attach(session, self.settings)?;
                self.under_way = None;
            }
        }
        self.made += 1;
        self.next = Instant::now() + Duration::from_millis(plan.every_ms);
        Ok(())
    }

    fn begin(&mut self, session: &mut Session<'_>, change: Change) -> Result<(), Stop> {
        match change {
            Change::Mode => {
                let mode = MODES[self.rng.usize(0..MODES.len())];
                session.rig.mark(&format!("cache mode {}", mode.as_str()));
                return Ok(bcache::set_cache_mode(&session.guest()?, &[Volume::Hdd], mode)?);
            }
            Change::Detach => live(session, LifeEvent::Detach)?,
            Change::Unregister => live(session, LifeEvent::Unregister)?,
        }
        self.under_way = Some(change);
        Ok(())
    }
}

fn gone(change: Change) -> LifeState {
    if change == Change::Unregister { LifeState::SetGone } else { LifeState::Detached }
}

fn live(session: &mut Session<'_>, event: LifeEvent) -> Result<(), Stop> {
    let action = Action::Life(Life { event, of: Volume::Hdd });
    session.step(&Step { action, proves: None, line: 0 }).map(|_| ())
}

/// Gives a backing device that has none its cache back, with the settings of the load.
pub(super) fn attach(session: &mut Session<'_>, settings: &Settings) -> Result<(), Stop> {
    if bcache::state(&session.guest()?, Volume::Hdd)? == "no cache" {
        live(session, LifeEvent::Attach)?;
    }
    Ok(counters::apply(&session.guest()?, settings)?)
}
