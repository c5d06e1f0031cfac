// SPDX-License-Identifier: MIT OR Apache-2.0
//! The file systems that the rest expects.

use crate::failure::{Doing, Failure};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};

/// Type, where, and whether a kernel may lack it.
const MOUNTS: &[(&str, &str, bool)] = &[
    ("proc", "/proc", false),
    ("sysfs", "/sys", false),
    ("devtmpfs", "/dev", false),
    ("tmpfs", "/tmp", true),
    ("debugfs", "/sys/kernel/debug", true),
    ("tracefs", "/sys/kernel/tracing", true),
];

/// Mounts everything; goes on after a failure and returns the first.
///
/// # Errors
/// A file system that the lab cannot do without is missing.
pub fn mount_all() -> Result<(), Failure> {
    let mut first = Ok(());
    for &(kind, target, optional) in MOUNTS {
        // Exists in the image, or is sysfs's own directory.
        let _ = std::fs::create_dir(target);
        match mount(kind, target, kind, MountFlags::empty(), None) {
            // EBUSY: the kernel mounted it itself (CONFIG_DEVTMPFS_MOUNT).
            Ok(()) | Err(Errno::BUSY) => {}
            Err(_) if optional => {}
            Err(errno) => {
                first = first.and(Err(errno).doing(|| format!("mounting {kind} on {target}")));
            }
        }
    }
    first
}
