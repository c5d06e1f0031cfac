// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guests saved after their boot, for all cases that would boot the same.
//!
//! What a guest knows when it is saved is its kernel, its image and how large
//! its disks are; it has not seen bcache yet. So a restored one is as good as a
//! booted one, in a quarter of the time. `tests/restored.rs` shows that the
//! verdicts are the same, and a scenario can say `restore = false`.
//!
//! Restored guests are more alike than booted ones: the same random numbers at
//! first, the same addresses of tasks, and so the same write points of bcache
//! (`search_alloc`), which decide what shares a bucket. A scenario must not need
//! luck with either; S9 once did, and lost it in every restored guest.

use crate::trouble::Stop;
use proc::Scratch;
use scenario::{DiskSetup, Disks};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// From this many boots on it pays: booting, saving and restoring takes less
/// time than booting twice.
const WORTH_IT: usize = 3;

/// Beginning of the folder's name.
const PREFIX: &str = "guests-";

/// What two guests of a run must have in common: kernel, and what it has seen of the disks.
type Key = (PathBuf, Vec<Seen>);

/// What a guest has seen of a disk when it was saved, and does not ask again: size in MiB,
/// whether it can discard, its logical blocks in bytes.
type Seen = (u64, bool, u32);

/// One guest: how often it is going to be started, and its file once it is
/// made.
#[derive(Debug, Default)]
struct Entry {
    boots: usize,
    file: Mutex<Option<PathBuf>>,
}

/// The guests of a run. Their files go away when it is dropped.
#[derive(Debug)]
pub struct SavedGuests {
    dir: Scratch,
    entries: BTreeMap<Key, Entry>,
}

impl SavedGuests {
    /// For a run with these boots (kernel, disks, how often). Files of some
    /// 140 MB each are kept in a folder of their own in `dir`, which must be
    /// the run's alone, for those that are worth it.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new<'a>(
        dir: &Path,
        boots: impl IntoIterator<Item = (&'a Path, &'a Disks, usize)>,
    ) -> std::io::Result<Self> {
        // A killed run could not clean up.
        for old in std::fs::read_dir(dir)?.flatten() {
            if old.file_name().to_string_lossy().starts_with(PREFIX) {
                std::fs::remove_dir_all(old.path())?;
            }
        }
        let dir = Scratch::new_in(dir, PREFIX)?;
        let mut entries = BTreeMap::<Key, Entry>::new();
        for (kernel, disks, boots) in boots {
            entries.entry(key(kernel, disks)).or_default().boots += boots;
        }
        Ok(Self { dir, entries })
    }

    /// The saved guest of `kernel` with such disks; `None` when booting is
    /// cheaper. If it is not there yet, `save` makes it: with its logs in the
    /// folder of the first path, in the file of the second one.
    pub(crate) fn get(
        &self,
        kernel: &Path,
        disks: &Disks,
        save: impl FnOnce(&Path, &Path) -> Result<(), Stop>,
    ) -> Result<Option<PathBuf>, Stop> {
        let key = key(kernel, disks);
        let Some(number) = self.entries.keys().position(|other| *other == key) else {
            return Ok(None);
        };
        let entry = &self.entries[&key];
        if entry.boots < WORTH_IT {
            return Ok(None);
        }
        // Others that want the same guest wait here until it is made.
        let mut file = entry.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            let path = self.dir.path().join(format!("{number}.state"));
            let logs = self.dir.path().join(number.to_string());
            save(&logs, &path)?;
            *file = Some(path);
        }
        Ok(file.clone())
    }
}

fn key(kernel: &Path, disks: &Disks) -> Key {
    let seen = |disk: &DiskSetup| (disk.mib, disk.discard, disk.logical_block);
    (kernel.to_owned(), disks.each().map(|(_, disk)| seen(disk)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_booted_often_is_saved() {
        let dir = tempfile::tempdir().unwrap();
        let disk = |mib| DiskSetup::plain(mib, true);
        let disks = &Disks::two(disk(512), disk(128));
        let boots = [(Path::new("a"), disks, 1), (Path::new("b"), disks, 2)];
        let guests = SavedGuests::new(dir.path(), boots).unwrap();
        let found = |guests: &SavedGuests, kernel: &str| {
            guests.get(Path::new(kernel), disks, |_, _| Err(Stop::Cancelled))
        };
        let other = |change: fn(&mut DiskSetup)| {
            let mut ssd = disk(512);
            change(&mut ssd);
            key(Path::new("a"), &Disks::two(ssd, disk(128)))
        };
        assert_ne!(other(|ssd| ssd.discard = false), key(Path::new("a"), disks));
        assert_ne!(other(|ssd| ssd.logical_block = 4096), key(Path::new("a"), disks));
        assert_eq!(other(|ssd| ssd.volatile_cache = false), key(Path::new("a"), disks));
        for kernel in ["a", "b", "c"] {
            assert!(matches!(found(&guests, kernel), Ok(None)), "{kernel}");
        }
        drop(guests);
        std::fs::create_dir(dir.path().join("guests-left-behind")).unwrap();
        let more = [(Path::new("a"), disks, 1), (Path::new("a"), disks, 2)];
        let guests = SavedGuests::new(dir.path(), more).unwrap();
        assert!(matches!(found(&guests, "a"), Err(Stop::Cancelled)), "it is made now");
        drop(guests);
        let left = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 0, "the folder goes away");
    }
}
