// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small exploration on a real kernel. `cargo xtask test` builds what it
//! boots and tells it where that is; see `xtask/src/test.rs`.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests
#![cfg(feature = "vm-tests")]

use lab::explore::{Expectations, Exploration, Spec, explore};
use lab::{ArmImage, Tools};
use proc::Cancel;
use std::path::{Path, PathBuf};
use vm::Accel;

fn path(variable: &str) -> PathBuf {
    std::env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test`"))
        .into()
}

fn explored(name: &str, kernel: &str, limit: usize, dir: &Path) -> Exploration {
    let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let scenarios = lab::load_all(&repo.join("workloads/scenarios")).unwrap();
    let expectations = Expectations::load(&repo.join("workloads/explore.toml")).unwrap();
    let accel = match std::env::var("BCLAB_ACCEL").as_deref() {
        Ok("kvm") => Accel::Kvm,
        _ => Accel::Tcg,
    };
    let tools = Tools { initramfs: path("BCLAB_INITRAMFS"), accel, ..Tools::default() };
    let spec = Spec {
        arm: &ArmImage { name: name.to_owned(), kernel: path(kernel) },
        scenario: scenarios.iter().find(|scenario| scenario.id == "S2").unwrap(),
        tools: &tools,
        seed: 1,
        limit: Some(limit),
        expectations: &expectations,
    };
    let found = explore(&spec, dir, &|_| {}, &Cancel::new()).unwrap();
    println!("{found:#?}");
    found
}

/// The unpatched kernel under the name of an arm that must be clean: the stale
/// key is found, a cold boot agrees with the restored machine, and it counts as
/// unexpected. A second, larger exploration in the same folder tries only what
/// is new.
#[test]
fn the_stale_key_of_base_is_found_confirmed_and_unexpected_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let found = explored("ordered", "BCLAB_KERNEL_BASE", 12, dir.path());
    let example =
        found.counterexamples.iter().find(|e| e.kind.0 == "stale/past-invalidation").unwrap();
    assert!(example.confirmed && !example.expected);
    assert!(example.story.iter().any(|line| line.contains("let go of")), "{:?}", example.story);
    assert_eq!(found.exit_code(), 1);
    assert_eq!((found.tried, found.tried_now), (12, 12));
    let more = explored("ordered", "BCLAB_KERNEL_BASE", 13, dir.path());
    assert_eq!(more.tried, 13);
    assert!(more.tried_now < 13, "{} were tried again", more.tried_now);
}
