// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes a source available.

use super::error::SourceError;
use super::job::Job;
use super::provenance::{Provenance, RustSupport};
use super::spec::SourceSpec;
use super::store::Entry;
use super::{archive, directory, git, package, version};
use crate::Dirs;
use crate::event::Event;
use crate::tree::WorkTree;
use proc::{Cancel, first_line, shell};
use std::path::PathBuf;
use xshell::cmd;

/// A kernel source, in a private tree that arms can be applied to.
#[derive(Debug, Clone)]
pub struct Source {
    pub provenance: Provenance,
    /// Whether Rust arms can build.
    pub rust: RustSupport,
    pub(crate) entry: Entry,
}

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

    /// The source of a package, if it is in the cache: nothing is fetched, and
    /// nobody asked whether there is a newer one.
    #[must_use]
    pub fn at_hand(spec: &SourceSpec, dirs: &Dirs) -> Option<Self> {
        let (entry, provenance) = match spec {
            SourceSpec::Newest => package::at_hand(dirs, None)?,
            SourceSpec::Package(name) => package::at_hand(dirs, Some(name))?,
            _ => return None,
        };
        let rust = version::rust_support(&entry.tree());
        Some(Self { provenance, rust, entry })
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

    /// The folder of the private tree, whatever arm is in it.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.entry.tree()
    }

    /// The oldest version of a tool that this source takes, by its own script
    /// (scripts/min-tool-version.sh).
    pub(crate) fn minimum(&self, tool: &str) -> Option<[u32; 3]> {
        let script = self.folder().join("scripts/min-tool-version.sh");
        let sh = shell().ok().filter(|_| script.is_file())?;
        let said = first_line(cmd!(sh, "sh {script} {tool}").env("SRCARCH", "x86"))?;
        let mut parts = said.trim().split('.').map(|part| part.parse().ok());
        Some([parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)])
    }

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

#[cfg(test)]
mod tests;
