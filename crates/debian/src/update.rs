// SPDX-License-Identifier: MIT OR Apache-2.0
//! Package lists: fetched when absent or a day old, kept when offline.

use crate::archive;
use crate::area::{self, Kind};
use crate::{AptError, Event, PrivateApt};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

const FRESH: Duration = Duration::from_secs(24 * 3600);

/// Says which lists were fetched, and by its age when.
const STAMP: &str = "updated";

/// apt's words for a suite that the mirror does not carry.
const NO_SUITE: &str = "does not have a Release file";

impl PrivateApt<'_> {
    /// Makes sure that there are lists to look in.
    pub(crate) fn update(&self, kind: Kind) -> Result<(), AptError> {
        let _lock = self.lock(kind)?;
        let home = self.home(kind);
        let stamp = home.join(STAMP);
        let wanted = self.sources(kind, &[]);
        let same = fs::read_to_string(&stamp).is_ok_and(|was| was == wanted);
        if same && age(&stamp).is_some_and(|age| age < FRESH) {
            return Ok(());
        }
        match self.update_now(kind) {
            Ok(()) => fs::write(&stamp, wanted).map_err(AptError::io(&stamp)),
            Err(AptError::NoNetwork { .. }) if same => {
                // Not the stamp's age, which may have been taken from it.
                let days = age(&home.join("lists")).map_or(0, |age| age.as_secs() / (24 * 3600));
                (self.on_event)(Event::Notice(format!(
                    "no network: using package lists that are {days} day(s) old"
                )));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Suites that a mirror lacks (backports of a young release) are left out.
    fn update_now(&self, kind: Kind) -> Result<(), AptError> {
        let home = self.home(kind);
        let (_, optional) = self.release.suites();
        let mut absent = Vec::new();
        loop {
            let sources = home.join("sources.d/lab.sources");
            fs::write(&sources, self.sources(kind, &absent)).map_err(AptError::io(&sources))?;
            let mut command = self.apt(kind)?;
            command.args(["update", "--error-on=any"]);
            let error = match self.run("package lists", &home, &mut command) {
                Err(AptError::Failed { what, tail }) => AptError::Failed { what, tail },
                done => return done,
            };
            let missing = missing_suites(&error.to_string(), &optional);
            if missing.is_empty() || missing.iter().all(|suite| absent.contains(suite)) {
                return Err(error);
            }
            (self.on_event)(Event::Notice(format!("the mirror has no {}", missing.join(", "))));
            absent.extend(missing);
        }
    }
}

/// Makes the next question to the area below `cache` fetch the package lists,
/// however new they are.
///
/// # Errors
/// The file system's; lists that were never fetched are none.
pub fn expire_lists(cache: &Path) -> std::io::Result<()> {
    for kind in [Kind::Binary, Kind::Source] {
        let stamp = area::home(&area::dir(cache), kind).join(STAMP);
        match fs::File::options().append(true).open(stamp) {
            Ok(file) => file.set_modified(SystemTime::UNIX_EPOCH)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    archive::expire(cache)
}

/// The optional suites that `message` says do not exist; empty when something
/// else failed.
fn missing_suites(message: &str, optional: &[String]) -> Vec<String> {
    let lines: Vec<&str> = message.lines().filter(|line| line.contains(NO_SUITE)).collect();
    optional
        .iter()
        .filter(|suite| lines.iter().any(|line| line.contains(&format!(" {suite} "))))
        .cloned()
        .collect()
}

fn age(path: &Path) -> Option<Duration> {
    let modified = fs::metadata(path).ok()?.modified().ok()?;
    // A stamp from the future is as good as new.
    Some(SystemTime::now().duration_since(modified).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_optional_suites_may_be_missing() {
        let optional = ["a-backports".to_owned(), "b-backports".to_owned()];
        let message = "E: The repository 'http://m b-backports Release' does not have a Release \
                       file.\nN: something";
        assert_eq!(missing_suites(message, &optional), ["b-backports"]);
        let message = "E: The repository 'http://m b Release' does not have a Release file.";
        assert!(missing_suites(message, &optional).is_empty());
    }

    /// A nightly run would otherwise look for its kernel in yesterday's lists.
    #[test]
    fn new_lists_are_fetched_again_once_expired() {
        let dir = tempfile::tempdir().unwrap();
        expire_lists(dir.path()).unwrap();
        let home = area::home(&area::dir(dir.path()), Kind::Binary);
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join(STAMP), "sources").unwrap();
        assert!(age(&home.join(STAMP)).unwrap() < FRESH);
        expire_lists(dir.path()).unwrap();
        assert!(age(&home.join(STAMP)).unwrap() > FRESH);
        assert_eq!(fs::read_to_string(home.join(STAMP)).unwrap(), "sources");
    }

    /// The real apt must refuse a mirror without a signature.
    #[test]
    fn an_unsigned_mirror_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let suite = dir.path().join("mirror/dists/lab/main/binary-amd64");
        fs::create_dir_all(&suite).unwrap();
        fs::write(suite.join("Packages"), "").unwrap();
        let release = "Suite: lab\nCodename: lab\nComponents: main\nArchitectures: amd64\n\
                       Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n \
                       e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 \
                       main/binary-amd64/Packages\n";
        fs::write(dir.path().join("mirror/dists/lab/Release"), release).unwrap();
        let cancel = proc::Cancel::new();
        let mut apt = match PrivateApt::open(dir.path(), &|_| {}, &cancel) {
            Ok(apt) => apt,
            // Not a Debian: nothing to be seen here.
            Err(AptError::NoApt(_) | AptError::NoMirror | AptError::NoKeyring) => return,
            Err(error) => panic!("{error}"),
        };
        let keyring = dir.path().join("keys.gpg");
        fs::write(&keyring, crate::archive::KEYS).unwrap();
        apt.set(&format!("file:{}", dir.path().join("mirror").display()), &keyring);
        let error = apt.download("bcache-tools", dir.path()).unwrap_err();
        assert!(matches!(error, AptError::BadSignature { .. }), "{error}");
        assert!(error.to_string().contains("debian-archive-keyring"), "{error}");
    }
}
