// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for the disks and the guest, and what they wait for when they do not
//! go on.

use crate::guest::{ATTEND_EVERY, Attendant, PATIENCE};
use crate::session::{OVERLOADED, Session};
use crate::trouble::{Stop, Trouble};
use evidence::HarnessFailure;
use std::time::{Duration, Instant};
use vm::Vm;

/// How often the disks' events are looked at, which the guest does not notice.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(2);

impl Session<'_> {
    /// Waits until neither disk has had a request for `quiet`, which is the time
    /// that a plain kernel may think before the next one.
    pub fn settle(&mut self, quiet: Duration) -> Result<(), Stop> {
        let quiet = self.patience(quiet);
        let deadline = Instant::now() + self.patience(PATIENCE);
        let mut last = (self.rig.now(), Instant::now());
        while last.1.elapsed() < quiet {
            self.cancel.check()?;
            if Instant::now() > deadline {
                return Err(Trouble::new(
                    HarnessFailure::NeverQuiet,
                    "the disks did not become quiet",
                    OVERLOADED,
                )
                .into());
            }
            std::thread::sleep(Duration::from_millis(2));
            let position = self.rig.now();
            if position != last.0 {
                last = (position, Instant::now());
            }
        }
        Ok(())
    }

    /// Asks every so often until something is so, with the disks attended; what was said
    /// last when it is not in time. A question that cannot be asked ends it.
    pub(crate) fn poll<E>(
        &mut self,
        limit: Duration,
        every: Duration,
        mut ask: impl FnMut(&mut Self) -> Result<Result<String, E>, Stop>,
    ) -> Result<Result<String, E>, Stop> {
        let deadline = Instant::now() + limit;
        let mut attended = Instant::now();
        loop {
            self.cancel.check()?;
            if attended.elapsed() > ATTEND_EVERY {
                self.attend();
                attended = Instant::now();
            }
            let said = ask(self)?;
            if said.is_ok() || Instant::now() > deadline {
                return Ok(said);
            }
            std::thread::sleep(every);
        }
    }

    /// What was begun does not end: with what the guest says of its blocked tasks.
    pub(crate) fn hung(&mut self, what: String) -> Stop {
        self.note(format!("hung: {what}"));
        let report = self.diagnose();
        report.lines().for_each(|line| self.note(line));
        Stop::Hung
    }

    /// What a guest that lives but does not answer is waiting for: requests in
    /// flight per device, and the kernel's own list of blocked tasks.
    pub fn diagnose(&self) -> String {
        let Ok(guest) = self.guest() else { return String::new() };
        let mut report = String::new();
        for disk in ["vda", "vdb", "vdc", "bcache0", "bcache1"] {
            if let Ok(text) = guest.read_file(&format!("/sys/block/{disk}/inflight")) {
                report.push_str(&format!("in flight at {disk} (reads, writes): {}\n", text.trim()));
            }
        }
        // Blocked tasks with their stacks, on the console.
        if guest.write_file("/proc/sysrq-trigger", "w").is_ok() {
            std::thread::sleep(Duration::from_millis(300));
            report.push_str(&self.vm().map(Vm::console_tail).unwrap_or_default());
        }
        report
    }
}
