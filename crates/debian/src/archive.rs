// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debian's archive itself, for hosts without Debian's apt: curl fetches, gpgv
//! checks the signature of a suite's list of lists, and every file is checked
//! against the checksum that the signed lists have of it.

use crate::area::{Kind, dir};
use crate::unpack::{SourceDir, unpack_source};
use crate::{AptError, Event};
use proc::{Cancel, FileLock, ask, run_heard, shell};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};
use xshell::cmd;

/// Debian 13's suites, then Debian 12's, with their mirror; of two that have a
/// package, the earlier one's is taken, if the mirror has its files.
const SUITES: [(&str, &str); 4] = [
    ("trixie-security", "https://deb.debian.org/debian-security"),
    ("trixie", "https://deb.debian.org/debian"),
    ("trixie-backports", "https://deb.debian.org/debian"),
    ("bookworm", "https://deb.debian.org/debian"),
];

const FRESH: Duration = Duration::from_secs(24 * 3600);

/// Debian's own keys, as of Debian 13.
pub(crate) const KEYS: &[u8] = include_bytes!("../keys/debian-archive.gpg");

/// The archive, and what was fetched of it.
pub struct Archive<'a> {
    dir: PathBuf,
    suites: Vec<(String, String)>,
    keyring: PathBuf,
    on_event: &'a dyn Fn(Event),
    cancel: &'a Cancel,
}

/// The paragraph of one package in a list, and where its files are.
struct Found {
    mirror: String,
    stanza: String,
}

impl Found {
    fn field(&self, name: &str) -> Option<&str> {
        field(&self.stanza, name)
    }
}

impl<'a> Archive<'a> {
    /// An area in `cache_dir`/apt, made when it is missing.
    ///
    /// # Errors
    /// The file system's.
    pub fn open(
        cache_dir: &Path,
        on_event: &'a dyn Fn(Event),
        cancel: &'a Cancel,
    ) -> Result<Self, AptError> {
        let dir = std::path::absolute(dir(cache_dir).join("archive"));
        let dir = dir.map_err(AptError::io(cache_dir))?;
        fs::create_dir_all(&dir).map_err(AptError::io(&dir))?;
        let keyring = dir.join("keys.gpg");
        if fs::read(&keyring).ok().as_deref() != Some(KEYS) {
            fs::write(&keyring, KEYS).map_err(AptError::io(&keyring))?;
        }
        let suites = SUITES.map(|(suite, mirror)| (suite.to_owned(), mirror.to_owned())).into();
        Ok(Self { dir, suites, keyring, on_event, cancel })
    }

    /// Another archive, with another key.
    #[cfg(test)]
    fn set(&mut self, suite: &str, mirror: &str, keyring: &Path) {
        self.suites = vec![(suite.into(), mirror.into())];
        self.keyring = keyring.into();
    }

    pub(crate) fn candidate(&self, package: &str) -> Result<String, AptError> {
        self.first_there(Kind::Binary, package, |found| {
            Ok(found.field("Version").unwrap_or_default().to_owned())
        })
    }

    pub(crate) fn names(&self, prefix: &str) -> Result<Vec<String>, AptError> {
        let start = format!("Package: {prefix}");
        let mut names = Vec::new();
        for (suite, mirror) in &self.suites {
            let list = self.list(Kind::Binary, suite, mirror)?;
            let found = list.lines().filter(|line| line.starts_with(&start));
            names.extend(found.map(|line| line["Package: ".len()..].to_owned()));
        }
        Ok(names)
    }

    pub(crate) fn download(&self, package: &str, into: &Path) -> Result<PathBuf, AptError> {
        fs::create_dir_all(into).map_err(AptError::io(into))?;
        self.first_there(Kind::Binary, package, |found| self.binary(package, found, into))
    }

    fn binary(&self, package: &str, found: &Found, into: &Path) -> Result<PathBuf, AptError> {
        let file = found.field("Filename").unwrap_or_default();
        let to = into.join(file.rsplit('/').next().unwrap_or_default());
        let sum = found.field("SHA256").unwrap_or_default();
        let size = found.field("Size").and_then(|size| size.parse().ok());
        self.fetch(package, &format!("{}/{file}", found.mirror), &to, size)?;
        self.check(package, &to, sum)?;
        Ok(to)
    }

    pub(crate) fn source(&self, package: &str, into: &Path) -> Result<SourceDir, AptError> {
        let files = into.join("debian-source");
        self.first_there(Kind::Source, package, |found| self.sources(package, found, &files))?;
        unpack_source(&files, into, self.on_event, self.cancel)
    }

    /// The files of a source package, and nothing else, into a folder.
    fn sources(&self, package: &str, found: &Found, files: &Path) -> Result<(), AptError> {
        // What an earlier try has left is of another version.
        if files.exists() {
            fs::remove_dir_all(files).map_err(AptError::io(files))?;
        }
        fs::create_dir_all(files).map_err(AptError::io(files))?;
        let place = format!("{}/{}", found.mirror, found.field("Directory").unwrap_or_default());
        let listed = found.stanza.lines().skip_while(|line| *line != "Checksums-Sha256:").skip(1);
        for line in listed.take_while(|line| line.starts_with(' ')) {
            let mut words = line.split_whitespace();
            if let (Some(sum), Some(size), Some(name)) = (words.next(), words.next(), words.next())
            {
                let to = files.join(name.rsplit('/').next().unwrap_or_default());
                self.fetch(package, &format!("{place}/{name}"), &to, size.parse().ok())?;
                self.check(package, &to, sum)?;
            }
        }
        Ok(())
    }

    /// Takes a package out of the first suite whose mirror has its files: a list may
    /// name a version that the mirror lacks. The next suite's list is not asked for
    /// before that.
    fn first_there<T>(
        &self,
        kind: Kind,
        package: &str,
        take: impl Fn(&Found) -> Result<T, AptError>,
    ) -> Result<T, AptError> {
        let mut error = None;
        for found in self.find(kind, package) {
            match take(&found?) {
                Err(AptError::Failed { what, tail }) => {
                    (self.on_event)(Event::Notice(format!("{package}: {what}: {tail}")));
                    error.get_or_insert(AptError::Failed { what, tail });
                }
                done => return done,
            }
        }
        Err(error.unwrap_or_else(|| {
            let suites: Vec<&str> = self.suites.iter().map(|(suite, _)| suite.as_str()).collect();
            AptError::NoSuchPackage { package: package.to_owned(), suites: suites.join(", ") }
        }))
    }

    /// `NAME`, `NAME=VERSION` or `NAME/SUITE`, as for apt: of each suite that has it.
    fn find(&self, kind: Kind, package: &str) -> impl Iterator<Item = Result<Found, AptError>> {
        let name = package.split(['=', '/']).next().unwrap_or_default();
        let version = package.split_once('=').map(|(_, version)| version);
        let wanted = package.split_once('/').map(|(_, suite)| suite);
        let fits = move |stanza: &&str| {
            field(stanza, "Package") == Some(name)
                && version.is_none_or(|version| field(stanza, "Version") == Some(version))
        };
        let suites = self.suites.iter();
        suites.filter(move |(suite, _)| wanted.is_none_or(|wanted| wanted == suite)).filter_map(
            move |(suite, mirror)| match self.list(kind, suite, mirror) {
                Err(error) => Some(Err(error)),
                Ok(list) => list
                    .split("\n\n")
                    .find(fits)
                    .map(|stanza| Ok(Found { mirror: mirror.clone(), stanza: stanza.to_owned() })),
            },
        )
    }

    /// A suite's list of packages: of today, or of an earlier day where there
    /// is no network.
    fn list(&self, kind: Kind, suite: &str, mirror: &str) -> Result<String, AptError> {
        let below = match kind {
            Kind::Binary => "main/binary-amd64/Packages.xz",
            Kind::Source => "main/source/Sources.xz",
        };
        let place = self.dir.join(suite).join(below);
        let home = place.parent().unwrap_or(&self.dir);
        fs::create_dir_all(home).map_err(AptError::io(home))?;
        let lock = home.join("lock");
        let waiting = || (self.on_event)(Event::Waiting { what: "the package lists".into() });
        let _lock = FileLock::take(&lock, self.cancel, once(waiting))
            .map_err(|error| error.or(AptError::io(&lock)))?;
        if age(&place).is_none_or(|age| age > FRESH) {
            match self.renew(suite, mirror, below, &place) {
                Err(AptError::NoNetwork { .. }) if place.exists() => {
                    let text = format!("no network: using an older list of {suite}");
                    (self.on_event)(Event::Notice(text));
                }
                done => done?,
            }
        }
        let sh = shell().map_err(AptError::io(&place))?;
        let said = ask(cmd!(sh, "xz -dc {place}"), self.cancel).map_err(AptError::run("xz"))?;
        if said.success { Ok(said.out) } else { Err(failed("xz", said.text())) }
    }

    /// Fetches a list whose checksum Debian has signed.
    fn renew(&self, suite: &str, mirror: &str, below: &str, place: &Path) -> Result<(), AptError> {
        let what = format!("package list of {suite}");
        let home = place.parent().unwrap_or(&self.dir);
        let (signed, plain) = (home.join("InRelease"), home.join("Release"));
        self.fetch(&what, &format!("{mirror}/dists/{suite}/InRelease"), &signed, None)?;
        self.verify(&what, &signed, &plain)?;
        let release = fs::read_to_string(&plain).map_err(AptError::io(&plain))?;
        // An old list, replayed, would hide what was mended since.
        if let Some(end) = field(&release, "Valid-Until")
            && is_past(end)
        {
            return Err(AptError::BadSignature { what, tail: format!("it was valid until {end}") });
        }
        let listed = release.lines().skip_while(|line| *line != "SHA256:").find_map(|line| {
            let mut words = line.split_whitespace();
            let (sum, size, name) = (words.next()?, words.next()?, words.next()?);
            (name == below).then(|| (sum.to_owned(), size.parse().ok()))
        });
        let (sum, size) = listed.ok_or_else(|| failed(&what, format!("{suite} has no {below}")))?;
        let fresh = place.with_extension("new");
        self.fetch(&what, &format!("{mirror}/dists/{suite}/{below}"), &fresh, size)?;
        self.check(&what, &fresh, &sum)?;
        fs::rename(&fresh, place).map_err(AptError::io(place))
    }

    /// Takes the text out of a signed file, if one of the keys has signed it.
    fn verify(&self, what: &str, signed: &Path, plain: &Path) -> Result<(), AptError> {
        let sh = shell().map_err(AptError::io(signed))?;
        let keyring = &self.keyring;
        let _ = fs::remove_file(plain);
        let gpgv = cmd!(sh, "gpgv --status-fd 1 --keyring {keyring} --output {plain} {signed}");
        let said = ask(gpgv, self.cancel).map_err(AptError::run("gpgv"))?;
        let states = |state: &str| said.out.lines().any(|line| line.starts_with(state));
        // As apt does: a further key, which is not known here, does no harm.
        if states("[GNUPG:] GOODSIG ") && !states("[GNUPG:] BADSIG ") {
            return Ok(());
        }
        let _ = fs::remove_file(plain);
        Err(AptError::BadSignature { what: what.into(), tail: said.text() })
    }

    /// Nothing that fails the check is left behind.
    fn check(&self, what: &str, file: &Path, sum: &str) -> Result<(), AptError> {
        let sh = shell().map_err(AptError::io(file))?;
        let said = ask(cmd!(sh, "sha256sum {file}"), self.cancel);
        let said = said.map_err(AptError::run("sha256sum"))?;
        let got = said.out.split_whitespace().next().unwrap_or_default();
        // Of a name with odd characters, the line begins with a backslash.
        if sum.len() == 64 && got.trim_start_matches('\\') == sum {
            return Ok(());
        }
        let _ = fs::remove_file(file);
        let tail = format!("Hash Sum mismatch: {got}, signed is {sum}");
        Err(AptError::BadSignature { what: what.into(), tail })
    }

    /// curl knows the user's proxies.
    fn fetch(&self, what: &str, url: &str, to: &Path, size: Option<u64>) -> Result<(), AptError> {
        let mut command = Command::new("curl");
        let quiet = ["--fail", "--silent", "--show-error", "--location", "--retry", "2"];
        // A mirror that is down must not hold us up for minutes.
        let patience = ["--connect-timeout", "20", "--speed-limit", "100", "--speed-time", "60"];
        command.env("LC_ALL", "C").args(quiet).args(patience).arg("--output").arg(to).arg(url);
        let mut tail = Vec::new();
        let mut shown = 0;
        let status = run_heard(&mut command, self.cancel, |heard| match heard {
            Some(line) => tail.push(line.to_owned()),
            None => {
                let have = fs::metadata(to).map_or(0, |meta| meta.len());
                let percent = size.map_or(0, |size| have * 100 / size.max(1));
                if percent > shown {
                    shown = percent;
                    let what = what.to_owned();
                    (self.on_event)(Event::Fetching { what, percent: percent as f32 });
                }
            }
        })
        .map_err(AptError::run("curl"))?;
        let (what, tail) = (what.to_owned(), tail.join("\n"));
        match status.code() {
            Some(0) => Ok(()),
            // curl(1), "exit codes": names, connections, timeouts, TLS, and what broke off.
            Some(5..=7 | 16 | 18 | 28 | 35 | 52 | 55 | 56 | 92 | 97) => {
                Err(AptError::NoNetwork { what, tail })
            }
            Some(23) => Err(AptError::DiskFull { what, path: to.into() }),
            _ => Err(failed(&format!("fetching {url}"), tail)),
        }
    }
}

/// Makes the next question fetch the lists, however new they are.
pub(crate) fn expire(cache: &Path) -> std::io::Result<()> {
    let dir = dir(cache).join("archive");
    for (suite, _) in SUITES {
        for list in ["main/binary-amd64/Packages.xz", "main/source/Sources.xz"] {
            match fs::File::options().append(true).open(dir.join(suite).join(list)) {
                Ok(file) => file.set_modified(SystemTime::UNIX_EPOCH)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

fn failed(what: &str, tail: String) -> AptError {
    AptError::Failed { what: what.into(), tail }
}

fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::trim)
}

fn age(path: &Path) -> Option<Duration> {
    let modified = fs::metadata(path).ok()?.modified().ok()?;
    Some(SystemTime::now().duration_since(modified).unwrap_or_default())
}

/// `Wed, 02 Dec 2026 02:10:59 UTC`; what cannot be read is past.
fn is_past(date: &str) -> bool {
    let zone = date.replace("UTC", "+0000");
    let end = jiff::fmt::rfc2822::parse(&zone).map(|end| end.timestamp());
    end.map_or(true, |end| end < jiff::Timestamp::now())
}

/// Calls `tell` the first time only.
fn once(tell: impl Fn()) -> impl FnMut() {
    let mut told = false;
    move || {
        if !std::mem::replace(&mut told, true) {
            tell();
        }
    }
}

#[cfg(test)]
mod tests;
