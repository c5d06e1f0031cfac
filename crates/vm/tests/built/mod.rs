// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests with machines boot, in this crate and in those above it:
//! `cargo xtask test` builds it and names it in the environment
//! (`xtask/src/test.rs`).

use std::path::PathBuf;
use vm::Accel;

fn path(variable: &str) -> PathBuf {
    let value = std::env::var_os(variable);
    value.unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test`")).into()
}

/// The kernel of an arm, such as `base`, `kunit-c` or `panics`.
pub fn kernel(arm: &str) -> PathBuf {
    path(&format!("BCLAB_KERNEL_{}", arm.to_uppercase().replace('-', "_")))
}

pub fn initramfs() -> PathBuf {
    path("BCLAB_INITRAMFS")
}

pub fn accel() -> Accel {
    let kvm = std::env::var("BCLAB_ACCEL").is_ok_and(|name| name.eq_ignore_ascii_case("kvm"));
    if kvm { Accel::Kvm } else { Accel::Tcg }
}
