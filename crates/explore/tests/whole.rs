// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small exploration on a real kernel.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

#[path = "../../lab/tests/support/mod.rs"]
mod support;

use explore::{Exploration, ExploreError, Spec, explore};
use lab::{ArmImage, Tools};
use proc::Cancel;
use scenario::Expectations;
use std::path::Path;
use support::{image, repo, tools};

fn try_to_explore(
    arm: &ArmImage,
    tools: &Tools,
    limit: usize,
    dir: &Path,
) -> Result<Exploration, ExploreError> {
    let scenarios = scenario::load_all(&repo("workloads/scenarios")).unwrap();
    let expectations = Expectations::load(&repo("workloads/explore.toml")).unwrap();
    let scenario = scenarios.iter().find(|scenario| scenario.id == "S2").unwrap();
    let (limit, expectations) = (Some(limit), &expectations);
    let spec = Spec { arm, scenario, tools, seed: 1, limit, expectations };
    explore(&spec, dir, &|_| {}, &Cancel::new())
}

fn explored(name: &str, kernel: &str, limit: usize, dir: &Path) -> Exploration {
    let arm = ArmImage { name: name.to_owned(), ..image(kernel) };
    let found = try_to_explore(&arm, &tools(), limit, dir).unwrap();
    println!("{found:#?}");
    found
}

/// The unpatched kernel under the name of an arm that must be clean: the stale
/// key is found, a cold boot agrees with the restored machine, and it counts as
/// unexpected. A second, larger exploration in the same folder tries only what
/// is new.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn the_stale_key_of_base_is_found_confirmed_and_unexpected_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let found = explored("ordered", "base", 12, dir.path());
    let example =
        found.counterexamples.iter().find(|e| e.kind.to_string() == "stale/late-fill").unwrap();
    assert!(example.confirmed && !example.expected);
    assert!(example.story.iter().any(|line| line.contains("let go of")), "{:?}", example.story);
    assert_eq!(found.exit_code(), 1);
    assert_eq!((found.tried, found.tried_now), (12, 12));
    let more = explored("ordered", "base", 13, dir.path());
    assert_eq!(more.tried, 13);
    assert!(more.tried_now < 13, "{} were tried again", more.tried_now);
}

/// The kernel says something about itself when a device is registered: then no
/// recording is one, and no state is good.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_kernel_that_reports_is_no_good_one() {
    let dir = tempfile::tempdir().unwrap();
    let recorded = try_to_explore(&image("warns"), &tools(), 1, &dir.path().join("all"));
    let why = recorded.unwrap_err().to_string();
    assert!(why.contains("kernel-report"), "{why}");

    // Recorded on a kernel that says nothing, tried on one that does.
    let arm = ArmImage { name: "base".to_owned(), kernel: dir.path().join("kernel") };
    let (quiet, warns) = (image("base").kernel, image("warns").kernel);
    std::fs::copy(quiet, &arm.kernel).unwrap();
    let out = dir.path().join("states");
    try_to_explore(&arm, &tools(), 1, &out).unwrap();
    std::fs::copy(warns, &arm.kernel).unwrap();
    let found = try_to_explore(&arm, &tools(), 3, &out).unwrap();
    println!("{found:#?}");
    let reported = |(kind, _): (&scenario::Kind, _)| kind.to_string() == "unusable/kernel-report";
    assert!(found.kinds.iter().any(reported), "{:?}", found.kinds);
}
