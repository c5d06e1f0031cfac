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

use crate::complaint;
use crate::session::disk_trouble;
use crate::trouble::{Stop, Trouble};
use judge::kernel_report::KnownReport;
use proc::{Cancel, Scratch};
use scenario::Disks;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use vdisk::{DiskSpec, Profile, Rig};
use vm::{Backend, Vm, VmConfig, VmDisk};

/// From this many boots on it pays: booting, saving and restoring takes less
/// time than booting twice.
const WORTH_IT: usize = 3;

/// Beginning of the folder's name.
const PREFIX: &str = "guests-";

/// What two guests of a run must have in common: kernel and disks' sizes.
type Key = (PathBuf, u64, u64);

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
        boots: impl IntoIterator<Item = (&'a Path, Disks, usize)>,
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

    /// The saved guest for `config`, made now if it has to be; `None` when
    /// booting is cheaper.
    pub(crate) fn get(
        &self,
        config: &VmConfig,
        disks: Disks,
        known: &[KnownReport],
        cancel: &Cancel,
    ) -> Result<Option<PathBuf>, Stop> {
        let key = key(&config.kernel, disks);
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
            save(config, disks, &logs, &path, cancel)?;
            no_report(&logs, known)?;
            *file = Some(path);
        }
        Ok(file.clone())
    }
}

fn key(kernel: &Path, disks: Disks) -> Key {
    (kernel.to_owned(), disks.ssd.mib, disks.hdd.mib)
}

/// Boots on blank disks and saves the guest in `path`.
fn save(
    config: &VmConfig,
    disks: Disks,
    logs: &Path,
    path: &Path,
    cancel: &Cancel,
) -> Result<(), Stop> {
    let sockets = Scratch::new("bclab-").map_err(disk_trouble)?;
    let blank = |name: &str, mib: u64| DiskSpec {
        name: name.to_owned(),
        sectors: mib * 2048,
        volatile_cache: false,
        profile: Profile::none(),
    };
    let specs = vec![blank("ssd", disks.ssd.mib), blank("hdd", disks.hdd.mib)];
    let rig = Rig::new(sockets.path(), specs).map_err(disk_trouble)?;
    let disks = ["ssd", "hdd"].map(|name| VmDisk::new(name, Backend::Nbd(rig.socket(name))));
    let work_dir = logs.join("boot-1");
    let config = VmConfig { disks: disks.into(), work_dir, saved: None, ..config.clone() };
    Vm::boot(&config, cancel)?.save(path, cancel)?;
    Ok(())
}

/// A guest that has complained cannot start a case that could be clean.
fn no_report(logs: &Path, known: &[KnownReport]) -> Result<(), Stop> {
    match complaint::judge(Ok(()), logs, known, &mut Vec::new())? {
        None => Ok(()),
        Some(report) => {
            let next = "read the report: a bug of the kernel under test, or of its configuration";
            let mut trouble = Trouble::new("kernel-report", report.kind, next);
            trouble.console_tail = report.text.join("\n");
            Err(trouble.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenario::DiskSetup;

    #[test]
    fn only_what_is_booted_often_is_saved() {
        let dir = tempfile::tempdir().unwrap();
        let disk = |mib| DiskSetup { mib, volatile_cache: true, discard: true };
        let disks = Disks { ssd: disk(512), hdd: disk(128) };
        let boots = [(Path::new("a"), disks, 1), (Path::new("b"), disks, 2)];
        let guests = SavedGuests::new(dir.path(), boots).unwrap();
        let config = |kernel: &str| {
            VmConfig::new(kernel.into(), "i".into(), vm::Accel::Tcg, dir.path().join("boot"))
        };
        for kernel in ["a", "b", "c"] {
            let found = guests.get(&config(kernel), disks, &[], &Cancel::new());
            assert!(matches!(found, Ok(None)), "{kernel}");
        }
        drop(guests);
        std::fs::create_dir(dir.path().join("guests-left-behind")).unwrap();
        let more = [(Path::new("a"), disks, 1), (Path::new("a"), disks, 2)];
        let guests = SavedGuests::new(dir.path(), more).unwrap();
        // It tries: there is no such kernel.
        assert!(matches!(
            guests.get(&config("a"), disks, &[], &Cancel::new()),
            Err(Stop::Trouble(_))
        ));
        drop(guests);
        let left = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 0, "the folder goes away");
    }
}
