// SPDX-License-Identifier: MIT OR Apache-2.0
//! The accelerator is chosen by a real boot, once.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod guest;

use guest::config;
use proc::Cancel;
use std::time::Duration;
use vm::{Accel, Probe, ProbeEvent, Vm, accelerator};

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn the_chosen_accelerator_boots_and_is_remembered() {
    let (mut config, dir) = config();
    let probe = Probe {
        kernel: config.kernel.clone(),
        initramfs: config.initramfs.clone(),
        cache: dir.path().join("cache"),
        deadline: Duration::from_secs(20),
    };
    let mut events = Vec::new();
    let mut ask = || accelerator(&probe, &mut |event| events.push(event), &Cancel::new());
    let first = ask().unwrap();
    let again = ask().unwrap();
    assert_eq!(first, again);
    println!("{events:?}");
    let tried = events.iter().filter(|event| matches!(event, ProbeEvent::Trying)).count();
    let remembered = matches!(events.last(), Some(ProbeEvent::Chosen { cached: true, .. }));
    // Where /dev/kvm cannot be opened there is nothing to try or to remember.
    assert_eq!(tried == 1, remembered, "{events:?}");

    config.accel = first;
    Vm::boot(&config, &Cancel::new()).unwrap();
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn an_image_that_does_not_boot_is_not_held_against_tcg() {
    let (config, dir) = config();
    let empty = dir.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    let probe = Probe {
        kernel: config.kernel,
        initramfs: empty,
        cache: dir.path().join("cache"),
        deadline: Duration::from_secs(20),
    };
    assert_eq!(accelerator(&probe, &mut |_| {}, &Cancel::new()).unwrap(), Accel::Tcg);
}
