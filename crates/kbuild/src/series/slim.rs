// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small private copy of a source, enough to build bcache in.
//!
//! The whole tree is 1.8 GB and locked while arms are built in it, for minutes.
//! Building one folder needs the build system, the headers, and the Rust
//! library: a fifth of that, in a tree that only we use.

use super::SeriesError;
use crate::event::{Event, Meter, Stage};
use crate::files::remove_dir;
use crate::lock::Lock;
use crate::source::Source;
use crate::tree::WorkTree;
use proc::Cancel;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Copied with all that they hold.
const WHOLE: [&str; 19] = [
    "arch/x86/",
    "block/",
    "certs/",
    "drivers/md/",
    "include/",
    "init/",
    "kernel/",
    "lib/",
    "rust/",
    "scripts/",
    "security/",
    "tools/arch/",
    "tools/bpf/",
    "tools/build/",
    "tools/include/",
    "tools/lib/",
    "tools/objtool/",
    "tools/scripts/",
    "usr/",
];

/// Copied for their Kconfig and make files only.
const THIN: [&str; 8] = [
    "Documentation/",
    "arch/",
    "drivers/gpu/",
    "drivers/net/",
    "sound/",
    "tools/",
    "samples/",
    "drivers/staging/",
];

/// Whether a file takes part in building `drivers/md/bcache`.
fn wanted(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let build = ["Kconfig", "Makefile", "Kbuild", "Platform"].iter().any(|s| name.starts_with(s));
    let within = |list: &[&str]| list.iter().any(|folder| path.starts_with(folder));
    let code = [".c", ".S", ".dts", ".dtsi", ".rst", ".yaml", ".json"];
    build
        || !path.contains('/')
        || within(&WHOLE)
        || !within(&THIN) && !code.iter().any(|end| name.ends_with(end))
}

/// A private tree, ours as long as it lives.
#[derive(Debug)]
pub(super) struct Slim {
    pub(super) dir: PathBuf,
    _lock: Lock,
}

impl Slim {
    /// The copy of `source` below `cache`, made now if it is not there.
    pub(super) fn open(
        cache: &Path,
        source: &Source,
        on_event: &dyn Fn(Event),
        cancel: &Cancel,
    ) -> Result<Self, SeriesError> {
        let key = source.entry.dir.file_name().unwrap_or_default();
        let dir = cache.join("series").join(key);
        let what = "another check of a series on this source";
        let lock = Lock::take(&dir.join("lock"), what, on_event, cancel).map_err(|e| match e {
            crate::lock::LockError::Io(error) => SeriesError::io(&dir)(error),
            crate::lock::LockError::Cancelled(cancelled) => cancelled.into(),
        })?;
        let slim = Self { dir, _lock: lock };
        let note = slim.dir.join("copied");
        // The number counts what is copied.
        let hash = &format!("{} 2", source.provenance.hash);
        if fs::read_to_string(&note).ok().as_ref() == Some(hash) {
            return Ok(slim);
        }
        for old in ["tree", "touched", "objects"] {
            remove_dir(&slim.dir.join(old)).map_err(SeriesError::io(&slim.dir))?;
        }
        let mut meter = Meter::start(on_event, Stage::Unpack, "a copy to build in");
        let (from, to) = (source.entry.tree(), slim.dir.join("tree"));
        let mut copied = 0;
        copy(&from, &to, "", cancel, &mut || {
            copied += 1;
            meter.at(copied, None);
        })?;
        // An arm of the lab may be applied to the original just now.
        for path in source.tree().touched().map_err(SeriesError::io(&slim.dir))? {
            let place = to.join(&path);
            let done = match source.pristine(&path) {
                Some(data) if wanted(&path) => fs::write(&place, data),
                Some(_) => Ok(()),
                None => fs::remove_file(&place).or_else(|error| match error.kind() {
                    io::ErrorKind::NotFound => Ok(()),
                    _ => Err(error),
                }),
            };
            done.map_err(SeriesError::io(&place))?;
        }
        fs::write(&note, hash).map_err(SeriesError::io(&note))?;
        Ok(slim)
    }

    pub(super) fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    pub(super) fn work(&self) -> WorkTree {
        WorkTree::new(&self.dir)
    }
}

fn copy(
    from: &Path,
    to: &Path,
    below: &str,
    cancel: &Cancel,
    copied: &mut dyn FnMut(),
) -> Result<(), SeriesError> {
    cancel.check()?;
    let dir = from.join(below);
    let mut made = false;
    for entry in fs::read_dir(&dir).map_err(SeriesError::io(&dir))? {
        let entry = entry.map_err(SeriesError::io(&dir))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
        let kind = entry.file_type().map_err(SeriesError::io(&dir))?;
        if kind.is_dir() {
            if name != ".git" {
                copy(from, to, &path, cancel, copied)?;
            }
            continue;
        }
        if !wanted(&path) {
            continue;
        }
        if !made {
            fs::create_dir_all(to.join(below)).map_err(SeriesError::io(to))?;
            made = true;
        }
        let (old, new) = (from.join(&path), to.join(&path));
        let done = if kind.is_symlink() {
            fs::read_link(&old).and_then(|target| std::os::unix::fs::symlink(target, &new))
        } else {
            fs::copy(&old, &new).map(|_| ())
        };
        match done {
            // An arm's file that went while we looked.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => done.map_err(SeriesError::io(&new))?,
        }
        copied();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_of_bcache_needs_is_copied() {
        for path in [
            "Makefile",
            ".rustfmt.toml",
            "drivers/md/bcache/request.c",
            "drivers/gpu/drm/Kconfig",
            "arch/x86/boot/main.c",
            "arch/arm/Kconfig",
            "drivers/android/binder/rust_binder.h",
            "rust/kernel/lib.rs",
            "Documentation/Kconfig",
        ] {
            assert!(wanted(path), "{path}");
        }
        for path in
            ["drivers/gpu/drm/a.h", "fs/ext4/super.c", "arch/arm/x.S", "Documentation/a.rst"]
        {
            assert!(!wanted(path), "{path}");
        }
    }
}
