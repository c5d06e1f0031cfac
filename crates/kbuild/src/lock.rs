// SPDX-License-Identifier: MIT OR Apache-2.0
//! One process at a time; freed by the kernel however its holder ends.

use crate::event::{Event, Meter, Stage};
use proc::{Cancel, Cancelled};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

/// A held lock.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "closing the file frees the lock")] File);

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl Lock {
    /// Waits for the lock file at `path`, saying so when it has to.
    pub(crate) fn take(
        path: &Path,
        what: &str,
        on_event: &dyn Fn(Event),
        cancel: &Cancel,
    ) -> Result<Self, LockError> {
        let mut meter: Option<Meter> = None;
        loop {
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
            cancel.check()?;
            let meter = meter.get_or_insert_with(|| Meter::start(on_event, Stage::Wait, what));
            meter.at(0, None);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The lock, unless another process (or thread) has it.
    pub(crate) fn try_take(path: &Path) -> io::Result<Option<Self>> {
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
    use std::cell::Cell;

    #[test]
    fn a_second_taker_waits_tells_and_can_give_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/lock");
        let first = Lock::try_take(&path).unwrap().unwrap();
        assert!(Lock::try_take(&path).unwrap().is_none());

        let cancel = Cancel::new();
        let told = Cell::new(false);
        let on_event = |_| {
            told.set(true);
            cancel.cancel();
        };
        let ended = Lock::take(&path, "it", &on_event, &cancel);
        assert!(matches!(ended, Err(LockError::Cancelled(_))));
        assert!(told.get());

        drop(first);
        assert!(Lock::take(&path, "it", &|_| {}, &Cancel::new()).is_ok());
    }
}
