// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guest that these tests boot. `cargo xtask test` builds a kernel and an
//! image, and names them here; without them there is nothing to boot.

use proc::Cancel;
use std::path::PathBuf;
use std::time::Duration;
use vm::{Accel, Vm, VmConfig};
use wire::{Answer, Op};

pub const LONG: Duration = Duration::from_secs(60);

/// A configuration in a directory of its own, or `None` (said aloud) when
/// there is no kernel and none is demanded.
pub fn config() -> Option<(VmConfig, tempfile::TempDir)> {
    let path = |name| std::env::var_os(name).map(PathBuf::from);
    let images = path("BCLAB_TEST_KERNEL").zip(path("BCLAB_TEST_INITRAMFS"));
    let Some((kernel, initramfs)) = images else {
        let missing = "BCLAB_TEST_KERNEL and BCLAB_TEST_INITRAMFS are not set: \
                       run `cargo xtask test`, which builds both";
        assert!(std::env::var_os("BCLAB_REQUIRE_VM").is_none(), "{missing}");
        eprintln!("not run: {missing}");
        return None;
    };
    let dir = tempfile::tempdir().unwrap();
    let config = VmConfig::new(kernel, initramfs, Accel::Tcg, dir.path().join("boot"));
    Some((config, dir))
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
