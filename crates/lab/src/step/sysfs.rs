// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a scenario sets and asks of bcache in sysfs.

use super::play::{Play, Seen};
use crate::bcache;
use crate::session::Session;
use crate::trouble::Stop;
use scenario::{CheckCounter, Set, SetCacheMode, Setting};

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
        let Some(now) = bcache::counter(&session.guest()?, self.name)? else {
            session.note(format!("this kernel does not count {file}"));
            return Ok(Seen::Done);
        };
        let before = session.named.counters.insert(self.name, now).unwrap_or(0);
        let grown = now.saturating_sub(before);
        match (self.is, self.grew_by) {
            (Some(wanted), _) if wanted != now => {
                session.flaw(format!("{file} is {now}, not {wanted}"))
            }
            (_, Some(wanted)) if wanted != grown => {
                session.flaw(format!("{file} has grown by {grown}, not by {wanted}"));
            }
            _ => session.note(format!("{file} is {now}, {grown} more than before")),
        }
        Ok(Seen::Done)
    }
}
