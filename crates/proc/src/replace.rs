// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that are whole or not there at all.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes a file, in a folder that need not exist, so that a reader, a crash or a power
/// cut sees the old one or the new one.
///
/// # Errors
/// The file system's; what was there before is still there.
pub fn replace(path: &Path, data: impl AsRef<[u8]>) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    // The umask takes from it what others are not to have.
    let mode = Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(dir)?;
    file.write_all(data.as_ref())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_one_stays_until_the_new_one_is_there_and_nothing_is_left_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/folder/file");
        replace(&path, "one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        // As a file that is created in the usual way.
        let plain = dir.path().join("plain");
        fs::write(&plain, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&plain));
        // A folder cannot be replaced.
        assert!(replace(path.parent().unwrap(), "three").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"two");
    }
}
