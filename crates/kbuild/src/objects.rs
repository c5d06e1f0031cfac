// SPDX-License-Identifier: MIT OR Apache-2.0
//! The object trees of one source and configuration, which the arms are built
//! in, one after another.
//!
//! Arms that differ in bcache alone share a tree: going from one to the other
//! compiles bcache. An arm that also changes a header of the core or an option
//! would make half of the kernel's Rust again, and so would the way back. So
//! such arms form a *group* with a tree of its own, cloned from the last one.
//! Object trees know their own path: the active one is always at `tree`, the
//! others wait in `groups`.
//!
//! `make` trusts times. A compiler that was killed may leave half an object
//! that is newer than its source. So a marker is written before make runs and
//! removed when it succeeds. Found again, it means: everything that is newer
//! than the marker, but whose command was not recorded after it (the kernel
//! writes `.NAME.cmd` last), is removed and made again. Most of an interrupted
//! build survives.

use crate::files::remove_dir;
use proc::{Cancel, RunError, replace, run_lines};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Groups that wait; each is a third of a gigabyte.
const KEPT: usize = 4;

/// The active object tree; the caller holds the source's lock.
#[derive(Debug)]
pub(crate) struct Objects {
    pub(crate) dir: PathBuf,
}

impl Objects {
    /// Makes the tree of `group` the active one, and mends what a crash left
    /// in it.
    pub(crate) fn open(root: &Path, group: &str, cancel: &Cancel) -> Result<Self, RunError> {
        let objects = Self { dir: root.join("tree") };
        fs::create_dir_all(root)?;
        // Its time says when it was used last; see `prune`.
        let _ = fs::File::open(root).and_then(|dir| dir.set_modified(SystemTime::now()));
        if objects.note("group").as_deref() != Some(group) {
            objects.switch(root, group, cancel)?;
        }
        if let Ok(meta) = fs::metadata(objects.marker()) {
            mend(&objects.dir, meta.modified()?)?;
        }
        Ok(objects)
    }

    fn switch(&self, root: &Path, group: &str, cancel: &Cancel) -> Result<(), RunError> {
        let groups = root.join("groups");
        fs::create_dir_all(&groups)?;
        let mut last = None;
        if let Some(active) = self.note("group") {
            let place = groups.join(active);
            remove_dir(&place)?;
            fs::rename(&self.dir, &place)?;
            last = Some(place);
        }
        // Without its name, a tree is what a crash left.
        remove_dir(&self.dir)?;
        let waiting = groups.join(group);
        if waiting.exists() {
            fs::rename(&waiting, &self.dir)?;
            return Ok(());
        }
        let fresh = Self { dir: root.join("fresh") };
        remove_dir(&fresh.dir)?;
        match last {
            Some(last) => clone(&last, &fresh.dir, cancel)?,
            None => fs::create_dir_all(&fresh.dir)?,
        }
        fresh.set_note("group", group)?;
        fs::rename(&fresh.dir, &self.dir)?;
        prune(&groups);
        Ok(())
    }

    /// Where the times of the files that arms change are kept, for
    /// [`crate::tree::WorkTree::settle`].
    pub(crate) fn times(&self) -> PathBuf {
        self.dir.join(".lab-times")
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
        replace(&self.dir.join(format!(".lab-{name}")), text)
    }

    pub(crate) fn remove_note(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.dir.join(format!(".lab-{name}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// A copy with all times, sharing blocks where the file system can.
fn clone(from: &Path, to: &Path, cancel: &Cancel) -> Result<(), RunError> {
    let mut said = String::new();
    let mut command = Command::new("cp");
    command.args(["-a", "--reflink=auto"]).arg(from).arg(to);
    let status = run_lines(&mut command, cancel, |line| said = line.to_owned())?;
    if status.success() { Ok(()) } else { Err(io::Error::other(said).into()) }
}

/// Best effort: what cannot be removed now will be another time.
fn prune(groups: &Path) {
    let Ok(entries) = fs::read_dir(groups) else { return };
    let used = |path: &Path| fs::metadata(path.join("vmlinux")).and_then(|m| m.modified()).ok();
    let mut aged: Vec<_> =
        entries.flatten().map(|entry| (used(&entry.path()), entry.path())).collect();
    aged.sort();
    for (_, path) in aged.iter().rev().skip(KEPT) {
        let _ = fs::remove_dir_all(path);
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
        let command = dir.join(format!(".{}.cmd", maker(&name)));
        let recorded = fs::metadata(command).and_then(|m| m.modified());
        let whole = recorded.is_ok_and(|recorded| recorded >= made);
        if (made >= since && !whole) || lacks_metadata(dir, &name) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The product whose recorded command makes this one: rustc writes a crate's
/// metadata beside its object, `libkernel.rmeta` beside `kernel.o`.
fn maker(name: &str) -> String {
    let library = name.strip_prefix("lib").and_then(|name| name.strip_suffix(".rmeta"));
    library.map_or_else(|| name.to_owned(), |library| format!("{library}.o"))
}

/// Whether it is the object of a Rust library whose metadata are gone: make
/// would not miss them, and whatever uses the library could not be compiled.
fn lacks_metadata(dir: &Path, name: &str) -> bool {
    let Some(library) = name.strip_suffix(".o").filter(|_| dir.ends_with("rust")) else {
        return false;
    };
    let metadata = format!("lib{library}.rmeta");
    let command = fs::read_to_string(dir.join(format!(".{name}.cmd"))).unwrap_or_default();
    command.contains(&metadata) && !dir.join(metadata).exists()
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
        let open = || Objects::open(dir.path(), "g", &Cancel::new()).unwrap();
        let objects = open();
        let sub = objects.dir.join("d");
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
        objects.begin().unwrap();
        fs::File::options()
            .append(true)
            .open(objects.marker())
            .unwrap()
            .set_modified(start)
            .unwrap();

        open();
        let left = |name: &str| sub.join(name).exists();
        assert!(left("old.o") && left("whole.o") && left("header.h"));
        assert!(!left("half.o") && !left("new.o"));

        objects.finish().unwrap();
        put("later.o", 9);
        open();
        assert!(left("later.o"));
    }

    /// `drivers/x.rs` would not find the crate `kernel`.
    #[test]
    fn an_object_and_the_metadata_beside_it_stay_or_go_together() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Objects::open(dir.path(), "g", &Cancel::new()).unwrap();
        let objects = open();
        let rust = objects.dir.join("rust");
        fs::create_dir_all(&rust).unwrap();
        objects.begin().unwrap();
        let put = |name: &str, seconds: u64| {
            let path = rust.join(name);
            let stem = name.trim_start_matches('.').split('.').next().unwrap();
            fs::write(&path, format!("--emit=metadata=./rust/lib{stem}.rmeta")).unwrap();
            let time = SystemTime::now() + Duration::from_secs(seconds);
            fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
        };
        // A whole one, one whose command was not recorded any more, and what an
        // earlier version of this made of a whole one.
        for (name, recorded) in [("kernel", true), ("half", false), ("headless", true)] {
            put(&format!("lib{name}.rmeta"), 1);
            put(&format!("{name}.o"), 2);
            if recorded {
                put(&format!(".{name}.o.cmd"), 3);
            }
        }
        fs::remove_file(rust.join("libheadless.rmeta")).unwrap();

        open();
        let left = |name: &str| rust.join(name).exists();
        assert!(left("kernel.o") && left("libkernel.rmeta"));
        assert!(!left("half.o") && !left("libhalf.rmeta"));
        assert!(!left("headless.o"));
    }

    #[test]
    fn each_group_finds_its_own_objects_again() {
        let dir = tempfile::tempdir().unwrap();
        let open = |group: &str| Objects::open(dir.path(), group, &Cancel::new()).unwrap();
        let built = |objects: &Objects| fs::read_to_string(objects.dir.join("x.o")).ok();
        let first = open("a");
        fs::write(first.dir.join("x.o"), "a").unwrap();
        let second = open("b");
        assert_eq!(second.dir, first.dir);
        assert_eq!(built(&second).as_deref(), Some("a"));
        fs::write(second.dir.join("x.o"), "b").unwrap();
        assert_eq!(built(&open("a")).as_deref(), Some("a"));
        assert_eq!(built(&open("b")).as_deref(), Some("b"));

        // A crash while the trees were swapped.
        fs::rename(dir.path().join("tree"), dir.path().join("groups/b")).unwrap();
        fs::create_dir_all(dir.path().join("fresh")).unwrap();
        assert_eq!(built(&open("b")).as_deref(), Some("b"));
        for group in ["c", "d", "e", "f", "g", "h"] {
            open(group);
        }
        assert!(fs::read_dir(dir.path().join("groups")).unwrap().count() <= KEPT);
    }
}
