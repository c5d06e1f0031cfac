// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rigs to test, and the clients that test them.
#![allow(dead_code)] // each test program uses its own part
#![allow(clippy::unwrap_used)] // tests; clippy does not see that here

pub mod client;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;
use vdisk::{DiskSpec, Profile, Rig};

pub const MIB: u64 = 1 << 20;

/// A rig with two disks of `bytes`, "ssd" and "hdd".
pub fn rig(bytes: u64, volatile_cache: bool) -> (TempDir, Rig) {
    let dir = tempfile::tempdir().unwrap();
    let spec = |name: &str| DiskSpec {
        name: name.to_owned(),
        sectors: bytes / 512,
        volatile_cache,
        profile: Profile::none(),
    };
    let rig = Rig::new(dir.path(), vec![spec("ssd"), spec("hdd")]).unwrap();
    (dir, rig)
}

pub fn uri(rig: &Rig, disk: &str) -> String {
    format!("nbd+unix:///{disk}?socket={}", rig.socket(disk).display())
}

/// The system's own program; a missing one fails the test.
pub fn tool(name: &str) -> PathBuf {
    let found =
        ["/usr/bin", "/bin", "/usr/local/bin"].iter().map(|dir| PathBuf::from(dir).join(name));
    let runs = |path: &PathBuf| path.metadata().is_ok_and(|m| m.permissions().mode() & 0o111 != 0);
    found
        .into_iter()
        .find(runs)
        .unwrap_or_else(|| panic!("{name} is not installed; `cargo xtask setup` installs it"))
}

/// Runs a client to its end, which must be a good one; its output.
pub fn run(command: &mut Command) -> String {
    // Stock interpreters only: nbdsh is a Python of the system.
    command.env("PATH", "/usr/bin:/bin:/usr/local/bin").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let out = command.output().unwrap();
    let (good, bad) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{command:?}: {}\n{good}{bad}", out.status);
    good.into_owned()
}

/// Runs Python with `h` connected to a disk, metadata contexts included.
pub fn nbdsh(rig: &Rig, disk: &str, script: &str) -> String {
    let script = format!(
        "h.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION)\nh.connect_uri({:?})\n{script}",
        uri(rig, disk)
    );
    run(Command::new(tool("nbdsh")).args(["-c", "import nbd", "-c", &script]))
}
