// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guest's clock, which must not depend on how busy the host is.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod guest;

use guest::{call, config};
use proc::Cancel;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use vm::{Accel, Vm, VmConfig};
use wire::{Answer, Op};

fn text(vm: &Vm, path: &str) -> String {
    match call(vm, Op::ReadFile { path: path.into() }) {
        Answer::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

fn uptime(vm: &Vm) -> f64 {
    text(vm, "/proc/uptime").split(' ').next().unwrap().parse().unwrap()
}

/// Guest seconds in a host second, and the guest's clock source. On a busy host an
/// answer comes late, so how long the host counts from one reading to the other is
/// known within bounds only; a clock within them is right.
fn pace(config: &VmConfig) -> (f64, String) {
    let vm = Vm::boot(config, &Cancel::new()).unwrap();
    let asked = Instant::now();
    let from = uptime(&vm);
    let answered = Instant::now();
    std::thread::sleep(Duration::from_secs(3));
    let least = answered.elapsed().as_secs_f64();
    let guest = uptime(&vm) - from;
    let host = guest.clamp(least, asked.elapsed().as_secs_f64());
    let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    (guest / host, text(&vm, source).trim().to_owned())
}

/// With more busy threads than processors, where the guest's own calibration
/// fails.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn the_guests_clock_is_right_on_a_busy_host() {
    let (config, _dir) = config();
    let busy = AtomicBool::new(true);
    let threads = 4 * std::thread::available_parallelism().unwrap().get();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while busy.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let (pace, source) = pace(&config);
        busy.store(false, Ordering::Relaxed);
        assert_eq!(source, if config.accel == Accel::Tcg { "tsc" } else { "kvm-clock" });
        // An answer can come late by some scheduling turns.
        assert!((pace - 1.0).abs() < 0.1, "{pace} guest seconds in a host second");
    });
}

/// The guest believes what it is told: a wrong word shows.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_wrong_frequency_shows() {
    let (mut config, _dir) = config();
    if config.accel == Accel::Kvm {
        return;
    }
    config.cmdline_extra.push("tsc_early_khz=20000000".into());
    let (pace, _) = pace(&config);
    assert!(pace < 0.5, "{pace} guest seconds in a host second");
}
