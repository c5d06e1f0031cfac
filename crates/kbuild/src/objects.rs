// SPDX-License-Identifier: MIT OR Apache-2.0
//! The object tree of one source and configuration, which every arm is built
//! in, one after another.
//!
//! `make` trusts times. A compiler that was killed may leave half an object
//! that is newer than its source. So a marker is written before make runs and
//! removed when it succeeds. Found again, it means: everything that is newer
//! than the marker, but whose command was not recorded after it (the kernel
//! writes `.NAME.cmd` last), is removed and made again. Most of an interrupted
//! build survives.

use crate::files::write_atomically;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// An object tree; the caller holds the source's lock.
#[derive(Debug)]
pub(crate) struct Objects {
    pub(crate) dir: PathBuf,
}

impl Objects {
    /// Opens (or makes) the tree and mends what a crash left.
    pub(crate) fn open(dir: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let objects = Self { dir };
        if let Ok(meta) = fs::metadata(objects.marker()) {
            mend(&objects.dir, meta.modified()?)?;
        }
        Ok(objects)
    }

    fn marker(&self) -> PathBuf {
        self.dir.join(".lab-building")
    }

    /// Declares that make is at work. A marker that is there stays: what it
    /// guards is not finished yet.
    pub(crate) fn begin(&self) -> io::Result<()> {
        if self.marker().exists() {
            return Ok(());
        }
        fs::write(self.marker(), "")
    }

    /// Declares that all is well.
    pub(crate) fn finish(&self) -> io::Result<()> {
        fs::remove_file(self.marker())
    }

    /// A note about the tree (what it is configured for, how many steps a
    /// build takes).
    pub(crate) fn note(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.dir.join(format!(".lab-{name}"))).ok()
    }

    pub(crate) fn set_note(&self, name: &str, text: &str) -> io::Result<()> {
        write_atomically(&self.dir.join(format!(".lab-{name}")), text.as_bytes())
    }

    pub(crate) fn remove_note(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.dir.join(format!(".lab-{name}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Removes the products since `since` that may be incomplete.
fn mend(dir: &Path, since: SystemTime) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            mend(&entry.path(), since)?;
            continue;
        }
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !kind.is_file() || !is_product(&name) {
            continue;
        }
        let made = entry.metadata()?.modified()?;
        let recorded = fs::metadata(dir.join(format!(".{name}.cmd"))).and_then(|m| m.modified());
        let whole = recorded.is_ok_and(|recorded| recorded >= made);
        if made >= since && !whole {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Files that are made by a recorded command, or beside one. Headers and
/// sources are made under another name and renamed.
fn is_product(name: &str) -> bool {
    let ends = [".o", ".a", ".rmeta", ".so", ".elf", ".symvers", ".lds"];
    name.starts_with("vmlinux") || ends.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn after_a_crash_only_doubtful_objects_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let sub = dir.path().join("d");
        fs::create_dir_all(&sub).unwrap();
        let start = SystemTime::now();
        let put = |name: &str, seconds: i64| {
            let path = sub.join(name);
            fs::write(&path, "x").unwrap();
            let age = Duration::from_secs(seconds.unsigned_abs());
            let time = if seconds < 0 { start - age } else { start + age };
            fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
        };
        // Made before the build began; made and recorded in it; half made.
        put("old.o", -10);
        put("whole.o", 1);
        put(".whole.o.cmd", 2);
        put("half.o", 5);
        put(".half.o.cmd", -10);
        put("new.o", 5);
        put("header.h", 5);
        let objects = Objects::open(dir.path().into()).unwrap();
        objects.begin().unwrap();
        fs::File::options()
            .append(true)
            .open(objects.marker())
            .unwrap()
            .set_modified(start)
            .unwrap();

        Objects::open(dir.path().into()).unwrap();
        let left = |name: &str| sub.join(name).exists();
        assert!(left("old.o") && left("whole.o") && left("header.h"));
        assert!(!left("half.o") && !left("new.o"));

        objects.finish().unwrap();
        put("later.o", 9);
        Objects::open(dir.path().into()).unwrap();
        assert!(left("later.o"));
    }
}
