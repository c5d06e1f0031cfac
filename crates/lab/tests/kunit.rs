// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tracker's KUnit tests, in the kernel, in Rust and in C. They run before
//! the guest's first process; `cargo xtask test` builds the kernels.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests
#![cfg(feature = "vm-tests")]

use lab::{KunitCase, KunitEnd, kunit_cases};
use proc::Cancel;
use std::path::PathBuf;
use std::time::Duration;
use vm::{Accel, Vm, VmConfig};

/// Boots an arm and reads its console.
fn boot(arm: &str) -> Vec<KunitCase> {
    let path = |variable: String| -> PathBuf {
        let value = std::env::var_os(&variable);
        value.unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test`")).into()
    };
    let kernel = path(format!("BCLAB_KERNEL_{}", arm.to_uppercase().replace('-', "_")));
    let accel = match std::env::var("BCLAB_ACCEL").as_deref() {
        Ok("kvm") => Accel::Kvm,
        _ => Accel::Tcg,
    };
    let dir = tempfile::tempdir().unwrap();
    let initramfs = path("BCLAB_INITRAMFS".to_owned());
    let mut config = VmConfig::new(kernel, initramfs, accel, dir.path().join("boot"));
    // KTAP is printed with KERN_INFO, which `quiet` keeps off the console.
    config.cmdline_extra.push("ignore_loglevel".to_owned());
    // Built from allnoconfig, KUnit is there but neither enabled nor started
    // by itself: without these words not one case runs, and nothing says so.
    config.cmdline_extra.extend(["kunit.enable=1", "kunit.autorun=1"].map(str::to_owned));
    config.boot_deadline = Duration::from_secs(180);
    drop(Vm::boot(&config, &Cancel::new()).unwrap());
    let console = std::fs::read(dir.path().join("boot/console.log")).unwrap();
    let cases = kunit_cases(&String::from_utf8_lossy(&console)).unwrap();
    println!("{arm}: {cases:#?}");
    // The kernel's own suites for Rust come along.
    cases.into_iter().filter(|case| case.name.starts_with("bcache_inflight/")).collect()
}

fn failed(cases: &[KunitCase]) -> Vec<&KunitCase> {
    cases.iter().filter(|case| matches!(case.end, KunitEnd::Failed(_))).collect()
}

fn skipped(cases: &[KunitCase]) -> usize {
    cases.iter().filter(|case| matches!(case.end, KunitEnd::Skipped(_))).count()
}

#[test]
fn the_tracker_in_rust_passes_all() {
    let cases = boot("kunit");
    assert!(failed(&cases).is_empty());
    assert_eq!(skipped(&cases), 0);
    assert!(cases.len() >= 5);
}

#[test]
fn the_tracker_in_c_passes_all_but_exactness() {
    let cases = boot("kunit-c");
    assert!(failed(&cases).is_empty());
    assert_eq!(skipped(&cases), 1, "chunks are not exact");
    assert!(cases.len() >= 5);
}

/// Were the kernel's tests not able to fail, they would show nothing.
#[test]
fn counters_of_16_bits_are_found_out() {
    let cases = boot("mutant-16-bit");
    let failed = failed(&cases);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0].name, "bcache_inflight/inflight_many");
}
