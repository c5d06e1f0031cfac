// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of Debian's signed packages, for what this machine does not have.

use crate::cache;
use crate::error::ImageError;
use crate::event::ImageEvent;
use debian::{AptError, Packages, SourceDir, unpack_deb};
use proc::Cancel;
use std::fs;
use std::path::{Path, PathBuf};

/// Debian's packages, and where their files go.
pub struct Debian<'a> {
    /// The tool's cache.
    pub cache: &'a Path,
    pub on_event: &'a dyn Fn(ImageEvent),
    pub cancel: &'a Cancel,
}

impl Debian<'_> {
    /// A folder with the files of these packages, as they lie in a Debian.
    ///
    /// # Errors
    /// [`ImageError::Fetch`].
    pub fn root(&self, packages: &[&str]) -> Result<PathBuf, ImageError> {
        let key = packages.join("_");
        let parent = self.cache.join("packages");
        let (dir, _) = cache::get_or_make(&parent, &key, self.cancel, |dir| {
            for package in packages {
                self.ask(package, |debian, on_event| {
                    let deb = debian.download(package, &dir.join("debs"))?;
                    unpack_deb(&deb, &dir.join("root"), on_event, self.cancel)
                })?;
            }
            let debs = dir.join("debs");
            fs::remove_dir_all(&debs).map_err(ImageError::io(&debs))
        })?;
        Ok(dir.join("root"))
    }

    /// A source package, unpacked below `into`.
    ///
    /// # Errors
    /// [`ImageError::Fetch`].
    pub fn source(&self, package: &str, into: &Path) -> Result<SourceDir, ImageError> {
        self.ask(package, |debian, _| debian.source(package, into))
    }

    fn ask<T>(
        &self,
        package: &str,
        question: impl FnOnce(&Packages<'_>, &dyn Fn(debian::Event)) -> Result<T, AptError>,
    ) -> Result<T, ImageError> {
        let on_event = |event| (self.on_event)(ImageEvent::Fetching(event));
        let answer = Packages::open(self.cache, &on_event, self.cancel)
            .and_then(|debian| question(&debian, &on_event));
        answer.map_err(|source| match source {
            AptError::Cancelled(cancelled) => cancelled.into(),
            source => ImageError::Fetch { package: package.to_owned(), source },
        })
    }
}
