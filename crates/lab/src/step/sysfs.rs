// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a scenario sets and asks of bcache in sysfs.

use super::play::{Play, Seen};
use crate::bcache;
use crate::guest::Attendant;
use crate::session::Session;
use crate::trouble::Stop;
use scenario::{CheckCounter, Resize, Set, SetCacheMode, Volume};
use std::time::{Duration, Instant};

const ASK_AGAIN: Duration = Duration::from_millis(100);

impl Play for SetCacheMode {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        bcache::set_cache_mode(&session.guest()?, &these(session, self.of), self.to)?;
        Ok(Seen::Done)
    }
}

impl Play for Set {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        for of in these(session, self.of) {
            let guest = session.guest()?;
            if !self.setting.is_ours() {
                bcache::set(&guest, of, self.setting, &self.value)?;
            } else if !bcache::set_if_there(&guest, of, self.setting, &self.value)? {
                session.note(format!("this kernel has no {}", self.setting.file()));
            }
        }
        Ok(Seen::Done)
    }
}

impl Play for Resize {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        bcache::resize_flash(&session.guest()?, self.mib)?;
        Ok(Seen::Done)
    }
}

/// The device that is named, or all that have a backing device.
fn these(session: &Session<'_>, named: Option<Volume>) -> Vec<Volume> {
    let backed = Volume::backed(&session.volumes).map(|(of, _)| of);
    named.map_or_else(|| backed.collect(), |of| vec![of])
}

impl Play for CheckCounter {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let file = self.name.file();
        let before = session.named.counters.get(&self.name).copied().unwrap_or(0);
        let deadline = Instant::now() + session.patience(Duration::from_millis(self.within_ms));
        let said = loop {
            let Some(now) = bcache::counter(&session.guest()?, &session.volumes, self.name)? else {
                session.note(format!("this kernel does not count {file}"));
                return Ok(Seen::Done);
            };
            session.named.counters.insert(self.name, now);
            let said = self.said(now, now.saturating_sub(before));
            if said.is_ok() || Instant::now() >= deadline {
                break said;
            }
            session.cancel.check()?;
            session.attend();
            std::thread::sleep(ASK_AGAIN);
        };
        match said {
            Ok(held) => session.note(held),
            Err(flaw) => session.flaw(flaw),
        }
        Ok(Seen::Done)
    }
}
