// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small exploration on a real kernel.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests
#![cfg(feature = "vm-tests")]

#[path = "../../lab/tests/support/mod.rs"]
mod support;

use explore::{Exploration, Spec, explore};
use lab::ArmImage;
use proc::Cancel;
use scenario::Expectations;
use std::path::Path;
use support::{image, repo, tools};

fn explored(name: &str, kernel: &str, limit: usize, dir: &Path) -> Exploration {
    let scenarios = scenario::load_all(&repo("workloads/scenarios")).unwrap();
    let expectations = Expectations::load(&repo("workloads/explore.toml")).unwrap();
    let arm = ArmImage { name: name.to_owned(), ..image(kernel) };
    let spec = Spec {
        arm: &arm,
        scenario: scenarios.iter().find(|scenario| scenario.id == "S2").unwrap(),
        tools: &tools(),
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
