// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a scenario sets and asks of bcache in sysfs.

use super::play::{Play, Seen};
use crate::bcache;
use crate::session::Session;
use crate::trouble::Stop;
use scenario::{CheckCounter, Resize, Set, SetCacheMode, Volume};
use std::time::Duration;

/// A sum may take a quarter of a minute, and each look takes the guest's time.
const ASK_AGAIN: Duration = Duration::from_millis(100);

impl Play for SetCacheMode {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        bcache::set_cache_mode(&session.guest()?, &these(session, self.of), self.to)?;
        Ok(Seen::Done)
    }
}

impl Play for Set {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let volumes = these(session, self.of);
        if !self.setting.is_ours() {
            bcache::set(&session.guest()?, &volumes, self.setting, &self.value)?;
            return Ok(Seen::Done);
        }
        for (of, _) in Volume::backed(&volumes) {
            if !bcache::set_if_there(&session.guest()?, of, self.setting, &self.value)? {
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

/// The device that is named, or all.
fn these(session: &Session<'_>, named: Option<Volume>) -> Vec<Volume> {
    named.map_or_else(|| session.volumes.clone(), |of| vec![of])
}

impl Play for CheckCounter {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let file = self.name.file();
        let before = session.named.counters.get(&self.name).copied().unwrap_or(0);
        let limit = session.patience(Duration::from_millis(self.within_ms));
        let said = session.poll(limit, ASK_AGAIN, |session| {
            let Some(now) = bcache::counter(&session.guest()?, &session.volumes, self.name)? else {
                return Ok(Ok(format!("this kernel does not count {file}")));
            };
            session.named.counters.insert(self.name, now);
            Ok(self.said(now, now.saturating_sub(before)))
        })?;
        match said {
            Ok(held) => session.note(held),
            Err(flaw) => session.flaw(flaw),
        }
        Ok(Seen::Done)
    }
}
