// SPDX-License-Identifier: MIT OR Apache-2.0
//! The directories and the configuration that keep apt away from the system.

use crate::mirrors::Mirrors;
use crate::{AptError, Event, Release};
use proc::{Cancel, FileLock, Tail, run_lines};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Binary and source packages have lists of their own: most runs need only
/// the former, and either is tens of megabytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Binary,
    Source,
}

/// apt-get with its own sources, lists and cache.
///
/// Opening costs nothing; lists are fetched when the first package of a kind
/// is asked for, and again when they are older than a day.
pub struct PrivateApt<'a> {
    dir: PathBuf,
    mirrors: Mirrors,
    pub(crate) release: Release,
    keyring: PathBuf,
    pub(crate) on_event: &'a dyn Fn(Event),
    pub(crate) cancel: &'a Cancel,
}

impl<'a> PrivateApt<'a> {
    /// An area in `cache_dir`/apt, made when it is missing.
    ///
    /// # Errors
    /// [`AptError::NoApt`], [`AptError::NoMirror`], [`AptError::NoKeyring`]:
    /// the machine lacks what the area builds on.
    pub fn open(
        cache_dir: &Path,
        on_event: &'a dyn Fn(Event),
        cancel: &'a Cancel,
    ) -> Result<Self, AptError> {
        let release = Release::running();
        let mirrors = Mirrors::of_system(&release.codename, cancel)?.ok_or(AptError::NoMirror)?;
        let keyring = ["gpg", "pgp"]
            .iter()
            .map(|end| PathBuf::from(format!("/usr/share/keyrings/debian-archive-keyring.{end}")))
            .find(|path| path.exists())
            .ok_or(AptError::NoKeyring)?;
        let dir = std::path::absolute(dir(cache_dir)).map_err(AptError::io(cache_dir))?;
        Ok(Self { dir, mirrors, release, keyring, on_event, cancel })
    }

    /// Another mirror, with a suite `lab` and without a security archive.
    #[cfg(test)]
    pub(crate) fn set(&mut self, uri: &str, keyring: &Path) {
        self.release = Release { id: "debian".into(), codename: "lab".into() };
        self.mirrors = Mirrors { main: uri.to_owned(), security: None };
        self.keyring = keyring.into();
    }

    pub(crate) fn home(&self, kind: Kind) -> PathBuf {
        home(&self.dir, kind)
    }

    /// The suites asked, for messages.
    pub(crate) fn suites(&self) -> String {
        let (mut suites, optional) = self.release.suites();
        suites.extend(optional);
        if self.mirrors.security.is_some() {
            suites.extend(self.release.security_suite());
        }
        suites.join(", ")
    }

    /// The sources in deb822 form, less the optional suites in `absent`.
    pub(crate) fn sources(&self, kind: Kind, absent: &[String]) -> String {
        let (mut suites, optional) = self.release.suites();
        suites.extend(optional.into_iter().filter(|suite| !absent.contains(suite)));
        let mut text = String::new();
        let mut stanza = |uri: &str, suites: &[String]| {
            if suites.is_empty() {
                return;
            }
            let types = match kind {
                Kind::Binary => "deb",
                Kind::Source => "deb-src",
            };
            // Writing into a String cannot fail.
            let _ = write!(
                text,
                "Types: {types}\nURIs: {uri}\nSuites: {}\nComponents: main\nSigned-By: {}\n\n",
                suites.join(" "),
                self.keyring.display()
            );
        };
        stanza(&self.mirrors.main, &suites);
        if let Some(security) = &self.mirrors.security {
            stanza(security, self.release.security_suite().as_slice());
        }
        text
    }

    /// Makes the directories and the configuration file of one kind.
    pub(crate) fn prepare(&self, kind: Kind) -> Result<PathBuf, AptError> {
        let home = self.home(kind);
        for dir in
            ["sources.d", "preferences.d", "lists/partial", "cache/archives/partial", "state"]
        {
            fs::create_dir_all(home.join(dir)).map_err(AptError::io(&home))?;
        }
        let config = home.join("apt.conf");
        let text = apt_conf(&home);
        if fs::read_to_string(&config).ok().as_ref() != Some(&text) {
            let fresh = home.join(format!("apt.conf.{}", std::process::id()));
            fs::write(&fresh, text).map_err(AptError::io(&fresh))?;
            fs::rename(&fresh, &config).map_err(AptError::io(&config))?;
        }
        Ok(config)
    }

    /// An apt-get that sees only this area and speaks plain English.
    pub(crate) fn apt(&self, kind: Kind) -> Result<Command, AptError> {
        let config = self.prepare(kind)?;
        let mut command = Command::new("apt-get");
        command.env("LC_ALL", "C").env_remove("APT_CONFIG").arg("-q").arg("-c").arg(config);
        Ok(command)
    }

    /// Runs one apt command; its progress becomes events about `what`.
    pub(crate) fn run(
        &self,
        what: &str,
        dir: &Path,
        command: &mut Command,
    ) -> Result<(), AptError> {
        command.args(["-o", "APT::Status-Fd=1"]);
        let mut tail = Tail::default();
        let mut shown = -1.0;
        let status = run_lines(command, self.cancel, |line| match percent(line) {
            Some(percent) if percent >= shown + 1.0 || percent < shown => {
                shown = percent;
                (self.on_event)(Event::Fetching { what: what.to_owned(), percent });
            }
            Some(_) => {}
            None => tail.push(line),
        })
        .map_err(AptError::run("apt-get"))?;
        if status.success() {
            return Ok(());
        }
        Err(AptError::classify(what, dir, &self.suites(), tail.text()))
    }

    /// Only one process works in the area at a time: apt itself would not
    /// wait for the other but fail.
    pub(crate) fn lock(&self, kind: Kind) -> Result<FileLock, AptError> {
        let path = self.prepare(kind)?.with_file_name("lock");
        let mut told = false;
        let waiting = || {
            if !std::mem::replace(&mut told, true) {
                (self.on_event)(Event::Waiting { what: "the package area".into() });
            }
        };
        FileLock::take(&path, self.cancel, waiting).map_err(|error| error.or(AptError::io(&path)))
    }

    /// Arguments that make the system's `apt-get` take packages from this
    /// area's suites, for an installation into the system as root. The lists
    /// are brought up to date first.
    ///
    /// # Errors
    /// As [`PrivateApt::download`].
    pub fn install_args(&self) -> Result<Vec<String>, AptError> {
        self.update(Kind::Binary)?;
        let config = self.prepare(Kind::Binary)?;
        Ok(vec!["-c".into(), config.display().to_string()])
    }
}

/// Where the area of a cache folder is.
pub(crate) fn dir(cache: &Path) -> PathBuf {
    cache.join("apt")
}

/// Where a kind of package has its lists in an area.
pub(crate) fn home(dir: &Path, kind: Kind) -> PathBuf {
    dir.join(match kind {
        Kind::Binary => "binary",
        Kind::Source => "source",
    })
}

/// `dlstatus:1:20.5:Retrieving file 1 of 4`
fn percent(line: &str) -> Option<f32> {
    line.strip_prefix("dlstatus:")?.split(':').nth(1)?.parse().ok()
}

fn apt_conf(home: &Path) -> String {
    let dir = |name: &str| home.join(name).display().to_string();
    format!(
        "// Hooks of the system's own updates have no business here.\n\
         #clear APT::Update::Pre-Invoke;\n\
         #clear APT::Update::Post-Invoke;\n\
         #clear APT::Update::Post-Invoke-Success;\n\
         Dir::Etc::sourcelist \"/dev/null\";\n\
         Dir::Etc::sourceparts \"{}\";\n\
         Dir::Etc::preferences \"/dev/null\";\n\
         Dir::Etc::preferencesparts \"{}\";\n\
         Dir::State::lists \"{}\";\n\
         Dir::Cache \"{}\";\n\
         // The sandbox user of a root's apt cannot enter a home directory.\n\
         APT::Sandbox::User \"root\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::Retries \"2\";\n\
         // A mirror that is down must not hold us up for minutes.\n\
         Acquire::http::Timeout \"20\";\n\
         Acquire::https::Timeout \"20\";\n\
         // Whatever the system allows itself, unsigned lists are refused here.\n\
         Acquire::AllowInsecureRepositories \"false\";\n\
         Acquire::AllowDowngradeToInsecureRepositories \"false\";\n\
         APT::Get::AllowUnauthenticated \"false\";\n",
        dir("sources.d"),
        dir("preferences.d"),
        dir("lists"),
        dir("cache"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_lines_are_told_from_messages() {
        assert_eq!(percent("dlstatus:20:99.5:Retrieving file 20 of 20"), Some(99.5));
        assert_eq!(percent("E: Unable to locate package nosuch"), None);
    }
}
