// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a machine must have for a run, and how it gets it.

mod bindgen;
mod complete;
mod install;
mod needs;
mod survey;

pub use complete::complete;
pub use survey::{Fix, Item, State, Survey, survey};

use proc::{Cancel, Cancelled, RunError, run_lines};
use std::io;
use std::path::PathBuf;
use std::process::Command;

/// What the machine is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Building and running the lab.
    Run,
    /// That, and the lab's own tests against other people's clients.
    Test,
    /// A run of configurations that are built with clang.
    Clang,
}

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
        /// apt's explanation.
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
        /// The compilers' packages.
        packages: String,
        /// To be pasted into a root's shell.
        command: String,
    },
    /// Nothing that the lab knows helps here.
    #[error("{what} is missing, and this system has no package for it: {fix}")]
    ByHand {
        /// What is missing.
        what: String,
        /// What a person can do.
        fix: String,
    },
    /// An installer failed.
    #[error("installing {what} failed; by hand:\n\n    {command}\n\nIt said:\n{tail}")]
    Failed {
        /// What was being installed.
        what: String,
        /// What to run by hand.
        command: String,
        /// The last lines of the output.
        tail: String,
    },
    /// No room.
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
        /// The system's answer.
        error: io::Error,
    },
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl SetupError {
    fn run(program: &str) -> impl FnOnce(RunError) -> Self {
        let path = PathBuf::from(program);
        move |error| match error {
            RunError::Io(error) => Self::Io { path, error },
            RunError::Cancelled(cancelled) => cancelled.into(),
        }
    }

    /// Reads the reason out of a failed installer's last lines.
    fn classify(what: String, command: String, tail: String) -> Self {
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

/// The version of a Debian package that is installed.
pub(crate) fn installed(package: &str) -> Option<String> {
    let mut state = None;
    let mut command = Command::new("dpkg-query");
    command.env("LC_ALL", "C").args(["-W", "-f", "${db:Status-Status} ${Version}\n", package]);
    run_lines(&mut command, &Cancel::new(), |line| state = Some(line.to_owned())).ok()?;
    state?.strip_prefix("installed ").map(str::to_owned)
}

#[cfg(test)]
mod tests;
