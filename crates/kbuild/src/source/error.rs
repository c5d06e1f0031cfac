// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why there is no source.

use debian::AptError;
use proc::{Cancelled, RunError};
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The words after `--kernel-src` mean nothing.
    #[error("--kernel-src {given}: {why}")]
    Spec {
        given: String,
        /// What is wrong with it.
        why: String,
    },
    /// The tree has changes that no commit has.
    #[error(
        "{path} has changes that are not committed:\n{changes}\nCommit or stash them, or say \
         git:{path}#HEAD to test the last commit, or dir:{path} to test the files as they are"
    )]
    Dirty {
        path: PathBuf,
        /// `git status`, shortened.
        changes: String,
    },
    /// git knows no such commit.
    #[error(
        "{path} has no commit {rev}{}",
        if *.shallow { " (a shallow clone: git fetch --unshallow brings what is older)" } else { "" }
    )]
    NoCommit { path: PathBuf, rev: String, shallow: bool },
    /// The server has what the clone left out.
    #[error(
        "{path} is a partial clone, which lacks files of {commit}: fetch this commit first, for \
         instance into a work tree of its own (a few GB):\n\n    git -C '{path}' worktree add --detach \
         ../linux-{} {commit}\n",
        .commit.get(..12).unwrap_or(commit)
    )]
    Partial { path: PathBuf, commit: String },
    /// No kernel in there.
    #[error("{origin} is not a kernel source: {missing} is missing")]
    NotKernel {
        origin: String,
        /// What every kernel has.
        missing: &'static str,
    },
    /// A kernel, but nothing to test.
    #[error(
        "{origin} is Linux {version} without bcache: {missing} is missing (a trimmed tree? use a \
         whole one)"
    )]
    NoBcache {
        origin: String,
        version: String,
        /// The file that the lab looks for.
        missing: &'static str,
    },
    /// Too little room for it.
    #[error(
        "a kernel source needs {needed} MiB in {path}, which has {free}: free some, or set \
         XDG_CACHE_HOME to a larger disk"
    )]
    NoSpace {
        path: PathBuf,
        /// In MiB, as is `free`.
        needed: u64,
        free: u64,
    },
    /// The package could not be had.
    #[error(transparent)]
    Apt(#[from] AptError),
    /// tar or git failed.
    #[error("{what} failed:\n{tail}")]
    Tool {
        /// What it was for.
        what: String,
        tail: String,
    },
    /// A file of the cache or the source.
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl SourceError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { path: path.into(), error }
    }

    /// `what` is a program or a lock file.
    pub(super) fn run(what: impl Into<PathBuf>) -> impl FnOnce(RunError) -> Self {
        let path = what.into();
        move |error| error.or(|error| Self::Io { path, error })
    }
}
