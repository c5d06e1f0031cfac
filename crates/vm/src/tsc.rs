// SPDX-License-Identifier: MIT OR Apache-2.0
//! How fast the guest's time-stamp counter runs.
//!
//! A guest finds out by racing its counter against an emulated timer
//! (`quick_pit_calibrate`, `pit_calibrate_tsc` in `arch/x86/kernel/tsc.c`). On
//! a busy host that race goes wrong, the kernel gives the counter up, and all
//! its clocks tick in jiffies of 4 ms. TCG passes the host's counter through
//! (`cpu_get_host_ticks`), so the host can say the frequency.

use std::sync::OnceLock;

/// The kernel's word for it, where the host knows the frequency.
pub fn word() -> Option<String> {
    static KHZ: OnceLock<Option<u64>> = OnceLock::new();
    KHZ.get_or_init(khz).map(|khz| format!("tsc_early_khz={khz}"))
}

/// Whether the counter runs at one speed, whatever the processor does.
#[cfg(target_arch = "x86_64")]
fn steady() -> bool {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = info.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    let has = |flag: &str| flags.split_whitespace().any(|word| word == flag);
    has("constant_tsc") && has("nonstop_tsc")
}

/// Ticks a millisecond, against the monotonic clock.
#[cfg(target_arch = "x86_64")]
fn khz() -> Option<u64> {
    use std::time::{Duration, Instant};

    /// A time and the counter, read together: the closest of some pairs.
    fn pair() -> (Instant, u64) {
        // SAFETY: every x86-64 processor has the instruction, and user space
        // may use it (Linux does not set CR4.TSD unless asked to by prctl).
        let ticks = || unsafe { core::arch::x86_64::_rdtsc() };
        let readings = (0..16).map(|_| {
            let (before, now, after) = (ticks(), Instant::now(), ticks());
            (after.wrapping_sub(before), now, before)
        });
        let (width, now, before) = readings.min_by_key(|reading| reading.0).unwrap_or_else(|| {
            let (now, ticks) = (Instant::now(), ticks());
            (0, now, ticks)
        });
        (now, before.wrapping_add(width / 2))
    }
    if !steady() {
        return None;
    }
    let (start, first) = pair();
    std::thread::sleep(Duration::from_millis(20));
    let (end, last) = pair();
    let ns = (end - start).as_nanos();
    let khz = u128::from(last.wrapping_sub(first)) * 1_000_000 / ns.max(1);
    // What lies outside is no processor's frequency.
    u64::try_from(khz).ok().filter(|khz| (100_000..20_000_000).contains(khz))
}

/// Other hosts emulate a counter of their own.
#[cfg(not(target_arch = "x86_64"))]
fn khz() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn two_measurements_agree() {
        let (Some(one), Some(two)) = (super::khz(), super::khz()) else { return };
        assert!(one.abs_diff(two) * 1000 < one, "{one} and {two} kHz");
    }
}
