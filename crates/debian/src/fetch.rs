// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fetches packages by name, with apt's checks.

use crate::area::Kind;
use crate::unpack::{SourceDir, unpack_source};
use crate::{AptError, PrivateApt};
use proc::{ask, shell};
use std::fs;
use std::path::{Path, PathBuf};
use xshell::cmd;

impl PrivateApt<'_> {
    /// Downloads a binary package, checked against Debian's signature, into the directory `into` (made when it is
    /// missing). `package` may carry a version or suite as for apt: `fio`,
    /// `fio=3.33-3`, `fio/bookworm`. A file that is there already and holds
    /// its checksum is not fetched again.
    ///
    /// # Errors
    /// [`AptError`]; nothing unchecked is left behind.
    pub(crate) fn download(&self, package: &str, into: &Path) -> Result<PathBuf, AptError> {
        let name = check_name(package)?;
        self.update(Kind::Binary)?;
        let version = self.candidate(package)?;
        let _lock = self.lock(Kind::Binary)?;
        fs::create_dir_all(into).map_err(AptError::io(into))?;
        let mut command = self.apt(Kind::Binary)?;
        let exact = format!("{name}={version}");
        command.args(["download", &exact]).current_dir(into);
        self.run(&exact, into, &mut command)?;
        find_deb(into, name, &version)
    }

    /// The version that `package` stands for.
    ///
    /// # Errors
    /// [`AptError::NoSuchPackage`], or the lists could not be had.
    pub(crate) fn candidate(&self, package: &str) -> Result<String, AptError> {
        self.update(Kind::Binary)?;
        // print-uris resolves `=version` and `/suite` exactly as download does.
        let said = self.query("apt-get", &["download", "--print-uris", package], package)?;
        // 'uri' name_version_arch.deb size hash
        let version = |line: &str| {
            let file = line.strip_prefix('\'')?.split_whitespace().nth(1)?;
            Some(file.split('_').nth(1)?.replace("%3a", ":"))
        };
        said.lines().rev().find_map(version).ok_or_else(|| AptError::NoSuchPackage {
            package: package.to_owned(),
            suites: self.suites(),
        })
    }

    /// The names of all packages that begin with `prefix`.
    pub(crate) fn names(&self, prefix: &str) -> Result<Vec<String>, AptError> {
        self.update(Kind::Binary)?;
        let names = self.query("apt-cache", &["pkgnames", prefix], prefix)?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// Downloads and unpacks the source package of `package` (a source or a
    /// binary package's name, `=version` and `/suite` as for apt) into `into`.
    ///
    /// # Errors
    /// [`AptError`]; `into` may then hold a part of it.
    pub(crate) fn source(&self, package: &str, into: &Path) -> Result<SourceDir, AptError> {
        self.update(Kind::Source)?;
        let _lock = self.lock(Kind::Source)?;
        let files = into.join("debian-source");
        // An older version's files beside the new ones would be ambiguous.
        if files.exists() {
            fs::remove_dir_all(&files).map_err(AptError::io(&files))?;
        }
        fs::create_dir_all(&files).map_err(AptError::io(&files))?;
        let mut command = self.apt(Kind::Source)?;
        command.args(["source", "--only-source", "--download-only", package]).current_dir(&files);
        self.run(package, &files, &mut command)?;
        unpack_source(&files, into, self.on_event, self.cancel)
    }

    /// What an apt program answers to a quick question about `what`.
    fn query(&self, program: &str, args: &[&str], what: &str) -> Result<String, AptError> {
        let config = self.prepare(Kind::Binary)?;
        let sh = shell().map_err(AptError::io(&config))?;
        let cmd = cmd!(sh, "{program} -q -c {config} {args...}").env_remove("APT_CONFIG");
        let said = ask(cmd, self.cancel).map_err(AptError::run("apt-get"))?;
        if said.success {
            return Ok(said.out);
        }
        let dir = self.home(Kind::Binary);
        Err(AptError::classify(what, &dir, &self.suites(), said.text()))
    }
}

/// A name that apt would take for an option or a pattern is no package.
pub(crate) fn check_name(package: &str) -> Result<&str, AptError> {
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

pub(crate) fn newest<'a>(names: impl Iterator<Item = &'a str>, prefix: &str) -> Option<String> {
    let number = |name: &str| -> Option<Vec<u32>> {
        name.strip_prefix(prefix)?.split('.').map(|part| part.parse().ok()).collect()
    };
    let numbered = names.filter_map(|name| Some((number(name)?, name)));
    numbered.max().map(|(_, name)| name.to_owned())
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
        let names = "linux-source-7.9\nlinux-source-7.10\nlinux-source-7.10-rt\nlinux-source-7.2";
        let newest = |prefix| super::newest(names.lines(), prefix);
        assert_eq!(newest("linux-source-7.").as_deref(), Some("linux-source-7.10"));
        assert_eq!(newest("linux-source-8."), None);
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
