// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong between us and the archive.

use std::io;
use std::path::{Path, PathBuf};

/// Every message names what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum AptError {
    /// The machine has no apt.
    #[error(
        "{0} not found, which fetching Debian's signed packages takes; `cargo xtask setup --check` \
         says what to install, and --kernel-src also takes a directory, a tarball or a git tree"
    )]
    NoApt(&'static str),
    /// The system's apt configuration names no mirror of Debian.
    #[error(
        "no Debian mirror in the system's apt configuration (`apt-get indextargets` lists what \
         is): add one there, or give --kernel-src a directory, a tarball or a git tree"
    )]
    NoMirror,
    /// Without the keyring no signature can be checked.
    #[error("Debian's archive keyring is missing: apt-get install debian-archive-keyring")]
    NoKeyring,
    /// The mirror cannot be reached.
    #[error("no network while fetching {what}; it said:\n{tail}")]
    NoNetwork {
        /// What was being fetched.
        what: String,
        /// The last lines of apt's output.
        tail: String,
    },
    /// Known to none of the suites in use.
    #[error("no package {package} in {suites}")]
    NoSuchPackage {
        package: String,
        /// The suites that were searched.
        suites: String,
    },
    /// What came is not what Debian signed.
    #[error(
        "signature or checksum of {what} does not hold; nothing of it was used (an old keyring? \
         apt-get install debian-archive-keyring); it said:\n{tail}"
    )]
    BadSignature {
        /// What was being fetched.
        what: String,
        /// The last lines of apt's output.
        tail: String,
    },
    /// Nowhere to put it.
    #[error(
        "no space left for {what} in {path}: free some, or set XDG_CACHE_HOME to a larger disk"
    )]
    DiskFull {
        /// What was being fetched or unpacked.
        what: String,
        /// The directory that is full.
        path: PathBuf,
    },
    /// Anything else that apt, ar or tar refused to do.
    #[error("{what} failed:\n{tail}")]
    Failed {
        what: String,
        /// The last lines of its output.
        tail: String,
    },
    /// A file of the area could not be read or written.
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] proc::Cancelled),
}

impl AptError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { what: "a file".into(), path: path.into() }
            }
            _ => Self::Io { path: path.into(), error },
        }
    }

    pub(crate) fn run(program: &'static str) -> impl FnOnce(proc::RunError) -> Self {
        move |error| {
            error.or(|error| match error.kind() {
                io::ErrorKind::NotFound => Self::NoApt(program),
                _ => Self::Io { path: program.into(), error },
            })
        }
    }

    /// Reads the reason out of what a failed command printed (in the C locale).
    pub(crate) fn classify(what: &str, dir: &Path, suites: &str, tail: String) -> Self {
        let says = |needles: &[&str]| needles.iter().any(|needle| tail.contains(needle));
        let what = what.to_owned();
        if says(&["No space left on device", "enough free space", "Disk quota exceeded"]) {
            Self::DiskFull { what, path: dir.into() }
        } else if says(&[
            "NO_PUBKEY",
            "is not signed",
            "BADSIG",
            "EXPKEYSIG",
            "REVKEYSIG",
            "signatures were invalid",
            "couldn't be verified",
            "Clearsigned file isn't valid",
            "Hash Sum mismatch",
            "cannot be authenticated",
            "unauthenticated packages",
        ]) {
            Self::BadSignature { what, tail }
        } else if says(&[
            "Temporary failure resolving",
            "Could not resolve",
            "Could not connect",
            "Cannot initiate the connection",
            "Unable to connect",
            "Connection timed out",
            "Connection failed",
            "Connection refused",
            "Network is unreachable",
            "No route to host",
        ]) {
            Self::NoNetwork { what, tail }
        } else if says(&[
            "Unable to locate package",
            "Unable to find a source package",
            "was not found",
            "No packages found",
            "has no installation candidate",
            "Can't select candidate version",
        ]) {
            Self::NoSuchPackage { package: what, suites: suites.into() }
        } else {
            Self::Failed { what, tail }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(tail: &str) -> AptError {
        AptError::classify("it", Path::new("/there"), "a b", tail.into())
    }

    #[test]
    fn apt_s_own_words_are_told_apart() {
        // Each line as apt 2.6 prints it.
        assert!(matches!(
            kind("E: Failed to fetch http://m/x  Temporary failure resolving 'm'"),
            AptError::NoNetwork { .. }
        ));
        assert!(matches!(
            kind(
                "W: GPG error: http://m x InRelease: The following signatures couldn't be \
                  verified because the public key is not available: NO_PUBKEY 0123"
            ),
            AptError::BadSignature { .. }
        ));
        assert!(matches!(
            kind("E: Unable to locate package nosuch"),
            AptError::NoSuchPackage { .. }
        ));
        assert!(matches!(
            kind("E: Version '9' for 'fio' was not found"),
            AptError::NoSuchPackage { .. }
        ));
        assert!(matches!(
            kind("Error writing to file - write (28: No space left on device)"),
            AptError::DiskFull { .. }
        ));
        assert!(matches!(kind("E: Something else"), AptError::Failed { .. }));
    }
}
