// SPDX-License-Identifier: MIT OR Apache-2.0
//! One process at a time; freed by the kernel however its holder ends.

use crate::{Cancel, RunError};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

/// A held lock file.
#[derive(Debug)]
pub struct FileLock(#[expect(dead_code, reason = "closing the file frees the lock")] File);

impl FileLock {
    /// Waits for the lock file at `path`, which is made when it is missing;
    /// `waiting` is called every 50 ms as long as another process (or thread)
    /// has it.
    ///
    /// # Errors
    /// Cancelled, or the file system's.
    pub fn take(path: &Path, cancel: &Cancel, mut waiting: impl FnMut()) -> Result<Self, RunError> {
        // Who waits has the turn, so a holder that wants the lock again at once (one build
        // after the other) stands behind.
        let _turn = Self::poll(&path.with_extension("turn"), cancel, &mut waiting)?;
        Self::poll(path, cancel, &mut waiting)
    }

    fn poll(path: &Path, cancel: &Cancel, waiting: &mut impl FnMut()) -> Result<Self, RunError> {
        loop {
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
            cancel.check()?;
            waiting();
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The lock; `None` when another process (or thread) has it.
    ///
    /// # Errors
    /// The file system's.
    pub fn try_take(path: &Path) -> io::Result<Option<Self>> {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn a_second_taker_waits_is_told_and_can_give_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/lock");
        let first = FileLock::try_take(&path).unwrap().unwrap();
        assert!(FileLock::try_take(&path).unwrap().is_none());

        let cancel = Cancel::new();
        let mut told = 0;
        let ended = FileLock::take(&path, &cancel, || {
            told += 1;
            cancel.cancel();
        });
        assert!(matches!(ended, Err(RunError::Cancelled(_))));
        assert_eq!(told, 1);

        drop(first);
        assert!(FileLock::take(&path, &Cancel::new(), || {}).is_ok());
    }

    /// Seen: a kernel that waited for minutes behind the builds of a series.
    #[test]
    fn who_takes_a_lock_again_and_again_lets_others_in() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let waits = |tell: &mut dyn FnMut()| FileLock::take(&path, &Cancel::new(), tell).unwrap();
        let held = waits(&mut || {});
        let (told, waiting) = std::sync::mpsc::channel();
        let had_it = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _lock = waits(&mut || told.send(()).unwrap());
                had_it.store(true, Ordering::Relaxed);
            });
            waiting.recv().unwrap();
            drop(held);
            let _again = waits(&mut || {});
            assert!(had_it.load(Ordering::Relaxed), "taken again before the one that waits");
        });
    }
}
