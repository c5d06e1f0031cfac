// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel sources in a directory: its files as they are, copied.
//!
//! The copy is kept in step: a file whose size and time are as before is
//! neither read nor copied again, so that after an edit only what depends on
//! it is compiled.

use super::error::SourceError;
use super::job::Job;
use super::provenance::Provenance;
use super::store::Entry;
use super::version;
use crate::event::Meter;
use crate::tree::WorkTree;
use evidence::Origin;
use patch::Overlay;
use proc::replace;
use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Size, time, mode and content of one file, as a line of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    stat: String,
    content: String,
}

pub(super) fn obtain(job: &Job, path: &Path) -> Result<(Entry, Provenance), SourceError> {
    let path = fs::canonicalize(path).map_err(SourceError::io(path))?;
    let key = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
    let entry = Entry::new(job.dirs, &format!("dir-{}", &key[..16]));
    if job.dirs.cache.starts_with(&path) {
        return Err(SourceError::Spec {
            given: path.display().to_string(),
            why: "the cache lies inside it; set XDG_CACHE_HOME to a place outside".into(),
        });
    }
    // A directory that is no kernel at all need not be read through.
    version::check(&path, &path.display().to_string())?;
    let _lock = entry.lock(job)?;
    if !entry.tree().exists() {
        job.check_space()?;
    }
    let origin = Origin::Directory { path: path.display().to_string() };
    let mut copy = Copy {
        job,
        meter: Meter::start(job.on_event, "copy of the kernel source", "files"),
        from: &path,
        to: entry.tree(),
        known: read_manifest(&entry.dir.join("manifest")),
        found: BTreeMap::new(),
        restored: false,
        entry: &entry,
    };
    copy.directory(Path::new(""))?;
    copy.remove_gone()?;
    let changed = copy.restored;
    let found = copy.found;
    let hash = format!("blake3:{}", tree_hash(&found));
    if !changed && let Some(was) = entry.provenance().filter(|was| was.hash == hash) {
        return Ok((entry, was));
    }
    let manifest = entry.dir.join("manifest");
    replace(&manifest, write_manifest(&found)).map_err(SourceError::io(&manifest))?;
    let provenance = entry.seal(origin, hash)?;
    Ok((entry, provenance))
}

struct Copy<'a> {
    job: &'a Job<'a>,
    meter: Meter<'a>,
    from: &'a Path,
    to: PathBuf,
    entry: &'a Entry,
    known: BTreeMap<String, Known>,
    found: BTreeMap<String, Known>,
    /// The arm has been taken out of our tree, as before its first change.
    restored: bool,
}

impl Copy<'_> {
    fn directory(&mut self, below: &Path) -> Result<(), SourceError> {
        self.job.cancel.check()?;
        let dir = self.from.join(below);
        for item in fs::read_dir(&dir).map_err(SourceError::io(&dir))? {
            let item = item.map_err(SourceError::io(&dir))?;
            let below = below.join(item.file_name());
            let Some(name) = below.to_str().map(str::to_owned) else { continue };
            let path = item.path();
            let meta = fs::symlink_metadata(&path).map_err(SourceError::io(&path))?;
            if is_product(&name, meta.is_dir()) {
                continue;
            }
            if meta.is_dir() {
                if is_objects(&path) {
                    continue;
                }
                self.directory(&below)?;
            } else if meta.is_file() || meta.is_symlink() {
                self.file(&name, &path, &meta)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, name: &str, path: &Path, meta: &Metadata) -> Result<(), SourceError> {
        let stat =
            format!("{} {}.{} {:o}", meta.size(), meta.mtime(), meta.mtime_nsec(), meta.mode());
        self.meter.at(self.found.len() as u64, Some(self.known.len() as u64).filter(|&n| n > 0));
        if let Some(known) = self.known.get(name).filter(|known| known.stat == stat) {
            self.found.insert(name.into(), known.clone());
            return Ok(());
        }
        self.job.cancel.check()?;
        self.restore()?;
        let to = self.to.join(name);
        let io = SourceError::io;
        if let Some(dir) = to.parent() {
            fs::create_dir_all(dir).map_err(io(dir))?;
        }
        let content = if meta.is_symlink() {
            let target = fs::read_link(path).map_err(io(path))?;
            let _ = fs::remove_file(&to);
            std::os::unix::fs::symlink(&target, &to).map_err(io(&to))?;
            blake3::hash(target.as_os_str().as_encoded_bytes())
        } else {
            let data = fs::read(path).map_err(io(path))?;
            // Same content with a new time: make need not know.
            if fs::read(&to).ok().as_ref() != Some(&data) {
                fs::write(&to, &data).map_err(io(&to))?;
            }
            let mode = meta.mode() & 0o777 | 0o600;
            fs::set_permissions(&to, PermissionsExt::from_mode(mode)).map_err(io(&to))?;
            blake3::hash(&data)
        };
        let content = content.to_hex().to_string();
        self.found.insert(name.into(), Known { stat, content });
        Ok(())
    }

    fn remove_gone(&mut self) -> Result<(), SourceError> {
        let gone: Vec<String> =
            self.known.keys().filter(|name| !self.found.contains_key(*name)).cloned().collect();
        for name in gone {
            self.restore()?;
            let path = self.to.join(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(SourceError::io(&path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Before the first change: our tree becomes pristine, and incomplete.
    fn restore(&mut self) -> Result<(), SourceError> {
        if self.restored {
            return Ok(());
        }
        self.restored = true;
        let work = WorkTree::new(&self.entry.dir);
        let io = SourceError::io(&self.entry.dir);
        work.sync(&Overlay::default()).and_then(|_| work.forget()).map_err(io)?;
        self.entry.unseal()
    }
}

/// An object tree (`O=`), in which the kernel's Makefile leaves a link to its
/// source.
fn is_objects(dir: &Path) -> bool {
    dir.join("source").is_symlink() && dir.join("Makefile").exists()
}

/// What building in the tree leaves there, and git's own.
fn is_product(name: &str, dir: bool) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    if dir {
        let generated = name.starts_with("arch/") && name.ends_with("/include/generated");
        return file == ".git"
            || generated
            || matches!(name, "include/config" | "include/generated");
    }
    let ends = [".o", ".ko", ".a", ".so", ".mod", ".rmeta", ".cmd", ".order", ".symvers"];
    name == ".git"
        || name == ".config"
        || name == ".config.old"
        || name == "System.map"
        || name.starts_with("vmlinux")
        || ends.iter().any(|end| file.ends_with(end))
}

fn tree_hash(files: &BTreeMap<String, Known>) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, known) in files {
        let mode = known.stat.rsplit(' ').next().unwrap_or_default();
        hasher.update(format!("{name}\0{mode}\0{}\n", known.content).as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// `content TAB stat TAB name`; names with a newline are not kernel source.
fn write_manifest(files: &BTreeMap<String, Known>) -> Vec<u8> {
    let line =
        |(name, known): (&String, &Known)| format!("{}\t{}\t{name}\n", known.content, known.stat);
    files.iter().map(line).collect::<String>().into_bytes()
}

fn read_manifest(path: &Path) -> BTreeMap<String, Known> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = |line: &str| {
        let mut parts = line.splitn(3, '\t');
        let (content, stat, name) = (parts.next()?, parts.next()?, parts.next()?);
        Some((name.to_owned(), Known { stat: stat.into(), content: content.into() }))
    };
    text.lines().filter_map(line).collect()
}
