// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where shards are kept, and how their logs come into the merged run.

use crate::record::Case;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// The folder of shard `number` (from 1) beside its plan.
#[must_use]
pub fn shard_dir(plan_dir: &Path, number: usize) -> PathBuf {
    plan_dir.join(format!("shard-{number:03}"))
}

/// Puts the files that `case` names into the merged run's folder: as second
/// names of the same files where the file system allows it, else as copies.
/// What is there already is replaced. A log that is gone is passed over.
///
/// # Errors
/// The file system's, and a path that leaves the folder.
pub fn keep_logs(case: &Case, from: &Path, to: &Path) -> io::Result<()> {
    for path in case.files.values() {
        let path = Path::new(path);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || path.as_os_str().is_empty() {
            let why = format!("case {} names {}, outside its folder", case.id, path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        take(&from.join(path), &to.join(path))?;
    }
    Ok(())
}

fn take(from: &Path, to: &Path) -> io::Result<()> {
    // A link could lead anywhere: only what is a file or a folder itself.
    let Ok(meta) = fs::symlink_metadata(from) else { return Ok(()) };
    if meta.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            take(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if !meta.is_file() {
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(to)?;
            fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
        }
        // Another file system, or one without hard links.
        Err(_) => fs::copy(from, to).map(drop),
    }
}
