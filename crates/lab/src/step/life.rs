// SPDX-License-Identifier: MIT OR Apache-2.0
//! The life of a backing device and its cache set.

use super::play::{Play, Seen};
use crate::bcache;
use crate::guest::PATIENCE;
use crate::session::Session;
use crate::trouble::{Stop, Trouble};
use evidence::HarnessFailure;
use rustix::io::Errno;
use scenario::{AwaitState, Life, LifeEvent, LifeState};
use std::time::{Duration, Instant};

/// How long a disk may stay busy after what used it is gone.
const LET_GO: Duration = Duration::from_secs(20);

/// What comes with it is configured as at the beginning.
impl Play for Life {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let deadline = Instant::now() + session.patience(LET_GO);
        let guest = session.guest()?;
        loop {
            match bcache::live(&guest, self.event) {
                // A device that was stopped is closed a moment after its node
                // is gone (`cached_dev_free` puts the file last).
                Err(error) if error.is(Errno::BUSY) && Instant::now() < deadline => {
                    session.cancel.check()?;
                    std::thread::sleep(Duration::from_millis(5));
                }
                // Registering the set attaches what names it, sometimes before
                // we do (`run_cache_set`): "already attached" is EINVAL.
                Err(error)
                    if self.event == LifeEvent::Attach
                        && error.is(Errno::INVAL)
                        && bcache::state(&guest)? != "no cache" =>
                {
                    break;
                }
                outcome => break outcome?,
            }
        }
        match self.event {
            // The device is new, or gets a cache set whose thresholds are.
            LifeEvent::Attach | LifeEvent::RegisterHdd => {
                bcache::wait_device(&guest)?;
                bcache::configure(&guest, session.scenario.bcache.cache_mode)?;
                // A new device counts from zero.
                session.named.counters.clear();
            }
            LifeEvent::RegisterSsd => bcache::wait_set(&guest)?,
            LifeEvent::Detach | LifeEvent::Stop | LifeEvent::Unregister => {}
        }
        Ok(Seen::Done)
    }
}

/// That a state never comes is trouble of the kernel, as a hang is.
impl Play for AwaitState {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let (wanted, began) = (self.is, Instant::now());
        loop {
            session.cancel.check()?;
            let guest = session.guest()?;
            let state = bcache::state_if_there(&guest)?;
            let reached = match wanted {
                LifeState::Clean => state.as_deref() == Some("clean"),
                LifeState::Dirty => state.as_deref() == Some("dirty"),
                LifeState::Detached => state.as_deref() == Some("no cache"),
                LifeState::SetGone => {
                    state.as_deref() == Some("no cache") && !bcache::set_is_there(&guest)?
                }
                LifeState::Stopped => state.is_none(),
            };
            let ms = began.elapsed().as_millis();
            if reached {
                return Ok(Seen::Open(format!("after {ms} ms")));
            }
            // Nothing has to make a device dirty.
            if wanted == LifeState::Dirty && began.elapsed() > session.patience(LET_GO / 10) {
                return Ok(Seen::Closed(format!("its state is {state:?} after {ms} ms")));
            }
            if began.elapsed() > session.patience(PATIENCE) {
                let state = state.unwrap_or_else(|| "not there".to_owned());
                let next = "read the blocked tasks above: something in the kernel waits for ever";
                let what =
                    format!("the backing device is {state:?}, not {wanted:?}, after {ms} ms");
                return Err(Trouble::new(HarnessFailure::NoAnswer, what, next).into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
