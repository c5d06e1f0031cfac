// SPDX-License-Identifier: MIT OR Apache-2.0
//! Directories that appear whole or not at all.

use crate::error::ImageError;
use proc::{Cancel, FileLock};
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the directory `parent/key`, letting `make` fill it if it is not
/// there. Two processes that want it at once make it once; one that is killed
/// leaves nothing that could pass for finished.
///
/// # Errors
/// What `make` returns, and the file system's.
pub fn get_or_make(
    parent: &Path,
    key: &str,
    cancel: &Cancel,
    make: impl FnOnce(&Path) -> Result<(), ImageError>,
) -> Result<(PathBuf, bool), ImageError> {
    let wanted = parent.join(key);
    if wanted.is_dir() {
        return Ok((wanted, true));
    }
    fs::create_dir_all(parent).map_err(ImageError::io(parent))?;
    let lock = parent.join("lock");
    let _lock = FileLock::take(&lock, cancel, || {}).map_err(ImageError::run(&lock))?;
    // Another process may have made it while we waited.
    if wanted.is_dir() {
        return Ok((wanted, true));
    }
    sweep_leftovers(parent);
    let building = tempfile::Builder::new()
        .prefix(LEFTOVER)
        .tempdir_in(parent)
        .map_err(ImageError::io(parent))?;
    make(building.path())?;
    // From here on it is not the guard's to remove.
    let built = building.keep();
    fs::rename(&built, &wanted).map_err(ImageError::io(&wanted))?;
    Ok((wanted, false))
}

const LEFTOVER: &str = "building-";

/// Removes what a killed process left. Only called with the lock.
fn sweep_leftovers(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(LEFTOVER) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;
    use std::time::Duration;

    #[test]
    fn many_at_once_make_it_once() {
        let dir = tempfile::tempdir().unwrap();
        let made = AtomicU32::new(0);
        let make = |path: &Path| {
            made.fetch_add(1, Ordering::SeqCst);
            fs::write(path.join("half"), "1").unwrap();
            thread::sleep(Duration::from_millis(20));
            fs::write(path.join("whole"), "1").map_err(ImageError::io(path))
        };
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let (path, _) = get_or_make(dir.path(), "k", &Cancel::new(), make).unwrap();
                    assert!(path.join("whole").exists());
                });
            }
        });
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_failed_build_is_not_taken_for_a_finished_one() {
        let dir = tempfile::tempdir().unwrap();
        let fail = |path: &Path| {
            fs::write(path.join("half"), "1").unwrap();
            Err(ImageError::DiskFull(path.into()))
        };
        assert!(get_or_make(dir.path(), "k", &Cancel::new(), fail).is_err());
        // As if killed: what is left is swept away by the next.
        fs::create_dir(dir.path().join("building-old")).unwrap();
        let (path, cached) = get_or_make(dir.path(), "k", &Cancel::new(), |_| Ok(())).unwrap();
        assert!(!cached && !path.join("half").exists());
        assert!(!dir.path().join("building-old").exists());
    }
}
