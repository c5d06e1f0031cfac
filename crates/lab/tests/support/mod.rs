// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cases for the tests with machines.
#![allow(dead_code, clippy::unwrap_used, reason = "each test program uses its own part")]

#[path = "../../../vm/tests/built/mod.rs"]
mod built;

use evidence::Case;
use lab::{ArmImage, CaseSpec, Left, Tools, run_case};
use proc::Cancel;
use scenario::Scenario;
use std::path::{Path, PathBuf};

/// A folder or file of the checkout.
pub fn repo(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(below)
}

/// The kernel of an arm.
pub fn image(arm: &str) -> ArmImage {
    ArmImage { name: arm.to_owned(), kernel: built::kernel(arm) }
}

pub fn tools() -> Tools {
    let profiles = repo("workloads/disks");
    let (initramfs, accel) = (built::initramfs(), built::accel());
    Tools { initramfs, accel, profiles, ..Tools::default() }
}

pub fn scenario_text(name: &str) -> String {
    std::fs::read_to_string(repo("workloads/scenarios").join(name)).unwrap()
}

pub fn parse(text: &str) -> Scenario {
    scenario::parse(Path::new("test.toml"), text).unwrap()
}

/// Plays a case once, in a folder that goes away.
pub fn play(arm: &str, scenario: &Scenario) -> Case {
    let out = tempfile::tempdir().unwrap();
    play_in(out.path(), arm, scenario, None)
}

pub fn play_in(out: &Path, arm: &str, scenario: &Scenario, left: Option<Left>) -> Case {
    let image = image(arm);
    let spec = CaseSpec::new(&image, scenario, 1, 1).from_what_was_left(left);
    let case = run_case(&spec, &tools(), out, &|_| {}, &Cancel::new()).unwrap();
    println!("{case:#?}");
    case
}
