// SPDX-License-Identifier: MIT OR Apache-2.0
//! One source's directory in the cache.

use super::error::SourceError;
use super::job::Job;
use super::provenance::Provenance;
use super::version;
use crate::Dirs;
use crate::event::waiting;
use crate::files::remove_dir;
use evidence::Origin;
use proc::{FileLock, replace};
use std::fs;
use std::path::{Path, PathBuf};

/// `sources/KEY`: `tree/` with the files, `source.json` once they are all
/// there, `lock`, and what [`crate::tree::WorkTree`] keeps.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) dir: PathBuf,
}

impl Entry {
    pub(super) fn new(dirs: &Dirs, key: &str) -> Self {
        Self { dir: dirs.sources().join(key) }
    }

    pub(crate) fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    fn meta(&self) -> PathBuf {
        self.dir.join("source.json")
    }

    /// What is in the tree; `None` while it is incomplete.
    pub(crate) fn provenance(&self) -> Option<Provenance> {
        serde_json::from_slice(&fs::read(self.meta()).ok()?).ok()
    }

    pub(super) fn lock(&self, job: &Job) -> Result<FileLock, SourceError> {
        let path = self.lock_path();
        let told = waiting(job.on_event, "the kernel source (another run uses it)");
        FileLock::take(&path, job.cancel, told).map_err(SourceError::run(&path))
    }

    /// The lock of the tree for as long as arms are applied and built.
    pub(crate) fn lock_path(&self) -> PathBuf {
        self.dir.join("lock")
    }

    /// Declares the tree incomplete until [`Entry::seal`].
    pub(super) fn unseal(&self) -> Result<(), SourceError> {
        let meta = self.meta();
        match fs::remove_file(&meta) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(SourceError::io(&meta)(error))
            }
            _ => Ok(()),
        }
    }

    /// Checks that the tree is a kernel with bcache and declares it complete.
    pub(super) fn seal(&self, origin: Origin, hash: String) -> Result<Provenance, SourceError> {
        let kernel = version::check(&self.tree(), &origin.to_string())?;
        let provenance = Provenance { origin, kernel, hash };
        let text = serde_json::to_vec_pretty(&provenance)
            .map_err(|error| SourceError::io(&self.dir)(error.into()))?;
        replace(&self.meta(), &text).map_err(SourceError::io(&self.dir))?;
        Ok(provenance)
    }

    /// Fills an entry whose content never changes, unless it is full already.
    /// `fill` gets an empty directory and returns the tree's top in it.
    pub(super) fn fill_once(
        &self,
        job: &Job,
        origin: Origin,
        hash: String,
        fill: &dyn Fn(&Path) -> Result<PathBuf, SourceError>,
    ) -> Result<Provenance, SourceError> {
        // An older version of the tool may have filled it, and told less.
        let filled = || self.provenance().map(|was| Provenance { origin: origin.clone(), ..was });
        if let Some(provenance) = filled() {
            return Ok(provenance);
        }
        let _lock = self.lock(job)?;
        if let Some(provenance) = filled() {
            return Ok(provenance);
        }
        job.check_space()?;
        let partial = self.dir.join("partial");
        for dir in [&partial, &self.tree()] {
            remove_dir(dir).map_err(SourceError::io(dir))?;
        }
        fs::create_dir_all(&partial).map_err(SourceError::io(&partial))?;
        let done = fill(&partial).and_then(|top| {
            fs::rename(&top, self.tree()).map_err(SourceError::io(&top))?;
            self.seal(origin.clone(), hash.clone())
        });
        // Whatever came of it, what is left over is of no use.
        let cleaned = remove_dir(&partial).map_err(SourceError::io(&partial));
        let provenance = done?;
        cleaned?;
        Ok(provenance)
    }
}
