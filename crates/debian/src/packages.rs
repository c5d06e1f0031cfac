// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debian's packages, through the host's apt where that is Debian's, and from
//! the archive itself elsewhere, or where the host's mirror lacks a file that its
//! lists name. Either way, Debian's signature is checked.

use crate::archive::Archive;
use crate::fetch::{check_name, newest};
use crate::{AptError, Event, PrivateApt, SourceDir};
use proc::Cancel;
use std::path::{Path, PathBuf};

pub struct Packages<'a> {
    pub(crate) apt: Option<PrivateApt<'a>>,
    pub(crate) archive: Archive<'a>,
    on_event: &'a dyn Fn(Event),
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
        let apt = match PrivateApt::open(cache_dir, on_event, cancel) {
            // A derivative's own suites lack some of what Debian has.
            Ok(apt) => apt.release.is_debian().then_some(apt),
            Err(AptError::NoApt(_) | AptError::NoMirror | AptError::NoKeyring) => None,
            Err(error) => return Err(error),
        };
        Ok(Self { apt, ..Self::archive(cache_dir, on_event, cancel)? })
    }

    /// As [`Packages::open`] on a host that is no Debian.
    ///
    /// # Errors
    /// The file system's.
    pub fn archive(
        cache_dir: &Path,
        on_event: &'a dyn Fn(Event),
        cancel: &'a Cancel,
    ) -> Result<Self, AptError> {
        let archive = Archive::open(cache_dir, on_event, cancel)?;
        Ok(Self { apt: None, archive, on_event })
    }

    /// Asks apt, and the archive where the mirror of apt's has not got the files.
    fn ask<T>(
        &self,
        package: &str,
        apt: impl FnOnce(&PrivateApt) -> Result<T, AptError>,
        archive: impl FnOnce(&Archive) -> Result<T, AptError>,
    ) -> Result<T, AptError> {
        check_name(package)?;
        let Some(own) = &self.apt else { return archive(&self.archive) };
        let error = match apt(own) {
            Err(error @ AptError::Failed { .. }) => error,
            done => return done,
        };
        (self.on_event)(Event::Notice(format!(
            "{error}\nasking Debian's own archive for {package}"
        )));
        // Of the two, the reason of the user's own mirror is the one to mend.
        archive(&self.archive).map_err(|other| match other {
            AptError::Cancelled(_) => other,
            _ => error,
        })
    }

    /// Downloads a binary package into the directory `into` (made when it is
    /// missing). `package` may carry a version or suite as for apt: `fio`,
    /// `fio=3.33-3`, `fio/bookworm`.
    ///
    /// # Errors
    /// [`AptError`]; nothing unchecked is left behind.
    pub fn download(&self, package: &str, into: &Path) -> Result<PathBuf, AptError> {
        self.ask(
            package,
            |apt| apt.download(package, into),
            |archive| archive.download(package, into),
        )
    }

    /// The version that `package` stands for.
    ///
    /// # Errors
    /// [`AptError::NoSuchPackage`], or the lists could not be had.
    pub fn candidate(&self, package: &str) -> Result<String, AptError> {
        self.ask(package, |apt| apt.candidate(package), |archive| archive.candidate(package))
    }

    /// The package whose name is `prefix` and the highest number, as
    /// `linux-source-7.3` for `linux-source-7.`; flavours (a suffix after the
    /// number) are passed over.
    ///
    /// # Errors
    /// [`AptError::NoSuchPackage`], or the lists could not be had.
    pub fn newest_matching(&self, prefix: &str) -> Result<String, AptError> {
        let names = self.ask(prefix, |apt| apt.names(prefix), |archive| archive.names(prefix))?;
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
        self.ask(package, |apt| apt.source(package, into), |archive| archive.source(package, into))
    }
}
