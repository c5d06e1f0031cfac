// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where things are.

use std::env;
use std::path::{Path, PathBuf};

/// The two directories that everything is relative to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// The lab's own checkout: `kernel/`, `kernel-config/`.
    pub repo: PathBuf,
    /// Whatever can be made again.
    pub cache: PathBuf,
}

impl Dirs {
    /// The checkout at `repo` with the user's cache directory:
    /// `$XDG_CACHE_HOME` or `~/.cache`, then `bcache-lab`.
    #[must_use]
    pub fn new(repo: &Path) -> Self {
        let absolute =
            |name: &str| env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
        let base = absolute("XDG_CACHE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
            .unwrap_or_else(env::temp_dir);
        Self { repo: repo.into(), cache: base.join("bcache-lab") }
    }

    pub(crate) fn sources(&self) -> PathBuf {
        self.cache.join("sources")
    }

    pub(crate) fn objects(&self) -> PathBuf {
        self.cache.join("objects")
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.cache.join("images")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.cache.join("logs")
    }

    /// Tools that the lab installed for itself.
    #[must_use]
    pub fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }
}
