// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a patch cannot be used. Every message names the patch.

use proc::{Cancelled, RunError};
use std::io;

/// Why a patch cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// Not a patch, or a damaged one.
    #[error("{patch}: {why}")]
    Malformed {
        patch: String,
        /// What is wrong, and on which line where git says so.
        why: String,
    },
    /// It would write outside the tree, or do what no source patch does.
    #[error("{patch} touches {path:?}, which is refused: {why}")]
    Refused {
        patch: String,
        /// The path in it.
        path: String,
        why: &'static str,
    },
    /// A hunk's lines are not in the file, or the file is not there.
    #[error(
        "{patch} does not apply: {why}\n{hunks}(is it made for another kernel, or does it need \
         another patch first?)"
    )]
    Rejected {
        patch: String,
        /// git's words: file and line.
        why: String,
        /// The hunks that fail, whole.
        hunks: String,
    },
    /// git is missing, or a temporary file cannot be written.
    #[error("cannot read or apply {patch}: {error} (git is needed: apt-get install git)")]
    Io { patch: String, error: io::Error },
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl PatchError {
    pub(super) fn malformed(patch: &str, why: impl Into<String>) -> Self {
        Self::Malformed { patch: patch.into(), why: why.into() }
    }

    pub(super) fn io(patch: &str) -> impl Fn(io::Error) -> Self {
        move |error| Self::Io { patch: patch.into(), error }
    }

    pub(super) fn run(patch: &str) -> impl Fn(RunError) -> Self {
        move |error| error.or(Self::io(patch))
    }
}
