// SPDX-License-Identifier: MIT OR Apache-2.0
//! The machine goes down, comes up, and is judged.

use super::play::{Play, Seen};
use crate::bcache;
use crate::session::Session;
use crate::trouble::Stop;
use evidence::HarnessFailure;
use scenario::{Boot, Cut, Judge, Volume};

impl Play for Cut {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let seed = session.seed;
        let lose = self.lose.as_ref().map(|place| (place, self.lose_on));
        let report = session.cut(self.kind, self.open, lose, || seed);
        session.testimony.witness.cut(report.kind, session.scenario.bcache.cache_mode);
        Ok(Seen::Done)
    }
}

impl Play for Boot {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        match session.boot_again(self.register, self.kernel.as_ref()) {
            Err(Stop::Trouble(refusal)) if refusal.what == HarnessFailure::GuestRefused => {
                session.flaw(format!("the kernel does not take the disks: {}", refusal.message));
                session.without_cache = true;
                return Ok(Seen::Done);
            }
            // The guest is up, and its disks answer.
            Err(Stop::Trouble(silence)) if silence.what == HarnessFailure::NoAnswer => {
                return Err(session.hung(format!("registering does not end: {}", silence.message)));
            }
            up => up?,
        }
        if self.kernel.is_some() {
            let version = session.guest()?.read_file("/proc/version")?;
            let words: Vec<&str> = version.split_whitespace().take(3).collect();
            session.note(format!("booted another kernel: {}", words.join(" ")));
        }
        let guest = session.guest()?;
        let backed = Volume::backed(&session.volumes);
        let states = backed.map(|(of, _)| bcache::state(&guest, of));
        let states = states.collect::<Result<Vec<_>, _>>()?;
        for state in states {
            session.note(format!("after the boot the backing device's state is {state:?}"));
        }
        Ok(Seen::Done)
    }
}

impl Play for Judge {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        session.judge().map(Seen::Judged)
    }
}
