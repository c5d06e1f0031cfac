// SPDX-License-Identifier: MIT OR Apache-2.0
//! The machine goes down, comes up, and is judged.

use super::play::{Play, Seen};
use crate::bcache;
use crate::session::Session;
use crate::trouble::Stop;
use scenario::{Boot, Cut, Judge};

impl Play for Cut {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let seed = session.seed;
        let report = session.cut(self.kind, self.open, || seed);
        session.testimony.witness.cut(report.kind, session.scenario.bcache.cache_mode);
        Ok(Seen::Done)
    }
}

impl Play for Boot {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        session.boot_again()?;
        let state = bcache::state(&session.guest()?)?;
        session.note(format!("after the boot the backing device's state is {state:?}"));
        Ok(Seen::Done)
    }
}

impl Play for Judge {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        session.judge().map(Seen::Judged)
    }
}
