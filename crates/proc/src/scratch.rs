// SPDX-License-Identifier: MIT OR Apache-2.0
//! A temporary folder that goes away even when the tool is killed.

use crate::watchdog;
use std::io;
use std::path::Path;

/// A folder, usually below the system's temporary one; removed when dropped,
/// and by the [`watchdog`] when the tool dies before that.
#[derive(Debug)]
pub struct Scratch {
    // `None` only while it is being dropped.
    dir: Option<tempfile::TempDir>,
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
        let dir = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
        watchdog::watch_dir(dir.path());
        Ok(Self { dir: Some(dir) })
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::path::PathBuf;
    use std::process::{Command, Stdio};
    use std::time::Duration;

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
