// SPDX-License-Identifier: MIT OR Apache-2.0
//! The machine goes down, comes up, and is judged.

use super::play::{Play, Seen};
use crate::bcache;
use crate::session::Session;
use crate::trouble::Stop;
use scenario::{Boot, CacheMode, Cut, CutKind, Judge, OpenWrites};
use vdisk::Policy;

impl Play for Cut {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let policy = match self.open {
            OpenWrites::Drop => Policy::DropAll,
            OpenWrites::Keep => Policy::KeepAll,
            OpenWrites::Random => Policy::Seeded(session.seed),
        };
        let (kind, word) = match self.kind {
            CutKind::Power => (vdisk::CutKind::Power, "power"),
            CutKind::Reset => (vdisk::CutKind::Reset, "reset"),
        };
        let report = session.rig.cut(kind, policy);
        session.machine_down();
        // Every mode but writeback acknowledges from the backing device.
        let mode = session.scenario.bcache.cache_mode;
        session.witness.cut(kind == vdisk::CutKind::Reset && mode != CacheMode::Writeback);
        let (at_event, writes_lost) = (report.at_event, report.lost.len() as u64);
        session.cuts.push(evidence::Cut { kind: word.to_owned(), at_event, writes_lost });
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
