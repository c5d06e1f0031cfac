// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why there is no image.

use crate::config::ConfigError;
use crate::files::is_full;
use crate::toolchain::ToolchainError;
use patch::PatchError;
use proc::Cancelled;
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A compiler is missing.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The configuration cannot be had from this source.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The arm's patches do not fit this source.
    #[error("arm {arm} on Linux {kernel}: {error}")]
    Patch {
        arm: String,
        kernel: String,
        /// Which hunk, and why.
        error: Box<PatchError>,
    },
    /// The source is too old for a Rust arm.
    #[error(
        "arm {arm} needs Rust in the kernel, but Linux {kernel} has no {missing} (6.18 or newer \
         is needed); arms without Rust can be built from it"
    )]
    NoRust {
        arm: String,
        kernel: String,
        /// The file that the lab's code builds on.
        missing: &'static str,
    },
    /// The source does not take the Rust toolchain.
    #[error(
        "Linux {kernel} does not take {rustc} with {bindgen}; it says:\n{said}\nName others with \
         --make RUSTC=PATH and --make BINDGEN=PATH, or leave Rust out (arms without it still \
         build): a file with CONFIG_RUST=n as --config-fragment"
    )]
    RustUnavailable {
        kernel: String,
        rustc: String,
        bindgen: String,
        /// scripts/rust_is_available.sh.
        said: String,
    },
    /// A fragment of the user's leaves out what the arm needs.
    #[error("arm {0} needs Rust in the kernel, and a --config-fragment says CONFIG_RUST=n")]
    RustRefused(String),
    #[error("building arm {arm} failed:\n{first_error}{hint}\n(whole log: {log})")]
    Failed {
        arm: String,
        /// The first error of a compiler, with its place.
        first_error: String,
        /// What may be behind it; begins a line, or is empty.
        hint: String,
        /// Everything that make said.
        log: PathBuf,
    },
    /// Rust that an arm file adds calls functions that panic.
    #[error(
        "arm {arm}: {source_file} can panic, which ends the machine: it calls {}",
        .calls.join(", ")
    )]
    Panics {
        arm: String,
        /// The file in the kernel's tree.
        source_file: String,
        calls: Vec<String>,
    },
    /// The source was changed while it was to be built.
    #[error("{0} changed while the build waited for another one; start again")]
    SourceChanged(String),
    #[error("no space left in {0}: free some, or set XDG_CACHE_HOME to a larger disk")]
    DiskFull(PathBuf),
    /// A file of the cache.
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    /// The user asked to stop; make and its children are dead.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl BuildError {
    /// A file of the cache, or a full disk.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| {
            if is_full(&error) {
                return Self::DiskFull(path.into());
            }
            Self::Io { path: path.into(), error }
        }
    }
}
