// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why there is no image.

use proc::RunError;
use std::io;
use std::path::{Path, PathBuf};

/// Every message names what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The manifest is wrong.
    #[error("{}: {why}", .path.display())]
    Manifest {
        path: PathBuf,
        /// The line, and what is allowed there.
        why: String,
    },
    /// Programs or headers of this machine are missing.
    #[error("{what}; `cargo xtask setup` completes this machine")]
    Missing {
        /// What was looked for.
        what: String,
    },
    /// A compiler or configure script failed.
    #[error("{what} failed, its log is {}:\n{tail}", .log.display())]
    Build {
        /// What was being built.
        what: String,
        /// Everything that it printed.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// A package could not be had.
    #[error("Debian's package {package}: {source}")]
    Fetch { package: String, source: debian::AptError },
    /// No room for the image.
    #[error("no space left for {}: free some, or set XDG_CACHE_HOME to a larger disk", .0.display())]
    DiskFull(PathBuf),
    /// A file could not be read or written.
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] proc::Cancelled),
}

impl ImageError {
    /// `what` is a program or a lock file.
    pub(crate) fn run(what: impl Into<PathBuf>) -> impl FnOnce(RunError) -> Self {
        let what = what.into();
        move |error| error.or(Self::io(&what))
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull(path.into())
            }
            _ => Self::Io { path: path.into(), source },
        }
    }
}
