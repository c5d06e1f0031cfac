// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run's folder: one `run.json`, always whole, replaced by rename.

use crate::record::RunRecord;
use proc::FileLock;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The next `run.json`, until it is whole.
const NEW: &str = ".run.json.new";

/// A run's folder that belongs to this process until dropped.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    /// Nobody had it before, and nothing worth keeping is in it yet.
    empty: AtomicBool,
    /// Held for its lock only.
    _lock: FileLock,
}

/// Why a results folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it.
    #[error("{dir} is in use by another run; choose another --out or wait for it", dir = dir.display())]
    InUse { dir: PathBuf },
    /// The file system said no.
    #[error("cannot {what} {path}: {error}{hint}", path = path.display(), hint = hint(error))]
    Io {
        /// What was being done.
        what: &'static str,
        path: PathBuf,
        error: std::io::Error,
    },
    /// Not a `run.json` of ours.
    #[error("{path} is not a run.json of this tool: {message}", path = path.display())]
    Format {
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
}

fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::StorageFull => {
            "; free some space and run again, finished cases are kept"
        }
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            "; choose another folder with --out"
        }
        _ => "",
    }
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |error| StoreError::Io { what, path, error }
}

impl Store {
    /// Takes `dir` for this process, creating it when needed.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process holds it.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let empty = AtomicBool::new(!dir.exists());
        fs::create_dir_all(dir).map_err(io("create", dir))?;
        let path = dir.join(".lock");
        let lock = FileLock::try_take(&path).map_err(io("lock", &path))?;
        let lock = lock.ok_or_else(|| StoreError::InUse { dir: dir.to_owned() })?;
        // What a killed process left of its last save.
        let _ = fs::remove_file(dir.join(NEW));
        Ok(Self { dir: dir.to_owned(), empty, _lock: lock })
    }

    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The record as it was last saved; `None` in a fresh folder.
    ///
    /// # Errors
    /// [`StoreError::Format`] for a file that is not ours or of another schema.
    pub fn load(&self) -> Result<Option<RunRecord>, StoreError> {
        Self::read(&self.dir.join("run.json"))
    }

    /// Reads any `run.json`, without taking its folder.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn read(path: &Path) -> Result<Option<RunRecord>, StoreError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("read", path)(error)),
        };
        RunRecord::parse(&text)
            .map(Some)
            .map_err(|message| StoreError::Format { path: path.to_owned(), message })
    }

    /// Replaces `run.json` in one step: readers see the old one or the new one.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the old file is then still there.
    pub fn save(&self, record: &RunRecord) -> Result<(), StoreError> {
        let path = self.dir.join("run.json");
        let new = self.dir.join(NEW);
        let mut text = serde_json::to_vec_pretty(record).map_err(|error| StoreError::Format {
            path: path.clone(),
            message: error.to_string(),
        })?;
        text.push(b'\n');
        let mut file = File::create(&new).map_err(io("create", &new))?;
        let written = file.write_all(&text).and_then(|()| file.sync_all());
        let replaced = written
            .map_err(io("write", &new))
            .and_then(|()| fs::rename(&new, &path).map_err(io("replace", &path)));
        if replaced.is_err() {
            let _ = fs::remove_file(&new);
        }
        if has_something(record) {
            self.empty.store(false, Ordering::Relaxed);
        }
        replaced
    }
}

fn has_something(record: &RunRecord) -> bool {
    let measured = record.perf.as_ref().is_some_and(|perf| {
        !(perf.series.is_empty() && perf.memory.is_empty() && perf.hit_ratio.is_empty())
    });
    measured || !record.cases.is_empty()
}

/// A run that came to nothing leaves no folder.
impl Drop for Store {
    fn drop(&mut self) {
        if self.empty.load(Ordering::Relaxed) {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}
