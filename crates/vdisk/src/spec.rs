// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a rig is made of, and what can be wrong with it.

use crate::media::SECTOR;
use crate::profile::Profile;
use std::io;
use std::path::PathBuf;

/// `sun_path` holds 108 bytes with the final zero.
pub(crate) const LONGEST_SOCKET: usize = 107;

/// One disk of a rig.
#[derive(Clone, Debug)]
pub struct DiskSpec {
    /// Its name: letters, digits, `-` and `_`; also the NBD export's name.
    pub name: String,
    /// Its size in sectors (512 B).
    pub sectors: u64,
    /// Whether completed writes may be lost until they are flushed.
    pub volatile_cache: bool,
    /// How fast it is.
    pub profile: Profile,
}

/// Why a rig cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum VdiskError {
    /// A disk's description makes no sense.
    #[error("disk {name:?}: {why}")]
    Spec {
        name: String,
        /// What is wrong and what is allowed.
        why: String,
    },
    /// The socket's path is too long for the kernel.
    #[error("socket path {0} is longer than {LONGEST_SOCKET} bytes; use a shorter directory")]
    LongPath(PathBuf),
    /// The socket cannot be made, or a thread not started.
    #[error("cannot serve a disk on {path}: {source}")]
    Socket {
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The event log cannot be written.
    #[error("cannot write the event log {path}: {source}")]
    Log {
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Refuses what cannot be served.
pub(crate) fn check(specs: &[DiskSpec]) -> Result<(), VdiskError> {
    for (at, spec) in specs.iter().enumerate() {
        let bad =
            |why: &str| Err(VdiskError::Spec { name: spec.name.clone(), why: why.to_owned() });
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if spec.name.is_empty() || !spec.name.chars().all(plain) {
            return bad("a name is made of letters, digits, '-' and '_'");
        }
        if specs[..at].iter().any(|other| other.name == spec.name) {
            return bad("two disks have this name");
        }
        // NBD counts bytes in 64 bits, and QEMU treats them as signed.
        if spec.sectors == 0 || spec.sectors > (i64::MAX as u64) / SECTOR as u64 {
            return bad("a disk has between 1 and 2^54 sectors");
        }
    }
    Ok(())
}
