// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong, told apart by who has to act.

use std::path::{Path, PathBuf};

/// A scenario file that cannot be used: the user mends it.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file or folder cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is wrong.
    #[error("{path}:{line}: {message}", path = path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// What is wrong and what is allowed.
        message: String,
    },
}

/// Something wrong at a byte of a file's text.
pub(crate) fn wrong(path: &Path, text: &str, at: usize, message: String) -> ScenarioError {
    let line = text[..at.min(text.len())].matches('\n').count() + 1;
    ScenarioError::Syntax { path: path.to_owned(), line, message }
}
