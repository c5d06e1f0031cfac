// SPDX-License-Identifier: MIT OR Apache-2.0
//! The life of a backing device and its cache set.

use super::play::{Play, Seen};
use crate::bcache;
use crate::guest::PATIENCE;
use crate::session::Session;
use crate::trouble::{Stop, Trouble};
use evidence::HarnessFailure;
use rustix::io::Errno;
use scenario::{AwaitState, Life, LifeEvent, LifeState, RewriteUntil, Volume};
use std::time::{Duration, Instant};
use vdisk::bcache_format::BackingState;

/// How long a disk may stay busy after what used it is gone.
const LET_GO: Duration = Duration::from_secs(20);

const ASK_AGAIN: Duration = Duration::from_millis(5);

/// What comes with it is configured as at the beginning.
impl Play for Life {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let deadline = Instant::now() + session.patience(LET_GO);
        let guest = session.guest()?;
        loop {
            match bcache::live(&guest, self.of, self.event) {
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
                        && bcache::state(&guest, self.of)? != "no cache" =>
                {
                    break;
                }
                outcome => break outcome?,
            }
        }
        match self.event {
            // The device is new, or gets a cache set whose thresholds are.
            LifeEvent::Attach | LifeEvent::RegisterHdd => {
                bcache::wait_device(&guest, self.of)?;
                bcache::configure(&guest, &[self.of], session.scenario.bcache.cache_mode)?;
                // A new device counts from zero.
                session.named.counters.clear();
            }
            LifeEvent::RegisterSsd => {
                bcache::wait_set(&guest)?;
                // A backing device that ran alone has it now (`run_cache_set`).
                for (of, _) in Volume::backed(&session.volumes) {
                    if bcache::has(&guest, of, "cache")? {
                        let mode = session.scenario.bcache.cache_mode;
                        bcache::configure(&guest, &[of], mode)?;
                    }
                }
            }
            LifeEvent::Detach | LifeEvent::Stop | LifeEvent::Unregister => {}
        }
        Ok(Seen::Done)
    }
}

/// Whether the backing device is in a state, and how it is.
///
/// sysfs shows what is in memory, and the kernel sets that before it writes the
/// superblock (`bch_writeback_add`, `bch_writeback_thread`): a power cut in between
/// would find another state. So the disk must have it, too.
pub(crate) fn state_is(
    session: &Session<'_>,
    of: Volume,
    wanted: LifeState,
) -> Result<(bool, Option<String>), Stop> {
    let guest = session.guest()?;
    let state = bcache::state_if_there(&guest, of)?;
    let superblock = of.backing().and_then(|disk| session.rig.superblock(disk.name()));
    let on_disk = superblock.and_then(|superblock| superblock.state);
    let reached = has_come(wanted, state.as_deref(), on_disk)
        && match wanted {
            // The cache set forgets the device after that (`bcache_device_detach`), and
            // then the link to it goes (`bcache_device_unlink`).
            LifeState::Detached => !bcache::has(&guest, of, "cache")?,
            LifeState::SetGone => !bcache::set_is_there(&guest)?,
            _ => true,
        };
    Ok((reached, state))
}

/// Whether sysfs says so, and the superblock where that has a word for it.
fn has_come(wanted: LifeState, in_sysfs: Option<&str>, on_disk: Option<BackingState>) -> bool {
    match wanted {
        LifeState::Clean => in_sysfs == Some("clean") && on_disk == Some(BackingState::Clean),
        LifeState::Dirty => in_sysfs == Some("dirty") && on_disk == Some(BackingState::Dirty),
        LifeState::Detached => in_sysfs == Some("no cache") && on_disk == Some(BackingState::None),
        LifeState::SetGone => in_sysfs == Some("no cache"),
        LifeState::Stopped => in_sysfs.is_none(),
    }
}

/// That a state does not come in time is a verdict; that it never comes, where no
/// time is given, is trouble of the kernel, as a hang is.
impl Play for AwaitState {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let (wanted, began) = (self.is, Instant::now());
        // Nothing has to make a device dirty.
        let unlikely = wanted == LifeState::Dirty && self.within_ms.is_none();
        let limit = match self.within_ms {
            Some(ms) => Duration::from_millis(ms),
            None if unlikely => LET_GO / 10,
            None => PATIENCE,
        };
        let seen = session.poll(session.patience(limit), ASK_AGAIN, |session| {
            let (reached, state) = state_is(session, self.of, wanted)?;
            let ms = began.elapsed().as_millis();
            let state = state.unwrap_or_else(|| "not there".to_owned());
            Ok(if reached {
                Ok(format!("after {ms} ms"))
            } else {
                Err(format!("the backing device is {state:?}, not {wanted:?}, after {ms} ms"))
            })
        })?;
        match seen {
            Err(what) if self.within_ms.is_some() => Err(session.hung(what)),
            Err(what) if !unlikely => {
                let next = "read the blocked tasks above: something in the kernel waits for ever";
                Err(Trouble::new(HarnessFailure::NoAnswer, what, next).into())
            }
            seen => Ok(Seen::of(seen)),
        }
    }
}

impl Play for RewriteUntil {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        const BATCH: usize = 32;
        let (at, wanted) = (session.block(&self.at), self.is);
        let of = session.scenario.blocks[&self.at].on;
        let limit = session.patience(Duration::from_millis(self.within_ms));
        let (began, mut writes) = (Instant::now(), 0);
        // Not `poll`: the block must not cool down.
        loop {
            let (reached, state) = state_is(session, of, wanted)?;
            let ms = began.elapsed().as_millis();
            if reached {
                return Ok(Seen::Open(format!("after {writes} writes in {ms} ms")));
            }
            if began.elapsed() > limit {
                return Err(session.hung(format!(
                    "the backing device is {state:?}, not {wanted:?}, after {writes} writes in \
                     {ms} ms"
                )));
            }
            // One after the other: each is over the one before.
            session.write(vec![at; BATCH], false, 1)?;
            writes += BATCH;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_come_when_the_disk_has_it_too() {
        for (wanted, word, state) in [
            (LifeState::Clean, "clean", BackingState::Clean),
            (LifeState::Dirty, "dirty", BackingState::Dirty),
            (LifeState::Detached, "no cache", BackingState::None),
        ] {
            assert!(has_come(wanted, Some(word), Some(state)));
            assert!(!has_come(wanted, Some(word), Some(BackingState::Stale)), "{wanted:?}");
            assert!(!has_come(wanted, Some(word), None), "{wanted:?}");
            assert!(!has_come(wanted, Some("inconsistent"), Some(state)), "{wanted:?}");
        }
        assert!(has_come(LifeState::SetGone, Some("no cache"), None));
        assert!(has_come(LifeState::Stopped, None, Some(BackingState::Dirty)));
        assert!(!has_come(LifeState::Stopped, Some("clean"), Some(BackingState::Clean)));
    }
}
