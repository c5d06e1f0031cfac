// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debian's packages, through the host's apt where that is Debian's, and from
//! the archive itself elsewhere. Either way, Debian's signature is checked.

use crate::archive::Archive;
use crate::fetch::{check_name, newest};
use crate::{AptError, Event, PrivateApt, SourceDir};
use proc::Cancel;
use std::path::{Path, PathBuf};

pub enum Packages<'a> {
    Apt(PrivateApt<'a>),
    Archive(Archive<'a>),
}

impl<'a> Packages<'a> {
    /// An area in `cache_dir`/apt, made when it is missing.
    ///
    /// # Errors
    /// The file system's.
    pub fn open(
        cache_dir: &Path,
        on_event: &'a dyn Fn(Event),
        cancel: &'a Cancel,
    ) -> Result<Self, AptError> {
        match PrivateApt::open(cache_dir, on_event, cancel) {
            Err(AptError::NoApt(_) | AptError::NoMirror | AptError::NoKeyring) => {
                Archive::open(cache_dir, on_event, cancel).map(Self::Archive)
            }
            apt => apt.map(Self::Apt),
        }
    }

    /// Downloads a binary package into the directory `into` (made when it is
    /// missing). `package` may carry a version or suite as for apt: `fio`,
    /// `fio=3.33-3`, `fio/bookworm`.
    ///
    /// # Errors
    /// [`AptError`]; nothing unchecked is left behind.
    pub fn download(&self, package: &str, into: &Path) -> Result<PathBuf, AptError> {
        check_name(package)?;
        match self {
            Self::Apt(apt) => apt.download(package, into),
            Self::Archive(archive) => archive.download(package, into),
        }
    }

    /// The version that `package` stands for.
    ///
    /// # Errors
    /// [`AptError::NoSuchPackage`], or the lists could not be had.
    pub fn candidate(&self, package: &str) -> Result<String, AptError> {
        check_name(package)?;
        match self {
            Self::Apt(apt) => apt.candidate(package),
            Self::Archive(archive) => archive.candidate(package),
        }
    }

    /// The package whose name is `prefix` and the highest number, as
    /// `linux-source-7.3` for `linux-source-7.`; flavours (a suffix after the
    /// number) are passed over.
    ///
    /// # Errors
    /// [`AptError::NoSuchPackage`], or the lists could not be had.
    pub fn newest_matching(&self, prefix: &str) -> Result<String, AptError> {
        check_name(prefix)?;
        let names = match self {
            Self::Apt(apt) => apt.names(prefix)?,
            Self::Archive(archive) => archive.names(prefix)?,
        };
        newest(names.iter().map(String::as_str), prefix).ok_or_else(|| AptError::NoSuchPackage {
            package: format!("{prefix}*"),
            suites: "any suite of Debian's that the lab looks in".into(),
        })
    }

    /// Downloads and unpacks the source package of `package` (a source
    /// package's name, `=version` and `/suite` as for apt) into `into`.
    ///
    /// # Errors
    /// [`AptError`]; `into` may then hold a part of it.
    pub fn source(&self, package: &str, into: &Path) -> Result<SourceDir, AptError> {
        check_name(package)?;
        match self {
            Self::Apt(apt) => apt.source(package, into),
            Self::Archive(archive) => archive.source(package, into),
        }
    }
}
