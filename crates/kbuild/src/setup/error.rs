// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why the set-up is not complete.

use proc::{Cancelled, RunError};
use std::io;
use std::path::PathBuf;

/// Why the set-up is not complete. The command line ends with code 3.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Only root can install packages.
    #[error(
        "packages are missing, and neither root nor `sudo -n` is at hand. Run:\n\n    {command}\n"
    )]
    NeedsRoot {
        /// To be pasted into a root's shell.
        command: String,
    },
    /// Another kind of processor.
    #[error(
        "the lab needs x86-64, and this machine is {0}: it builds x86 kernels and boots them in \
         qemu-system-x86_64 (docs/hosts.md says what a port would take)"
    )]
    Machine(String),
    /// The kernel is built below the cache.
    #[error(
        "the kernel's make cannot build in {0}: it takes no blanks, colons or other signs that \
         have a meaning to make or a shell. Set XDG_CACHE_HOME to another folder"
    )]
    OddCache(PathBuf),
    /// Read-only, or somebody else's.
    #[error(
        "the cache cannot be made, as {path} cannot be written to ({error}): set XDG_CACHE_HOME to \
         a folder that can"
    )]
    NoCache { path: PathBuf, error: io::Error },
    /// A host whose package manager is left to its owner.
    #[error("this is {os}, where the lab installs nothing by itself. Run:\n\n    {command}\n")]
    OtherHost {
        os: String,
        /// To be pasted into a root's shell.
        command: String,
    },
    /// The mirrors or the registry cannot be reached.
    #[error(
        "no network while installing {what}; once there is, run the same again, or by hand:\n\n    \
         {command}\n\nIt said:\n{tail}"
    )]
    NoNetwork {
        /// What was being installed.
        what: String,
        /// What to run by hand.
        command: String,
        /// The last lines of the output.
        tail: String,
    },
    /// apt would have to remove something that the user has.
    #[error(
        "installing {what} would remove packages of yours, so it was not done. apt-get said:\n{tail}"
    )]
    WouldRemove {
        /// What was to be installed.
        what: String,
        tail: String,
    },
    /// apt would replace a compiler that kernels are built with.
    #[error(
        "installing {what} would replace {packages}, and every kernel would have to be built \
         again; it was not done. Where that is wanted:\n\n    {command}\n"
    )]
    WouldReplace {
        /// What was to be installed.
        what: String,
        packages: String,
        /// To be pasted into a root's shell.
        command: String,
    },
    /// Nothing that the lab knows helps here.
    #[error("{what} is missing, and this system has no package for it: {fix}")]
    ByHand {
        what: String,
        /// What a person can do.
        fix: String,
    },
    #[error("installing {what} failed; by hand:\n\n    {command}\n\nIt said:\n{tail}")]
    Failed {
        /// What was being installed.
        what: String,
        /// What to run by hand.
        command: String,
        /// The last lines of the output.
        tail: String,
    },
    #[error("no space left while installing {what}; free some and run the same again")]
    DiskFull {
        /// What was being installed.
        what: String,
    },
    /// A program could not be started, or a file not written.
    #[error("{path}: {error}")]
    Io {
        /// The program or file.
        path: PathBuf,
        error: io::Error,
    },
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl SetupError {
    /// `what` is a program or a lock file.
    pub(super) fn run(what: impl Into<PathBuf>) -> impl FnOnce(RunError) -> Self {
        let path = what.into();
        move |error| error.or(|error| Self::Io { path, error })
    }

    /// Reads the reason out of a failed installer's last lines.
    pub(super) fn classify(what: String, command: String, tail: String) -> Self {
        let says = |needles: &[&str]| needles.iter().any(|needle| tail.contains(needle));
        if says(&["No space left on device", "enough free space"]) {
            Self::DiskFull { what }
        } else if says(&["remove is disabled"]) {
            Self::WouldRemove { what, tail }
        } else if says(&[
            "Temporary failure resolving",
            "Could not resolve",
            "Could not connect",
            "Connection timed out",
            "Network is unreachable",
            "Unable to connect",
            "Connection refused",
            "Connection failed",
            "Couldn't resolve host",
            "Couldn't connect to server",
        ]) {
            Self::NoNetwork { what, command, tail }
        } else {
            Self::Failed { what, command, tail }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_of_a_failed_installation_are_told_apart() {
        let kind =
            |tail: &str| SetupError::classify("flex".into(), "apt-get x".into(), tail.into());
        assert!(matches!(
            kind("E: Packages need to be removed but remove is disabled."),
            SetupError::WouldRemove { .. }
        ));
        let offline = kind("E: Failed to fetch http://m/f.deb  Temporary failure resolving 'm'");
        assert!(matches!(offline, SetupError::NoNetwork { .. }));
        assert!(offline.to_string().contains("apt-get x"), "{offline}");
        assert!(matches!(
            kind("E: You don't have enough free space in /var/cache/apt/archives/."),
            SetupError::DiskFull { .. }
        ));
        assert!(matches!(kind("E: else"), SetupError::Failed { .. }));
    }
}
