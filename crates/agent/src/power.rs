// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ends of a guest.

use crate::failure::{Doing, Failure};
use crate::link::{Link, park_forever};
use rustix::system::{RebootCommand, reboot};
use std::fs;
use wire::{Answer, FromGuest};

const SYSRQ: &str = "/proc/sysrq-trigger";

/// Panics the kernel. Without CONFIG_MAGIC_SYSRQ, PID 1 ends, which the
/// kernel answers with a panic too, and says which it was.
pub fn panic_kernel() -> Result<Answer, Failure> {
    match fs::write(SYSRQ, "c") {
        Ok(()) => park_forever(),
        Err(error) => {
            eprintln!("agent: {SYSRQ}: {error} (CONFIG_MAGIC_SYSRQ?); ending PID 1 instead");
            std::process::exit(70)
        }
    }
}

/// Syncs, answers (nobody could afterwards) and leaves.
pub fn off(link: &Link, id: u64) -> Result<Answer, Failure> {
    rustix::fs::sync();
    link.send(&FromGuest::Answer { id, result: Ok(Answer::Done) });
    // Restart, not power-off: a kernel without ACPI cannot switch the power
    // off and would halt; QEMU runs with `-no-reboot` and ends at a restart.
    reboot(RebootCommand::Restart).doing(|| "restarting".into())?;
    park_forever()
}
