// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel sources: where from, which version, and a private tree of them.

mod archive;
mod directory;
mod git;
mod package;
mod spec;
mod store;
mod version;

pub use spec::SourceSpec;

use crate::event::Event;
use crate::lock::LockError;
use crate::tree::WorkTree;
use crate::{Dirs, files};
use debian::AptError;
use evidence::Origin;
use proc::{Cancel, Cancelled, RunError};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use store::Entry;

/// What a kernel was built from, for the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Where it came from.
    pub origin: Origin,
    /// As the kernel calls itself: `7.3.4`.
    pub kernel: String,
    /// Identifies the content: `deb:…`, `blake3:…` or `git-tree:…`.
    pub hash: String,
}

/// Whether the lab's Rust arms can build in a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RustSupport {
    /// They can.
    Yes,
    /// They cannot: this file of the kernel's Rust API is not there.
    Lacks(&'static str),
}

/// A kernel source, in a private tree that arms can be applied to.
#[derive(Debug, Clone)]
pub struct Source {
    /// What it is.
    pub provenance: Provenance,
    /// Whether Rust arms can build.
    pub rust: RustSupport,
    pub(crate) entry: Entry,
}

/// Why there is no source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The words after `--kernel-src` mean nothing.
    #[error("--kernel-src {given}: {why}")]
    Spec {
        /// As given.
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
        /// The git tree.
        path: PathBuf,
        /// `git status`, shortened.
        changes: String,
    },
    /// No kernel in there.
    #[error("{origin} is not a kernel source: {missing} is missing")]
    NotKernel {
        /// Where from.
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
        /// Where from.
        origin: String,
        /// The kernel's version.
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
        /// The cache.
        path: PathBuf,
        /// MiB.
        needed: u64,
        /// MiB.
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
        /// Its last words.
        tail: String,
    },
    /// A file of the cache or the source.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl SourceError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { path: path.into(), error }
    }

    fn lock(path: &Path) -> impl FnOnce(LockError) -> Self {
        move |error| match error {
            LockError::Io(error) => Self::Io { path: path.into(), error },
            LockError::Cancelled(cancelled) => cancelled.into(),
        }
    }

    fn run(program: &str) -> impl FnOnce(RunError) -> Self {
        let path = PathBuf::from(program);
        move |error| match error {
            RunError::Io(error) => Self::Io { path, error },
            RunError::Cancelled(cancelled) => cancelled.into(),
        }
    }
}

/// What an unpacked source takes, with room for its archive.
const SPACE_MIB: u64 = 2600;

impl Source {
    /// Makes the source available in the cache. Nothing that the user owns is
    /// written to.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn obtain(
        spec: &SourceSpec,
        dirs: &Dirs,
        on_event: &dyn Fn(Event),
        cancel: &Cancel,
    ) -> Result<Self, SourceError> {
        let job = Job { dirs, on_event, cancel };
        let (entry, provenance) = match spec {
            SourceSpec::Newest => package::newest(&job)?,
            SourceSpec::Package(name) => package::named(&job, name)?,
            SourceSpec::Tarball(path) => archive::obtain(&job, path)?,
            SourceSpec::Directory(path) => directory::obtain(&job, path)?,
            SourceSpec::Git { path, rev } => git::obtain(&job, path, rev.as_deref())?,
        };
        let rust = version::rust_support(&entry.tree());
        // Its time says when it was used last; see `prune`.
        let _ = std::fs::File::open(&entry.dir)
            .and_then(|dir| dir.set_modified(std::time::SystemTime::now()));
        Ok(Self { provenance, rust, entry })
    }

    /// Makes the next [`SourceSpec::Newest`] ask the archive, however lately
    /// it was asked.
    ///
    /// # Errors
    /// The file system's.
    pub fn look_again(dirs: &Dirs) -> Result<(), SourceError> {
        package::forget_age(&dirs.sources()).map_err(SourceError::io(&dirs.sources()))?;
        debian::expire_lists(&dirs.cache).map_err(SourceError::io(&dirs.cache))
    }

    /// The private tree.
    pub(crate) fn tree(&self) -> WorkTree {
        WorkTree::new(&self.entry.dir)
    }

    /// Reads a file as the source has it, whatever arm is applied just now;
    /// `None` when there is no such file.
    #[must_use]
    pub fn pristine(&self, path: &str) -> Option<Vec<u8>> {
        self.tree().pristine(path)
    }
}

/// What every way to a source needs.
pub(crate) struct Job<'a> {
    pub(crate) dirs: &'a Dirs,
    pub(crate) on_event: &'a dyn Fn(Event),
    pub(crate) cancel: &'a Cancel,
}

impl Job<'_> {
    /// The cache directory of one source.
    fn entry(&self, key: &str) -> Entry {
        Entry { dir: self.dirs.sources().join(key) }
    }

    fn check_space(&self) -> Result<(), SourceError> {
        let path = self.dirs.sources();
        std::fs::create_dir_all(&path).map_err(SourceError::io(&path))?;
        match files::free_space(&path).map(|bytes| bytes >> 20) {
            Some(free) if free < SPACE_MIB => {
                Err(SourceError::NoSpace { path, needed: SPACE_MIB, free })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
