// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps that say whether a tracker does too much: what is kept out of the
//! cache without need, and what the counters say.

use crate::bcache;
use crate::session::Session;
use crate::steps::SHORT_QUIET;
use crate::trouble::Stop;
use evidence::Fact;
use scenario::{Counter, Disk};
use wire::Extent;

impl Session<'_> {
    /// Reads a block that no write in flight overlaps until it is cached. A
    /// single miss may find no free bucket; a skipped one is skipped each time.
    pub fn fill(&mut self, name: &str, at: Extent) -> Result<(), Stop> {
        const TRIES: u32 = 4;
        for attempt in 0..TRIES {
            if self.read_served(at)?.1 == Some(Disk::Ssd) {
                let when = if attempt == 0 { "already".into() } else { format!("by {attempt}") };
                self.note(format!("{name} is cached, {when}"));
                return Ok(());
            }
            self.settle(SHORT_QUIET)?;
        }
        self.flaw(format!("{name} was read {TRIES} times and never cached"));
        Ok(())
    }

    /// Demands something of a counter, where the kernel has it.
    pub fn counter(
        &mut self,
        name: Counter,
        is: Option<u64>,
        grew_by: Option<u64>,
    ) -> Result<(), Stop> {
        let Some(now) = bcache::counter(&self.guest()?, name)? else {
            self.note(format!("this kernel does not count {}", name.file()));
            return Ok(());
        };
        let before = self.counters.insert(name, now).unwrap_or(0);
        let grown = now.saturating_sub(before);
        let file = name.file();
        match (is, grew_by) {
            (Some(wanted), _) if wanted != now => {
                self.flaw(format!("{file} is {now}, not {wanted}"))
            }
            (_, Some(wanted)) if wanted != grown => {
                self.flaw(format!("{file} has grown by {grown}, not by {wanted}"));
            }
            _ => self.note(format!("{file} is {now}, {grown} more than before")),
        }
        Ok(())
    }

    pub(crate) fn flaw(&mut self, what: String) {
        self.note(Fact::Imprecise { detail: what.clone() });
        self.imprecise.push(what);
    }
}
