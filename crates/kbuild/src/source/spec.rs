// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `--kernel-src` says.

use super::error::SourceError;
use std::path::{Path, PathBuf};

/// Where a kernel source comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// The newest `linux-source-7.*` package.
    Newest,
    /// A Debian package by name, `=version` and `/suite` as for apt.
    Package(String),
    /// A directory whose files are taken as they are.
    Directory(PathBuf),
    /// A tarball, compressed or not.
    Tarball(PathBuf),
    /// A git tree: its HEAD (then it must be clean), or a commit.
    Git {
        /// The tree, or a bare repository.
        path: PathBuf,
        /// A branch, tag or commit.
        rev: Option<String>,
    },
}

impl SourceSpec {
    /// `git:PATH[#REV]`, `dir:PATH`, `deb:PACKAGE`; without such a word, a
    /// path that exists is what it is, and all else a package's name.
    ///
    /// # Errors
    /// [`SourceError::Spec`] naming what would have been understood.
    pub fn parse(given: &str) -> Result<Self, SourceError> {
        let wrong = |why: &str| SourceError::Spec { given: given.into(), why: why.into() };
        if let Some(name) = given.strip_prefix("deb:") {
            return Ok(Self::Package(name.into()));
        }
        if let Some(path) = given.strip_prefix("dir:") {
            let path = PathBuf::from(path);
            if !path.is_dir() {
                return Err(wrong("no such directory"));
            }
            return Ok(Self::Directory(path));
        }
        if let Some(rest) = given.strip_prefix("git:") {
            let (path, rev) = match rest.rsplit_once('#') {
                Some((path, rev)) => (path, Some(rev.to_owned())),
                None => (rest, None),
            };
            if !Path::new(path).is_dir() {
                return Err(wrong("no such directory"));
            }
            // A leading dash would be an option to git.
            if rev.as_ref().is_some_and(|rev| rev.is_empty() || rev.starts_with('-')) {
                return Err(wrong("after # a branch, tag or commit is expected"));
            }
            return Ok(Self::Git { path: path.into(), rev });
        }
        let path = PathBuf::from(given);
        if path.is_dir() {
            // In a linked worktree, .git is a file; a bare repository has none.
            let bare = || ["HEAD", "objects", "refs"].iter().all(|name| path.join(name).exists());
            let git = path.join(".git").exists() || bare();
            return Ok(if git { Self::Git { path, rev: None } } else { Self::Directory(path) });
        }
        if path.is_file() {
            return if is_tarball(given) {
                Ok(Self::Tarball(path))
            } else {
                Err(wrong("a file, but not a tarball (.tar, .tar.xz, .tar.gz, .tar.zst, .tar.bz2)"))
            };
        }
        if given.is_empty() || given.contains(['/', '\\']) || is_tarball(given) {
            return Err(wrong(
                "no such file or directory (a git tree, a directory, a tarball or the name of a \
                 Debian package such as linux-source-7.3 is expected)",
            ));
        }
        Ok(Self::Package(given.into()))
    }
}

fn is_tarball(name: &str) -> bool {
    [".tar", ".tar.xz", ".tar.gz", ".tgz", ".tar.zst", ".tar.bz2"]
        .iter()
        .any(|end| name.ends_with(end))
}
