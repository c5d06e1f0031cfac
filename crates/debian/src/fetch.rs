// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fetches packages by name, with apt's checks.

use crate::area::Kind;
use crate::unpack::{SourceDir, unpack_source};
use crate::{AptError, PrivateApt};
use proc::run_lines;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A binary package on disk, checked against Debian's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// The `.deb`.
    pub path: PathBuf,
    /// Its name, without version or suite.
    pub package: String,
    /// Its full Debian version.
    pub version: String,
}

impl PrivateApt<'_> {
    /// Downloads a binary package into the directory `into` (made when it is
    /// missing). `package` may carry a version or suite as for apt: `fio`,
    /// `fio=3.33-3`, `fio/bookworm`. A file that is there already and holds
    /// its checksum is not fetched again.
    ///
    /// # Errors
    /// [`AptError`]; nothing unchecked is left behind.
    pub fn download(&self, package: &str, into: &Path) -> Result<Downloaded, AptError> {
        let name = check_name(package)?;
        self.update(Kind::Binary)?;
        let version = self.candidate(package)?;
        let _lock = self.lock(Kind::Binary)?;
        fs::create_dir_all(into).map_err(AptError::io(into))?;
        let mut command = self.apt("apt-get", Kind::Binary)?;
        let exact = format!("{name}={version}");
        command.args(["download", &exact]).current_dir(into);
        self.run(&exact, into, &mut command)?;
        let path = find_deb(into, name, &version)?;
        Ok(Downloaded { path, package: name.to_owned(), version })
    }

    /// The version that `package` stands for.
    ///
    /// # Errors
    /// [`AptError::NoSuchPackage`], or the lists could not be had.
    pub fn candidate(&self, package: &str) -> Result<String, AptError> {
        check_name(package)?;
        self.update(Kind::Binary)?;
        // print-uris resolves `=version` and `/suite` exactly as download does.
        let mut command = self.apt("apt-get", Kind::Binary)?;
        command.args(["download", "--print-uris", package]);
        let mut version = None;
        let lines = self.output(package, &mut command)?;
        for line in &lines {
            // 'uri' name_version_arch.deb size hash
            let file = line.strip_prefix('\'').and_then(|line| line.split_whitespace().nth(1));
            if let Some(found) = file.and_then(|file| file.split('_').nth(1)) {
                version = Some(found.replace("%3a", ":"));
            }
        }
        version.ok_or_else(|| AptError::NoSuchPackage {
            package: package.to_owned(),
            suites: self.suites(),
        })
    }

    /// The package whose name is `prefix` and the highest number, as
    /// `linux-source-7.3` for `linux-source-7.`; flavours (a suffix after the
    /// number) are passed over.
    ///
    /// # Errors
    /// [`AptError::NoSuchPackage`], or the lists could not be had.
    pub fn newest_matching(&self, prefix: &str) -> Result<String, AptError> {
        check_name(prefix)?;
        self.update(Kind::Binary)?;
        let mut command = self.apt("apt-cache", Kind::Binary)?;
        command.args(["pkgnames", prefix]);
        let names = self.output(prefix, &mut command)?;
        newest(&names, prefix).ok_or_else(|| AptError::NoSuchPackage {
            package: format!("{prefix}*"),
            suites: self.suites(),
        })
    }

    /// Downloads and unpacks the source package of `package` (a source or a
    /// binary package's name, `=version` and `/suite` as for apt) into `into`.
    ///
    /// # Errors
    /// [`AptError`]; `into` may then hold a part of it.
    pub fn source(&self, package: &str, into: &Path) -> Result<SourceDir, AptError> {
        check_name(package)?;
        self.update(Kind::Source)?;
        let _lock = self.lock(Kind::Source)?;
        let files = into.join("debian-source");
        // An older version's files beside the new ones would be ambiguous.
        if files.exists() {
            fs::remove_dir_all(&files).map_err(AptError::io(&files))?;
        }
        fs::create_dir_all(&files).map_err(AptError::io(&files))?;
        let mut command = self.apt("apt-get", Kind::Source)?;
        command.args(["source", "--only-source", "--download-only", package]).current_dir(&files);
        self.run(package, &files, &mut command)?;
        unpack_source(&files, into, self.on_event, self.cancel)
    }

    /// All lines of a quick query.
    fn output(&self, what: &str, command: &mut Command) -> Result<Vec<String>, AptError> {
        let mut lines = Vec::new();
        let status = run_lines(command, self.cancel, |line| lines.push(line.to_owned()))
            .map_err(AptError::run("apt-get"))?;
        if status.success() {
            return Ok(lines);
        }
        let dir = self.home(Kind::Binary);
        Err(AptError::classify(what, &dir, &self.suites(), lines.join("\n")))
    }
}

/// A name that apt would take for an option or a pattern is no package.
fn check_name(package: &str) -> Result<&str, AptError> {
    let name = package.split(['=', '/']).next().unwrap_or_default();
    let fine = name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b));
    if fine {
        return Ok(name);
    }
    Err(AptError::NoSuchPackage { package: package.to_owned(), suites: "any suite".into() })
}

fn newest(names: &[String], prefix: &str) -> Option<String> {
    let number = |name: &str| -> Option<Vec<u32>> {
        name.strip_prefix(prefix)?.split('.').map(|part| part.parse().ok()).collect()
    };
    names.iter().filter_map(|name| Some((number(name)?, name))).max().map(|(_, name)| name.clone())
}

/// Files of other versions may lie beside the one that was asked for.
fn find_deb(dir: &Path, name: &str, version: &str) -> Result<PathBuf, AptError> {
    let start = format!("{name}_{}_", version.replace(':', "%3a"));
    let found = fs::read_dir(dir).map_err(AptError::io(dir))?.flatten().find(|entry| {
        let file = entry.file_name();
        let file = file.to_string_lossy();
        file.starts_with(&start) && file.ends_with(".deb")
    });
    found.map(|entry| entry.path()).ok_or_else(|| AptError::Failed {
        what: format!("download of {name}"),
        tail: format!("apt-get left no {start}*.deb in {}", dir.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_by_number_and_without_flavour() {
        let names: Vec<String> = ["7.9", "7.10", "7.10-rt", "7.2"]
            .iter()
            .map(|end| format!("linux-source-{end}"))
            .collect();
        assert_eq!(newest(&names, "linux-source-7.").as_deref(), Some("linux-source-7.10"));
        assert_eq!(newest(&names, "linux-source-8."), None);
    }

    #[test]
    fn options_are_not_package_names() {
        assert!(check_name("-o=APT::x").is_err());
        assert!(check_name("a b").is_err());
        assert!(check_name("").is_err());
        assert_eq!(check_name("g++-12/bookworm").unwrap(), "g++-12");
        assert_eq!(check_name("fio=3.33-3").unwrap(), "fio");
    }
}
