// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the machine tests boot: `cargo xtask test` builds it and tells where
//! it is; see `xtask/src/test.rs`.
#![allow(dead_code, clippy::unwrap_used, reason = "each test program uses its own part")]

use lab::{ArmImage, Tools};
use scenario::Scenario;
use std::path::{Path, PathBuf};
use vm::Accel;

fn path(variable: &str) -> PathBuf {
    std::env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test`"))
        .into()
}

/// A folder or file of the checkout.
pub fn repo(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(below)
}

/// The kernel of an arm, `base`, `rust` or `panics`.
pub fn image(arm: &str) -> ArmImage {
    let kernel = path(&format!("BCLAB_KERNEL_{}", arm.to_uppercase()));
    ArmImage { name: arm.to_owned(), kernel }
}

pub fn tools() -> Tools {
    let accel = match std::env::var("BCLAB_ACCEL").as_deref() {
        Ok("kvm") => Accel::Kvm,
        _ => Accel::Tcg,
    };
    Tools { initramfs: path("BCLAB_INITRAMFS"), accel, ..Tools::default() }
}

pub fn scenario_text(name: &str) -> String {
    std::fs::read_to_string(repo("workloads/scenarios").join(name)).unwrap()
}

pub fn parse(text: &str) -> Scenario {
    scenario::parse(Path::new("test.toml"), text).unwrap()
}
