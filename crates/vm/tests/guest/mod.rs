// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guest that these tests boot.

#[path = "../built/mod.rs"]
mod built;

use proc::Cancel;
use std::time::Duration;
use vm::{Vm, VmConfig};
use wire::{Answer, Op};

pub const LONG: Duration = Duration::from_secs(60);

/// A configuration in a directory of its own.
pub fn config() -> (VmConfig, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let (kernel, initramfs, accel) = (built::kernel("base"), built::initramfs(), built::accel());
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
