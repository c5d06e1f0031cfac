// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guest that these tests boot. `cargo xtask test` builds a kernel and an
//! image and names them in the environment.

use proc::Cancel;
use std::path::PathBuf;
use std::time::Duration;
use vm::{Accel, Vm, VmConfig};
use wire::{Answer, Op};

pub const LONG: Duration = Duration::from_secs(60);

/// A configuration in a directory of its own.
pub fn config() -> (VmConfig, tempfile::TempDir) {
    let path = |name: &str| -> PathBuf {
        let value = std::env::var_os(name);
        value.unwrap_or_else(|| panic!("{name} is not set: run `cargo xtask test`")).into()
    };
    let (kernel, initramfs) = (path("BCLAB_KERNEL_BASE"), path("BCLAB_INITRAMFS"));
    let accel = std::env::var("BCLAB_ACCEL").unwrap_or_default();
    let accel = if accel.eq_ignore_ascii_case("kvm") { Accel::Kvm } else { Accel::Tcg };
    let dir = tempfile::tempdir().unwrap();
    let config = VmConfig::new(kernel, initramfs, accel, dir.path().join("boot"));
    (config, dir)
}

#[allow(dead_code, reason = "not every test file calls the agent")]
pub fn call(vm: &Vm, op: Op) -> Answer {
    vm.call(op, LONG, &Cancel::new()).unwrap()
}

#[allow(dead_code, reason = "not every test file looks at processes")]
pub fn alive(pid: u32) -> bool {
    // A zombie is dead for our purpose: state Z in /proc/pid/stat.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}
