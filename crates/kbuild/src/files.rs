// SPDX-License-Identifier: MIT OR Apache-2.0
//! Small file operations that std leaves to its users.

use std::fs;
use std::io;
use std::path::Path;

/// Writes a file so that a reader (or a crash) sees all of it or none.
pub(crate) fn write_atomically(path: &Path, data: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    io::Write::write_all(&mut file, data)?;
    file.persist(path)?;
    Ok(())
}

/// Removes a directory that may not be there.
pub(crate) fn remove_dir(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Bytes that an ordinary user can still write below `dir`; `None` when the
/// file system does not tell.
pub(crate) fn free_space(dir: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    Some(stat.f_bavail * stat.f_frsize)
}

/// Whether an I/O error means that the disk is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
