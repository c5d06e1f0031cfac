// SPDX-License-Identifier: MIT OR Apache-2.0
//! Patches, without patch(1): read from files, mails and quilt series, and
//! applied in memory, so that nothing of a user's patch is ever executed and
//! a failure can show its hunk.

mod apply;
#[cfg(test)]
mod fuzz;
mod mail;
mod parse;

pub(crate) use apply::check_path;
pub use apply::{Applied, Fuzz, apply};
pub use mail::split_mbox;
pub use parse::{FilePatch, Hunk, Line, Patch};

/// Why a patch cannot be used. Every message names the patch.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// Not a patch, or a damaged one.
    #[error("{patch}:{line}: {why}")]
    Malformed {
        /// The patch's name.
        patch: String,
        /// Line within it, from 1.
        line: usize,
        /// What is wrong there.
        why: String,
    },
    /// It would write outside the tree, or do what no source patch does.
    #[error("{patch} touches {path:?}, which is refused: {why}")]
    Refused {
        /// The patch's name.
        patch: String,
        /// The path in it.
        path: String,
        /// Why not.
        why: &'static str,
    },
    /// A hunk's lines are not in the file.
    #[error(
        "{patch} does not apply: hunk {number} of {file} fails at {header}\n{hunk}\n(is it made \
         for another kernel, or does it need another patch first?)"
    )]
    Rejected {
        /// The patch's name.
        patch: String,
        /// The file in the tree.
        file: String,
        /// Which of the file's hunks, from 1.
        number: usize,
        /// Its `@@` line.
        header: String,
        /// Its whole text.
        hunk: String,
    },
    /// The file to be changed is absent, or the one to be made is there.
    #[error("{patch} does not apply: {file} {why}")]
    File {
        /// The patch's name.
        patch: String,
        /// The file in the tree.
        file: String,
        /// What is wrong with it.
        why: &'static str,
    },
}
