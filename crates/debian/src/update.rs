// SPDX-License-Identifier: MIT OR Apache-2.0
//! Package lists: fetched when absent or a day old, kept when offline.

use crate::area::Kind;
use crate::{AptError, Event, PrivateApt};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

const FRESH: Duration = Duration::from_secs(24 * 3600);

/// apt's words for a suite that the mirror does not carry.
const NO_SUITE: &str = "does not have a Release file";

impl PrivateApt<'_> {
    /// Makes sure that there are lists to look in.
    pub(crate) fn update(&self, kind: Kind) -> Result<(), AptError> {
        let _lock = self.lock(kind)?;
        let home = self.home(kind);
        let stamp = home.join("updated");
        let wanted = self.sources(kind, &[]);
        let same = fs::read_to_string(&stamp).is_ok_and(|was| was == wanted);
        if same && age(&stamp).is_some_and(|age| age < FRESH) {
            return Ok(());
        }
        match self.update_now(kind) {
            Ok(()) => fs::write(&stamp, wanted).map_err(AptError::io(&stamp)),
            Err(AptError::NoNetwork { .. }) if same => {
                let days = age(&stamp).map_or(0, |age| age.as_secs() / (24 * 3600));
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
            let mut command = self.apt("apt-get", kind)?;
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
}
