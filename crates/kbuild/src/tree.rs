// SPDX-License-Identifier: MIT OR Apache-2.0
//! A private source tree that arms are put into and taken out of.
//!
//! Before a file is changed for the first time, its pristine content is put
//! aside. Putting an arm in then means: every file that any arm ever touched
//! gets the content that this arm wants, or its pristine one, and is written
//! only when it differs. So `make` sees new times on exactly what changed, and
//! a crash in the middle is mended by the next call.

use patch::{Content, Overlay};
use proc::replace;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `tree/` with `touched/files` and `touched/absent` beside it.
#[derive(Debug, Clone)]
pub(crate) struct WorkTree {
    root: PathBuf,
    files: PathBuf,
    absent: PathBuf,
}

impl WorkTree {
    pub(crate) fn new(entry: &Path) -> Self {
        let touched = entry.join("touched");
        Self {
            root: entry.join("tree"),
            files: touched.join("files"),
            absent: touched.join("absent"),
        }
    }

    /// A file without any arm, also while another process puts one in.
    pub(crate) fn pristine(&self, path: &str) -> Option<Vec<u8>> {
        if let Some(aside) = self.aside(path) {
            return aside;
        }
        let now = self.inside(path).and_then(fs::read).ok();
        // It may have been put aside and changed while we read it.
        self.aside(path).unwrap_or(now)
    }

    /// `Some` when the file is among the touched ones.
    fn aside(&self, path: &str) -> Option<Option<Vec<u8>>> {
        if let Ok(data) = fs::read(self.files.join(path)) {
            return Some(Some(data));
        }
        self.absent.join(path).is_file().then_some(None)
    }

    /// Makes the tree the pristine one with `overlay` on top; returns how many
    /// files were written or removed. The caller holds the tree's lock.
    pub(crate) fn sync(&self, overlay: &Overlay) -> io::Result<usize> {
        let mut paths = self.touched()?;
        for (path, _) in overlay.iter() {
            if paths.insert(path.to_owned()) {
                self.put_aside(path)?;
            }
        }
        let mut changed = 0;
        for path in &paths {
            changed += usize::from(self.sync_file(path, overlay.get(path))?);
        }
        Ok(changed)
    }

    /// After `sync`: gives every touched file the time at which the object
    /// tree whose record is `times` first saw its present content, so that
    /// going to another arm's tree and back does not make files look new. A
    /// content that is not the last one that this tree saw is new now. What its
    /// record does not name, no arm had changed then: the tree saw the pristine file.
    pub(crate) fn settle(&self, times: &Path) -> io::Result<()> {
        let seen = read_times(times);
        let now = SystemTime::now();
        let mut record = String::new();
        for path in self.touched()? {
            let place = self.inside(&path)?;
            let Some(data) = read_if_there(&place)? else { continue };
            let hash = blake3::hash(&data).to_hex().to_string();
            let time = match seen.as_ref().map(|seen| seen.get(&path)) {
                Some(Some((known, time))) if *known == hash => Some(*time),
                Some(None) => self.pristine_time(&path, &data),
                _ => None,
            };
            let time = time.unwrap_or(now);
            fs::File::open(&place)?.set_modified(time)?;
            let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            record.push_str(&format!("{hash} {} {path}\n", since.as_nanos()));
        }
        replace(times, &record)
    }

    /// When the pristine file was last changed, if `data` is its content.
    fn pristine_time(&self, path: &str, data: &[u8]) -> Option<SystemTime> {
        let aside = self.files.join(path);
        let is_it = fs::read(&aside).is_ok_and(|pristine| pristine == data);
        is_it.then(|| fs::metadata(&aside).and_then(|meta| meta.modified()).ok())?
    }

    /// Files that some arm has changed, by their path in the tree.
    pub(crate) fn touched(&self) -> io::Result<BTreeSet<String>> {
        let mut paths = BTreeSet::new();
        list(&self.files, Path::new(""), &mut paths)?;
        list(&self.absent, Path::new(""), &mut paths)?;
        Ok(paths)
    }

    fn put_aside(&self, path: &str) -> io::Result<()> {
        let place = self.inside(path)?;
        match fs::read(&place) {
            Ok(data) => {
                let aside = self.files.join(path);
                replace(&aside, &data)?;
                fs::File::open(&aside)?.set_modified(fs::metadata(&place)?.modified()?)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                replace(&self.absent.join(path), "")
            }
            Err(error) => Err(error),
        }
    }

    fn sync_file(&self, path: &str, wanted: Option<&Content>) -> io::Result<bool> {
        let place = self.inside(path)?;
        let now = read_if_there(&place)?;
        let (data, executable) = match wanted {
            Some(Content::Absent) => (None, false),
            Some(Content::File { data, executable }) => (Some(data.clone()), *executable),
            None => (self.aside(path).flatten(), false),
        };
        let changed = now != data;
        match data {
            None if changed => fs::remove_file(&place)?,
            None => {}
            Some(data) => {
                if changed {
                    if let Some(dir) = place.parent() {
                        fs::create_dir_all(dir)?;
                    }
                    // In place: the mode of a script stays.
                    fs::write(&place, data)?;
                }
                if executable {
                    fs::set_permissions(&place, PermissionsExt::from_mode(0o755))?;
                }
            }
        }
        Ok(changed)
    }

    /// Forgets what was put aside; for when the pristine source itself is
    /// about to change, after `sync` with nothing.
    pub(crate) fn forget(&self) -> io::Result<()> {
        // No record of times speaks of them any more: they are new to all.
        for path in self.touched()? {
            match fs::File::open(self.inside(&path)?) {
                Ok(file) => file.set_modified(SystemTime::now())?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        crate::files::remove_dir(&self.files)?;
        crate::files::remove_dir(&self.absent)
    }

    /// The file's place, if no link on the way leads elsewhere.
    fn inside(&self, path: &str) -> io::Result<PathBuf> {
        let mut place = self.root.clone();
        for part in path.split('/') {
            place.push(part);
            if fs::symlink_metadata(&place).is_ok_and(|meta| meta.is_symlink()) {
                let text = format!("{path} lies behind a symbolic link; patch the real file");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
        }
        Ok(place)
    }
}

fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(data) => Ok(Some(data)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Path → content hash and time. None for an unreadable record: nothing is known of
/// its tree, and that all is new costs time but is never wrong.
fn read_times(path: &Path) -> Option<BTreeMap<String, (String, SystemTime)>> {
    let text = fs::read_to_string(path).ok()?;
    let line = |line: &str| {
        let mut parts = line.splitn(3, ' ');
        let (hash, nanos, path) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        Some((path.to_owned(), (hash.to_owned(), UNIX_EPOCH + Duration::from_nanos(nanos))))
    };
    Some(text.lines().filter_map(line).collect())
}

fn list(root: &Path, below: &Path, into: &mut BTreeSet<String>) -> io::Result<()> {
    let entries = match fs::read_dir(root.join(below)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            list(root, &path, into)?;
        } else if let Some(path) = path.to_str()
            // Left by a crash in the middle of putting a file aside.
            && !entry.file_name().to_string_lossy().starts_with(".tmp")
        {
            into.insert(path.to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay(files: &[(&str, Option<&str>)]) -> Overlay {
        let mut overlay = Overlay::default();
        for (path, text) in files {
            let content = text.map_or(Content::Absent, |text| Content::File {
                data: text.into(),
                executable: false,
            });
            overlay.set(path, content);
        }
        overlay
    }

    #[test]
    fn arms_come_and_go_and_times_change_only_where_content_does() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("tree");
        fs::create_dir_all(root.join("d")).unwrap();
        fs::write(root.join("d/a"), "a").unwrap();
        fs::write(root.join("d/b"), "b").unwrap();
        let tree = WorkTree::new(dir.path());
        let read = |path: &str| fs::read_to_string(root.join(path)).ok();

        let one = overlay(&[("d/a", Some("A")), ("d/new", Some("N")), ("d/b", None)]);
        assert_eq!(tree.sync(&one).unwrap(), 3);
        assert_eq!(
            [read("d/a"), read("d/b"), read("d/new")],
            [Some("A".into()), None, Some("N".into())]
        );
        assert_eq!(tree.pristine("d/a").unwrap(), b"a");
        assert_eq!(tree.pristine("d/b").unwrap(), b"b");
        assert_eq!(tree.pristine("d/new"), None);

        let past = SystemTime::now() - Duration::from_secs(100);
        let stamp = |path: &str| fs::File::open(root.join(path)).unwrap();
        stamp("d/a").set_modified(past).unwrap();
        assert_eq!(tree.sync(&one).unwrap(), 0);
        let two = overlay(&[("d/a", Some("A"))]);
        assert_eq!(tree.sync(&two).unwrap(), 2);
        assert_eq!(stamp("d/a").metadata().unwrap().modified().unwrap(), past);
        assert_eq!([read("d/b"), read("d/new")], [Some("b".into()), None]);

        assert_eq!(tree.sync(&Overlay::default()).unwrap(), 1);
        assert_eq!(read("d/a").as_deref(), Some("a"));
    }

    #[test]
    fn two_object_trees_each_keep_their_times() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tree/a");
        fs::create_dir_all(dir.path().join("tree")).unwrap();
        fs::write(&file, "a").unwrap();
        let tree = WorkTree::new(dir.path());
        let visit = |times: &str, text: &str| {
            tree.sync(&overlay(&[("a", Some(text))])).unwrap();
            tree.settle(&dir.path().join(times)).unwrap();
            fs::metadata(&file).unwrap().modified().unwrap()
        };
        let one = visit("one", "x");
        let two = visit("two", "y");
        assert!(two > one);
        // Each tree's last content is as old as it was there...
        assert_eq!(visit("one", "x"), one);
        assert_eq!(visit("two", "y"), two);
        // ...but one that is new to the tree is new, however old on disk,
        assert!(visit("one", "y") > two);
        // and so is one that it saw before its last.
        assert!(visit("one", "x") > two);

        // A new pristine source: nothing is remembered.
        let x = visit("one", "x");
        tree.sync(&Overlay::default()).unwrap();
        tree.forget().unwrap();
        fs::write(&file, "b").unwrap();
        let other = overlay(&[("c", Some("c"))]);
        tree.sync(&other).unwrap();
        tree.settle(&dir.path().join("one")).unwrap();
        assert!(visit("one", "x") > x);
    }

    #[test]
    fn a_tree_that_was_built_before_an_arm_came_finds_the_pristine_file_as_old_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tree/a");
        fs::create_dir_all(dir.path().join("tree")).unwrap();
        fs::write(&file, "a").unwrap();
        let past = SystemTime::now() - Duration::from_secs(100);
        fs::File::open(&file).unwrap().set_modified(past).unwrap();
        let tree = WorkTree::new(dir.path());
        let visit = |times: &str, files: &[(&str, Option<&str>)]| {
            tree.sync(&overlay(files)).unwrap();
            tree.settle(&dir.path().join(times)).unwrap();
            fs::metadata(&file).unwrap().modified().unwrap()
        };
        assert_eq!(visit("base", &[]), past);
        assert!(visit("other", &[("a", Some("x"))]) > past);
        assert_eq!(visit("base", &[]), past);
        // Of what a tree was built with, whose record is lost, nothing is known;
        fs::remove_file(dir.path().join("base")).unwrap();
        assert!(visit("base", &[]) > past);
        // and one that saw the arm's file last does not know the pristine one.
        assert!(visit("other", &[]) > past);
    }

    #[test]
    fn a_half_applied_arm_is_mended() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("tree");
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("a"), "a").unwrap();
        let tree = WorkTree::new(dir.path());
        tree.sync(&overlay(&[("a", Some("long text"))])).unwrap();
        // As a crash in the middle of a write leaves it.
        fs::write(root.join("a"), "lo").unwrap();
        tree.sync(&Overlay::default()).unwrap();
        assert_eq!(fs::read_to_string(root.join("a")).unwrap(), "a");
    }

    #[test]
    fn links_out_of_the_tree_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("outside");
        fs::create_dir_all(&outside).unwrap();
        fs::create_dir_all(dir.path().join("tree")).unwrap();
        std::os::unix::fs::symlink(&outside, dir.path().join("tree/link")).unwrap();
        let tree = WorkTree::new(dir.path());
        assert!(tree.sync(&overlay(&[("link/x", Some("x"))])).is_err());
        assert!(!outside.join("x").exists());
    }
}
