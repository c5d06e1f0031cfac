// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why an arm cannot be used.

use patch::PatchError;
use std::io;
use std::path::PathBuf;

/// Why an arm cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArmError {
    /// No file of that name in `kernel/arms`.
    #[error("no arm {name:?}; there are {known} (your own: --arm NAME=PATH)")]
    Unknown { name: String, known: String },
    /// Arm files have a fixed format.
    #[error("{path}: {error}")]
    Format {
        path: PathBuf,
        /// With line and column.
        error: Box<toml::de::Error>,
    },
    /// The names are used in paths and tables.
    #[error("arm name {0:?}: use letters, digits, '-' and '_'")]
    Name(String),
    /// `on` leads back to the arm itself.
    #[error("arm {0:?} stacks on itself")]
    Cycle(String),
    /// A file that the arm needs cannot be read.
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    /// A folder holds nothing that could be a patch.
    #[error("{0}: neither a quilt series nor *.patch, *.diff, *.mbox or *.eml is in this folder")]
    NoPatches(PathBuf),
    /// A line of `config` is not an option.
    #[error("{place}: {line:?} is not of the form CONFIG_X=y")]
    Option { place: String, line: String },
    /// A patch is damaged, refused, or does not apply.
    #[error(transparent)]
    Patch(#[from] PatchError),
}
