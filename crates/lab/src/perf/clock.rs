// SPDX-License-Identifier: MIT OR Apache-2.0
//! A clock for the guest.
//!
//! Under emulation the guest's kernel has only the PIT to calibrate its time
//! stamp counter with. On a busy host that fails ("Fast TSC calibration
//! failed"), and the kernel falls back to jiffies: latencies in steps of 4 ms
//! (seen on 7.3.4). TCG hands out the host's own counter, so the host can say
//! how fast it runs.

use std::time::{Duration, Instant};

/// The word for the kernel's command line that tells it the counter's speed;
/// none where the host has no such counter.
#[must_use]
pub fn words() -> Vec<String> {
    khz().map(|khz| format!("tsc_early_khz={khz}")).into_iter().collect()
}

/// Speed of the host's time stamp counter in kHz, measured for 100 ms.
#[cfg(target_arch = "x86_64")]
fn khz() -> Option<u64> {
    let now = || {
        // SAFETY: every x86-64 processor has the instruction, and it touches
        // no memory.
        #[allow(unused_unsafe)]
        let ticks = unsafe { std::arch::x86_64::_rdtsc() };
        (Instant::now(), ticks)
    };
    let (began, first) = now();
    std::thread::sleep(Duration::from_millis(100));
    let (ended, last) = now();
    let micros = u64::try_from(ended.duration_since(began).as_micros()).ok()?;
    last.checked_sub(first)?.checked_mul(1000)?.checked_div(micros)
}

#[cfg(not(target_arch = "x86_64"))]
fn khz() -> Option<u64> {
    None
}
