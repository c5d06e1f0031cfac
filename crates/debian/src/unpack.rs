// SPDX-License-Identifier: MIT OR Apache-2.0
//! Unpacks what was fetched, with nothing but ar and tar.

use crate::{AptError, Event};
use proc::{Cancel, Tail, run_lines};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An unpacked source package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceDir {
    /// The top of the upstream tree, with Debian's `debian/` in it. Debian's own
    /// patches are *not* applied: unpacking must not need more than tar.
    pub path: PathBuf,
    /// Its full Debian version.
    pub version: String,
}

/// Unpacks a binary package's files into the directory `into`.
///
/// # Errors
/// [`AptError`]; `into` may then hold a part of them.
pub fn unpack_deb(
    deb: &Path,
    into: &Path,
    on_event: &dyn Fn(Event),
    cancel: &Cancel,
) -> Result<(), AptError> {
    let deb = std::path::absolute(deb).map_err(AptError::io(deb))?;
    let parts = into.join(".parts");
    fs::create_dir_all(&parts).map_err(AptError::io(&parts))?;
    // A package is an ar archive with the files in `data.tar.xz`, or another
    // compression that tar knows.
    run("ar", &deb, into, on_event, cancel, |command| {
        command.current_dir(&parts).arg("x").arg(&deb);
    })?;
    let data = names(&parts)?.into_iter().find(|name| name.starts_with("data.tar"));
    let data = data.ok_or_else(|| AptError::Failed {
        what: format!("unpacking {}", deb.display()),
        tail: "it has no data.tar".into(),
    })?;
    untar(&parts.join(data), into, 0, on_event, cancel)?;
    fs::remove_dir_all(&parts).map_err(AptError::io(&parts))
}

/// Unpacks the one source package whose files lie in `files` into `into`.
pub(crate) fn unpack_source(
    files: &Path,
    into: &Path,
    on_event: &dyn Fn(Event),
    cancel: &Cancel,
) -> Result<SourceDir, AptError> {
    let names = names(files)?;
    let odd =
        |tail: String| AptError::Failed { what: format!("unpacking {}", files.display()), tail };
    let dsc = names.iter().filter(|name| name.ends_with(".dsc")).max();
    let dsc = dsc.ok_or_else(|| odd("apt-get left no .dsc there".into()))?;
    let text = fs::read_to_string(files.join(dsc)).map_err(AptError::io(files))?;
    let version = field(&text, "Version").ok_or_else(|| odd(format!("{dsc} has no version")))?;
    let source = field(&text, "Source").ok_or_else(|| odd(format!("{dsc} has no name")))?;
    let parts = listed_files(&text);
    let part = |ending: &str| {
        parts
            .iter()
            .find(|name| name.rsplit_once(".tar.").is_some_and(|(stem, _)| stem.ends_with(ending)))
    };
    let Some(upstream) = part(".orig").or_else(|| part("")) else {
        return Err(odd(format!("{dsc} lists no tarball")));
    };

    let top = into.join(format!("{source}-{}", version.replace(':', "%3a")));
    if top.exists() {
        fs::remove_dir_all(&top).map_err(AptError::io(&top))?;
    }
    fs::create_dir_all(&top).map_err(AptError::io(&top))?;
    untar(&files.join(upstream), &top, 1, on_event, cancel)?;
    if let Some(debian) = part(".debian") {
        untar(&files.join(debian), &top, 0, on_event, cancel)?;
    }
    Ok(SourceDir { path: top, version: version.to_owned() })
}

/// The value of a one-line field, the signature's armour notwithstanding.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// The names in the `Files:` list.
fn listed_files(text: &str) -> Vec<&str> {
    text.lines()
        .skip_while(|line| !line.starts_with("Files:"))
        .skip(1)
        .take_while(|line| line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect()
}

fn names(dir: &Path) -> Result<Vec<String>, AptError> {
    let entries = fs::read_dir(dir).map_err(AptError::io(dir))?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

fn untar(
    tarball: &Path,
    into: &Path,
    strip: u32,
    on_event: &dyn Fn(Event),
    cancel: &Cancel,
) -> Result<(), AptError> {
    run("tar", tarball, into, on_event, cancel, |command| {
        command.args(["--no-same-owner", &format!("--strip-components={strip}"), "-xf"]);
        command.arg(tarball).arg("-C").arg(into);
    })
}

fn run(
    program: &'static str,
    archive: &Path,
    into: &Path,
    on_event: &dyn Fn(Event),
    cancel: &Cancel,
    arguments: impl FnOnce(&mut Command),
) -> Result<(), AptError> {
    let name = archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
    on_event(Event::Unpacking { what: name.clone() });
    let mut command = Command::new(program);
    arguments(command.env("LC_ALL", "C"));
    let mut tail = Tail::default();
    let status =
        run_lines(&mut command, cancel, |line| tail.push(line)).map_err(AptError::run(program))?;
    if status.success() {
        return Ok(());
    }
    Err(AptError::classify(&format!("unpacking {name}"), into, "", tail.text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DSC: &str = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nFormat: 3.0 (quilt)\n\
        Source: fio\nVersion: 3.33-3\nChecksums-Sha256:\n abc 1 fio_3.33.orig.tar.gz\n\
        Files:\n d41d 12 fio_3.33.orig.tar.gz\n d41e 13 fio_3.33-3.debian.tar.xz\n\n-----BEGIN";

    #[test]
    fn a_dsc_names_its_files_and_version() {
        assert_eq!(field(DSC, "Version"), Some("3.33-3"));
        assert_eq!(listed_files(DSC), ["fio_3.33.orig.tar.gz", "fio_3.33-3.debian.tar.xz"]);
    }

    #[test]
    fn a_source_package_unpacks_without_dpkg_source() {
        let dir = tempfile::tempdir().unwrap();
        let files = dir.path().join("files");
        let tree = dir.path().join("fio-3.33");
        fs::create_dir_all(tree.join("debian/patches")).unwrap();
        fs::create_dir_all(&files).unwrap();
        fs::write(tree.join("README"), "upstream").unwrap();
        fs::write(tree.join("debian/patches/series"), "# none\nfix.patch -p1\n").unwrap();
        let pack = |name: &str, from: &Path, what: &str| {
            let mut tar = Command::new("tar");
            tar.arg("-cf").arg(files.join(name)).arg("-C").arg(from).arg(what);
            assert!(tar.status().unwrap().success());
        };
        // tar looks at the content, not at the name, when it reads.
        pack("fio_3.33.orig.tar.gz", dir.path(), "fio-3.33/README");
        pack("fio_3.33-3.debian.tar.xz", &tree, "debian");
        fs::write(files.join("fio_3.33-3.dsc"), DSC).unwrap();

        let out = dir.path().join("out");
        let source = unpack_source(&files, &out, &|_| {}, &Cancel::new()).unwrap();
        assert_eq!(source.version, "3.33-3");
        assert_eq!(fs::read_to_string(source.path.join("README")).unwrap(), "upstream");
        assert!(source.path.join("debian/patches/series").exists());
    }

    #[test]
    fn a_broken_package_is_an_error_with_the_tool_s_words() {
        let dir = tempfile::tempdir().unwrap();
        let deb = dir.path().join("x.deb");
        fs::write(&deb, "not a package").unwrap();
        let error = unpack_deb(&deb, &dir.path().join("o"), &|_| {}, &Cancel::new()).unwrap_err();
        assert!(error.to_string().contains("unpacking x.deb failed"), "{error}");
    }
}
