// SPDX-License-Identifier: MIT OR Apache-2.0
//! A temporary folder that goes away even when the tool is killed.

use crate::watchdog;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The end of a folder's name: of those, each living one is locked.
const SUFFIX: &str = ".lab";

/// One that is younger may not be locked yet.
const YOUNG: Duration = Duration::from_secs(60);

/// A folder, usually below the system's temporary one; removed when dropped,
/// by the [`watchdog`] when the tool dies before that, and by the next tool
/// when both were killed at once (a container's end, a machine's).
#[derive(Debug)]
pub struct Scratch {
    // `None` only while it is being dropped.
    dir: Option<tempfile::TempDir>,
    /// Of the folder itself; the kernel frees it with the process.
    _lock: File,
}

impl Scratch {
    /// A new, empty folder whose name starts with `prefix`.
    ///
    /// # Errors
    /// The file system's.
    pub fn new(prefix: &str) -> io::Result<Self> {
        Self::new_in(&std::env::temp_dir(), prefix)
    }

    /// As [`Scratch::new`], in `parent`.
    ///
    /// # Errors
    /// The file system's.
    pub fn new_in(parent: &Path, prefix: &str) -> io::Result<Self> {
        // The watchdog has a working directory of its own.
        let parent = std::path::absolute(parent)?;
        sweep_once(&parent);
        let dir = tempfile::Builder::new().prefix(prefix).suffix(SUFFIX).tempdir_in(parent)?;
        let lock = File::open(dir.path())?;
        // A file system without locks keeps what a killed tool leaves.
        let _ = lock.try_lock();
        watchdog::watch_dir(dir.path());
        Ok(Self { dir: Some(dir), _lock: lock })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.as_ref().map_or(Path::new(""), tempfile::TempDir::path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(dir) = self.dir.take() {
            let path = dir.path().to_owned();
            // First the folder: killed in between, the watchdog finds nothing
            // to remove, which is fine.
            drop(dir);
            watchdog::forget_dir(&path);
        }
    }
}

/// Once a process and folder: what earlier ones left.
fn sweep_once(parent: &Path) {
    static SWEPT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    if SWEPT.lock().unwrap_or_else(PoisonError::into_inner).insert(parent.to_owned()) {
        sweep(parent, YOUNG);
    }
}

/// Best effort: what cannot be removed now may be another time.
fn sweep(parent: &Path, young: Duration) {
    let own = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let Ok(meta) = entry.metadata() else { continue };
        let age = meta.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
        let ours = name.starts_with("bclab-") && name.ends_with(SUFFIX) && meta.uid() == own;
        if !ours || !meta.is_dir() || age.is_none_or(|age| age < young) {
            continue;
        }
        let free = File::open(entry.path()).is_ok_and(|dir| dir.try_lock().is_ok());
        if free {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    #[test]
    fn what_a_killed_tool_left_goes_at_the_next_start_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let held = Scratch::new_in(parent.path(), "bclab-").unwrap();
        for name in ["bclab-dead.lab", "bclab-other", "mine.lab"] {
            fs::create_dir(parent.path().join(name)).unwrap();
            fs::write(parent.path().join(name).join("disk"), "x").unwrap();
        }
        sweep(parent.path(), YOUNG);
        assert!(parent.path().join("bclab-dead.lab").exists(), "it may have begun just now");
        sweep(parent.path(), Duration::ZERO);
        assert!(!parent.path().join("bclab-dead.lab").exists());
        assert!(held.path().exists() && parent.path().join("bclab-other").exists());
        assert!(parent.path().join("mine.lab").exists());
    }

    #[test]
    fn a_dropped_folder_is_gone() {
        let scratch = Scratch::new("bclab-").unwrap();
        let path = scratch.path().to_owned();
        std::fs::write(path.join("x"), "x").unwrap();
        drop(scratch);
        assert!(!path.exists());
    }

    /// The test binary starts itself as "the tool" and is killed with SIGKILL.
    #[test]
    fn a_killed_tool_leaves_no_folder() {
        if std::env::var_os("PROC_TEST_SCRATCH").is_some() {
            let dropped = Scratch::new("bclab-").unwrap();
            let kept = [
                Scratch::new("bclab- odd ").unwrap(),
                Scratch::new_in(Path::new("."), "bclab-").unwrap(),
            ];
            drop(dropped);
            for scratch in &kept {
                std::fs::write(scratch.path().join("x"), "x").unwrap();
                eprintln!("DIR {}", scratch.path().display());
            }
            std::thread::sleep(Duration::from_secs(30));
            return;
        }
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "scratch::tests::a_killed_tool_leaves_no_folder", "--nocapture"])
            .env("PROC_TEST_SCRATCH", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let dirs: Vec<PathBuf> = BufReader::new(victim.stderr.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| Some(PathBuf::from(line.strip_prefix("DIR ")?)))
            .take(2)
            .collect();
        assert!(dirs.len() == 2 && dirs.iter().all(|dir| dir.is_dir()), "{dirs:?}");
        victim.kill().unwrap();
        victim.wait().unwrap();
        let gone = (0..250).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            !dirs.iter().any(|dir| dir.exists())
        });
        assert!(gone, "{dirs:?} survived the tool");
    }
}
