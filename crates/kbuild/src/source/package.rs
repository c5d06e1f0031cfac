// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel sources that Debian signed: the `linux-source-*` packages.

use super::archive::untar;
use super::error::SourceError;
use super::job::Job;
use super::provenance::Provenance;
use super::store::Entry;
use crate::Dirs;
use crate::event::{Event, from_debian};
use crate::files::remove_dir;
use debian::{AptError, Packages, unpack_deb};
use evidence::Origin;
use proc::replace;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const NEWEST: &str = "linux-source-7.";

/// A point release replaces the one before it, at most every few days.
const FRESH: Duration = Duration::from_secs(24 * 3600);

/// Which package and version a wish stood for last time. Asking apt takes a
/// second, which a warm run has no use for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Resolved {
    package: String,
    version: String,
}

impl Resolved {
    fn entry(&self, dirs: &Dirs) -> Entry {
        Entry::new(dirs, &format!("{}_{}", safe(&self.package), safe(&self.version)))
    }

    fn origin(&self) -> Origin {
        let (package, version) = (self.package.clone(), self.version.clone());
        Origin::DebianPackage { package, version }
    }

    /// What is in the cache, its origin as this version of the tool tells it.
    fn have(&self, dirs: &Dirs) -> Option<(Entry, Provenance)> {
        let was = self.entry(dirs).provenance()?;
        Some((self.entry(dirs), Provenance { origin: self.origin(), ..was }))
    }
}

/// Which package a wish stood for last time, with the file that says so.
fn known(dirs: &Dirs, wish: &str) -> (PathBuf, Option<Resolved>) {
    let memo = dirs.sources().join("resolved").join(format!("{}.json", safe(wish)));
    let known = fs::read(&memo).ok().and_then(|text| serde_json::from_slice(&text).ok());
    (memo, known)
}

/// What is in the cache for a wish, or for the newest; asks nobody.
pub(super) fn at_hand(dirs: &Dirs, wish: Option<&str>) -> Option<(Entry, Provenance)> {
    known(dirs, wish.unwrap_or(NEWEST)).1?.have(dirs)
}

pub(super) fn newest(job: &Job) -> Result<(Entry, Provenance), SourceError> {
    obtain(job, NEWEST)
}

pub(super) fn named(job: &Job, name: &str) -> Result<(Entry, Provenance), SourceError> {
    obtain(job, name)
}

/// Makes the next look for the newest package ask the archive, however lately
/// it was asked. What is known stays for a time without network.
///
/// # Errors
/// The file system's.
pub(super) fn forget_age(sources: &Path) -> std::io::Result<()> {
    let memo = sources.join("resolved").join(format!("{}.json", safe(NEWEST)));
    match fs::File::options().append(true).open(memo) {
        Ok(file) => file.set_modified(SystemTime::UNIX_EPOCH),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn obtain(job: &Job, wish: &str) -> Result<(Entry, Provenance), SourceError> {
    let (memo, known) = known(job.dirs, wish);
    let have = |resolved: &Resolved| resolved.have(job.dirs);
    let age = fs::metadata(&memo).and_then(|m| m.modified()).ok();
    let age = age.and_then(|time| SystemTime::now().duration_since(time).ok());
    if let Some(found) = known.as_ref().and_then(have)
        && age.is_some_and(|age| age < FRESH)
    {
        return Ok(found);
    }
    // A version never changes, and old ones vanish from the archive.
    if let Some((package, version)) = wish.split_once('=')
        && let Some(found) = have(&Resolved { package: package.into(), version: version.into() })
    {
        return Ok(found);
    }

    let on_event = |event| from_debian(job.on_event, event);
    let resolved = resolve(job, &on_event, wish);
    let (apt, resolved) = match resolved {
        Ok(both) => both,
        Err(error) => {
            let offline = matches!(error, AptError::NoNetwork { .. });
            if let Some(found) = known.as_ref().and_then(have).filter(|_| offline) {
                let text = format!("no network: using {}", found.1.origin);
                (job.on_event)(Event::Notice(text));
                return Ok(found);
            }
            return Err(error.into());
        }
    };
    let text = serde_json::to_vec(&resolved).map_err(|e| SourceError::io(&memo)(e.into()))?;
    replace(&memo, &text).map_err(SourceError::io(&memo))?;

    let entry = resolved.entry(job.dirs);
    let exact = format!("{}={}", resolved.package, resolved.version);
    let origin = resolved.origin();
    // The archive's signature vouches that a version is one content.
    let provenance = entry.fill_once(job, origin, format!("deb:{exact}"), &|partial| {
        let downloads = partial.join("deb");
        let deb = apt.download(&exact, &downloads)?;
        unpack_deb(&deb, &partial.join("root"), &on_event, job.cancel)?;
        remove_dir(&downloads).map_err(SourceError::io(&downloads))?;
        let tarball = find_tarball(&partial.join("root/usr/src"))?;
        untar(job, &tarball, &partial.join("source"))
    })?;
    Ok((entry, provenance))
}

fn resolve<'a>(
    job: &Job<'a>,
    on_event: &'a dyn Fn(debian::Event),
    wish: &str,
) -> Result<(Packages<'a>, Resolved), AptError> {
    let apt = Packages::open(&job.dirs.cache, on_event, job.cancel)?;
    let wish = if wish == NEWEST { apt.newest_matching(NEWEST)? } else { wish.to_owned() };
    let version = apt.candidate(&wish)?;
    let package = wish.split(['=', '/']).next().unwrap_or(&wish).to_owned();
    Ok((apt, Resolved { package, version }))
}

fn find_tarball(dir: &Path) -> Result<PathBuf, SourceError> {
    let entries = fs::read_dir(dir).map_err(SourceError::io(dir))?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(".tar")))
        .ok_or_else(|| SourceError::NotKernel {
            origin: dir.display().to_string(),
            missing: "a tarball in the package's usr/src",
        })
}

/// Fit for a file name.
fn safe(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_alphanumeric() || "+-.~_".contains(c) { c } else { '%' })
        .collect()
}
