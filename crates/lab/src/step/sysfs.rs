// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a scenario sets and asks of bcache in sysfs.

use super::play::{Play, Seen};
use crate::bcache;
use crate::guest::Attendant;
use crate::session::Session;
use crate::trouble::Stop;
use scenario::{CheckCounter, Set, SetCacheMode, Setting};
use std::time::{Duration, Instant};

const ASK_AGAIN: Duration = Duration::from_millis(100);

impl Play for SetCacheMode {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        bcache::set_cache_mode(&session.guest()?, self.to)?;
        Ok(Seen::Done)
    }
}

impl Play for Set {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let guest = session.guest()?;
        if self.setting != Setting::WritethroughFua {
            bcache::set(&guest, self.setting, &self.value)?;
        } else if !bcache::set_writethrough_fua(&guest, &self.value)? {
            session.note("this kernel has no writethrough_fua");
        }
        Ok(Seen::Done)
    }
}

impl Play for CheckCounter {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let file = self.name.file();
        let before = session.named.counters.get(&self.name).copied().unwrap_or(0);
        let deadline = Instant::now() + session.patience(Duration::from_millis(self.within_ms));
        let said = loop {
            let Some(now) = bcache::counter(&session.guest()?, self.name)? else {
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
