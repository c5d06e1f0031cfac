// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps in the life of a backing device and its cache set.

use crate::bcache;
use crate::guest::{GuestError, PATIENCE};
use crate::session::Session;
use crate::trouble::{Stop, Trouble};
use evidence::Fact;
use scenario::{LifeEvent, LifeState};
use std::time::{Duration, Instant};
use wire::Extent;

/// How long a disk may stay busy after what used it is gone.
const LET_GO: Duration = Duration::from_secs(20);

impl Session<'_> {
    /// Starts something; what comes with it is configured as at the beginning.
    pub fn live(&mut self, event: LifeEvent) -> Result<(), Stop> {
        let deadline = Instant::now() + self.patience(LET_GO);
        let guest = self.guest()?;
        loop {
            match bcache::live(&guest, event) {
                // A device that was stopped is closed a moment after its node
                // is gone (`cached_dev_free` puts the file last).
                Err(GuestError::Refused { message, .. })
                    if message.contains("EBUSY") && Instant::now() < deadline =>
                {
                    self.cancel.check()?;
                    std::thread::sleep(Duration::from_millis(5));
                }
                // Registering the set attaches what names it, sometimes before
                // we do (`run_cache_set`): "already attached" is EINVAL.
                Err(GuestError::Refused { message, .. })
                    if event == LifeEvent::Attach
                        && message.contains("EINVAL")
                        && bcache::state(&guest)? != "no cache" =>
                {
                    break;
                }
                outcome => break outcome?,
            }
        }
        match event {
            // The device is new, or gets a cache set whose thresholds are.
            LifeEvent::Attach | LifeEvent::RegisterHdd => {
                bcache::wait_device(&guest)?;
                bcache::configure(&guest, self.scenario.bcache.cache_mode)?;
                // A new device counts from zero.
                self.counters.clear();
            }
            LifeEvent::RegisterSsd => bcache::wait_set(&guest)?,
            LifeEvent::Detach | LifeEvent::Stop | LifeEvent::Unregister => {}
        }
        Ok(())
    }

    /// Whether the backing device is in this state.
    pub(crate) fn has_come_to(&self, wanted: LifeState) -> Result<bool, Stop> {
        let guest = self.guest()?;
        let state = bcache::state_if_there(&guest)?;
        Ok(match wanted {
            LifeState::Clean => state.as_deref() == Some("clean"),
            LifeState::Dirty => state.as_deref() == Some("dirty"),
            LifeState::Detached => state.as_deref() == Some("no cache"),
            LifeState::SetGone => {
                state.as_deref() == Some("no cache") && !bcache::set_is_there(&guest)?
            }
            LifeState::Stopped => state.is_none(),
        })
    }

    /// Waits for a state; that it does not come `within` a time is a verdict,
    /// and that it never does, where no time is given, trouble of the kernel.
    pub fn await_state(
        &mut self,
        wanted: LifeState,
        within: Option<Duration>,
    ) -> Result<Result<String, String>, Stop> {
        let began = Instant::now();
        loop {
            self.cancel.check()?;
            let reached = self.has_come_to(wanted)?;
            let ms = began.elapsed().as_millis();
            if reached {
                return Ok(Ok(format!("after {ms} ms")));
            }
            if let Some(within) = within.map(|usual| self.patience(usual)) {
                if began.elapsed() > within {
                    let state = bcache::state_if_there(&self.guest()?)?;
                    let what =
                        format!("the backing device is {state:?}, not {wanted:?}, after {ms} ms");
                    return Err(self.hung(what));
                }
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            // Nothing has to make a device dirty.
            if wanted == LifeState::Dirty && began.elapsed() > self.patience(LET_GO / 10) {
                let state = bcache::state_if_there(&self.guest()?)?;
                return Ok(Err(format!("its state is {state:?} after {ms} ms")));
            }
            if began.elapsed() > self.patience(PATIENCE) {
                let state = bcache::state_if_there(&self.guest()?)?;
                let state = state.unwrap_or_else(|| "not there".to_owned());
                let next = "read the blocked tasks above: something in the kernel waits for ever";
                let what =
                    format!("the backing device is {state:?}, not {wanted:?}, after {ms} ms");
                return Err(Trouble::new("no-answer", what, next).into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// A discard; see [`crate::Step::Discard`].
    pub fn discard(&mut self, at: Extent, value: &str, background: bool) -> Result<(), Stop> {
        let started = self.discard_in_background(at)?;
        let seq = started.seq;
        self.versions.insert(value.to_owned(), seq);
        self.background.insert(value.to_owned(), started);
        self.note(Fact::Discard { name: value.to_owned(), number: seq });
        if background { Ok(()) } else { self.join(value) }
    }
}
