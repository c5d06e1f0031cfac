// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gives back the space of what was not used for long.
//!
//! The time of a source's, an object tree's and an image's own directory says
//! when it was used last. What a running process holds the lock of stays.

use crate::Dirs;
use crate::files::remove_dir;
use proc::FileLock;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A killed process's leftovers are of no use after this.
const LEFTOVER_AGE: Duration = Duration::from_secs(24 * 3600);

/// One directory or file that may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Old {
    pub path: PathBuf,
    /// Since it was used last.
    pub age: Duration,
}

/// Finds sources, object trees and images that were not used for `age`, and
/// the leftovers of killed processes; removes them with `delete`. Returns
/// those that are (or would be) gone.
///
/// # Errors
/// The file system's. A cache that is not there holds nothing old.
pub fn prune(dirs: &Dirs, age: Duration, delete: bool) -> io::Result<Vec<Old>> {
    let mut gone = Vec::new();
    for place in [dirs.sources(), dirs.objects(), dirs.images()] {
        for old in candidates(&place, age)? {
            let Some(_lock) = lock(dirs, &place, &old.path)? else { continue };
            if delete {
                remove(&old.path)?;
            }
            gone.push(old);
        }
    }
    Ok(gone)
}

fn candidates(place: &Path, age: Duration) -> io::Result<Vec<Old>> {
    let entries = match fs::read_dir(place) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let now = SystemTime::now();
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let leftover = name.starts_with(".new") || name.starts_with(".tmp");
        let kind = entry.file_type()?;
        if name == "resolved" || (!kind.is_dir() && !leftover) {
            continue;
        }
        let limit = if leftover { LEFTOVER_AGE.min(age) } else { age };
        let used = entry.metadata()?.modified()?;
        // A time in the future is a clock that jumped: keep it.
        if let Ok(since) = now.duration_since(used)
            && since >= limit
        {
            found.push(Old { path: entry.path(), age: since });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// What keeps a build away while its directory goes; `None` when a process
/// has it. An image is whole or gone and needs none.
fn lock(dirs: &Dirs, place: &Path, path: &Path) -> io::Result<Option<Option<FileLock>>> {
    if *place == dirs.images() {
        return Ok(Some(None));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // An object tree is `SOURCE-CONFIG` and has its source's lock.
    let sources = fs::read_dir(dirs.sources()).into_iter().flatten().flatten();
    let owner = sources
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|source| name == *source || name.starts_with(&format!("{source}-")))
        .max_by_key(String::len);
    match owner {
        None => Ok(Some(None)),
        Some(source) => {
            let path = dirs.sources().join(source).join("lock");
            Ok(FileLock::try_take(&path)?.map(Some))
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    if path.is_dir() { remove_dir(path) } else { fs::remove_file(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Dirs) {
        let dir = tempfile::tempdir().unwrap();
        let dirs = Dirs { repo: dir.path().join("repo"), cache: dir.path().join("cache") };
        for name in ["sources/a", "sources/b", "sources/resolved", "objects/a-plain", "images/k"] {
            fs::create_dir_all(dirs.cache.join(name)).unwrap();
            fs::write(dirs.cache.join(name).join("file"), "x").unwrap();
        }
        fs::write(dirs.cache.join("images/.tmpX"), "half").unwrap();
        (dir, dirs)
    }

    fn age(dirs: &Dirs, name: &str, days: u64) {
        let time = SystemTime::now() - Duration::from_secs(days * 86400);
        fs::File::open(dirs.cache.join(name)).unwrap().set_modified(time).unwrap();
    }

    fn pruned(dirs: &Dirs, delete: bool) -> Vec<String> {
        let gone = prune(dirs, Duration::from_secs(30 * 86400), delete).unwrap();
        let short = |old: Old| old.path.strip_prefix(&dirs.cache).unwrap().display().to_string();
        gone.into_iter().map(short).collect()
    }

    #[test]
    fn only_what_is_old_and_free_goes() {
        let (_dir, dirs) = cache();
        assert!(pruned(&dirs, true).is_empty());
        for name in ["sources/a", "sources/resolved", "objects/a-plain", "images/k"] {
            age(&dirs, name, 31);
        }
        age(&dirs, "sources/b", 29);
        age(&dirs, "images/.tmpX", 2);
        let all = ["sources/a", "objects/a-plain", "images/.tmpX", "images/k"];
        assert_eq!(pruned(&dirs, false), all);
        assert!(dirs.cache.join("sources/a/file").exists(), "only looked at");

        // A build holds the source: neither it nor its objects may go.
        let held = FileLock::try_take(&dirs.cache.join("sources/a/lock")).unwrap().unwrap();
        age(&dirs, "sources/a", 31);
        assert_eq!(pruned(&dirs, false), ["images/.tmpX", "images/k"]);
        drop(held);
        assert_eq!(pruned(&dirs, true), all);
        for name in all {
            assert!(!dirs.cache.join(name).exists(), "{name}");
        }
        assert!(dirs.cache.join("sources/b/file").exists());
    }

    #[test]
    fn an_empty_cache_and_a_clock_that_jumped_are_no_trouble() {
        let dir = tempfile::tempdir().unwrap();
        let nothing = Dirs { repo: dir.path().into(), cache: dir.path().join("none") };
        assert!(pruned(&nothing, true).is_empty());
        let (_dir, dirs) = cache();
        let future = SystemTime::now() + Duration::from_secs(86400 * 365);
        fs::File::open(dirs.cache.join("sources/a")).unwrap().set_modified(future).unwrap();
        assert!(pruned(&dirs, true).is_empty());
    }
}
