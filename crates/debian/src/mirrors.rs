// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds Debian's mirrors among the archives that the system's apt is set up for.

use crate::AptError;
use proc::{Cancel, ask, shell};
use xshell::cmd;

/// The mirrors that the system is set up for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirrors {
    /// Of the main archive.
    pub(crate) main: String,
    /// Of the security archive, where the system has one.
    pub(crate) security: Option<String>,
}

/// One suite of one archive.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    uri: String,
    /// `bookworm`, `bookworm-security`, …
    suite: String,
    /// `main`, …
    component: String,
    /// Who signed the lists that are there; `None` before the first update.
    origin: Option<String>,
}

/// One line of [`FORMAT`]; a CD has none of the suites that we look for.
fn target(line: &str) -> Option<Target> {
    let mut words = line.split('\t').map(str::to_owned);
    let (uri, suite, component) = (words.next()?, words.next()?, words.next()?);
    let origin = words.next().filter(|origin| !origin.starts_with('$'));
    (!uri.starts_with("cdrom:")).then_some(Target { uri, suite, component, origin })
}

/// What apt does not know it leaves as it stands here.
const FORMAT: &str = "$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)\t$(ORIGIN)";

impl Mirrors {
    /// Asks the system's apt; `None` when it has none of Debian's.
    pub(crate) fn of_system(codename: &str, cancel: &Cancel) -> Result<Option<Self>, AptError> {
        let sh = shell().map_err(AptError::io("apt-get".as_ref()))?;
        let list = |more: &[&str]| -> Result<Vec<Target>, AptError> {
            let what = "Created-By: Packages";
            let cmd = cmd!(sh, "apt-get indextargets {more...} --format {FORMAT} {what}");
            let said = ask(cmd, cancel).map_err(AptError::run("apt-get"))?;
            Ok(said.out.lines().filter_map(target).collect())
        };
        let known = list(&[])?;
        if let Some(mirrors) = Self::choose(&known, codename) {
            return Ok(Some(mirrors));
        }
        // Lists that were never fetched have no signer yet.
        let mut all = list(&["--no-release-info"])?;
        all.retain(|target| !known.iter().any(|other| other.uri == target.uri));
        Ok(Self::choose(&all, codename))
    }

    /// Picks the mirrors; `None` without one of the main archive.
    fn choose(targets: &[Target], codename: &str) -> Option<Self> {
        let best = |wanted: &dyn Fn(&Target) -> bool| {
            let mut found: Option<(u8, &Target)> = None;
            for target in targets.iter().filter(|target| wanted(target)) {
                let Some(confidence) = target.confidence() else { continue };
                if found.is_none_or(|(best, _)| confidence > best) {
                    found = Some((confidence, target));
                }
            }
            found.map(|(_, target)| target.uri.trim_end_matches('/').to_owned())
        };
        let main = best(&|target| target.is_main(codename))?;
        Some(Self { main, security: best(&Target::is_security) })
    }
}

impl Target {
    /// How sure we are that this is Debian's own archive; `None`: it is not.
    /// A wrong guess is caught later: the signature would not hold.
    fn confidence(&self) -> Option<u8> {
        match &self.origin {
            _ if self.component != "main" => None,
            Some(origin) => (origin == "Debian").then_some(2),
            None => Some(self.uri.contains("debian").into()),
        }
    }

    /// Whether the suite is one of the main archive's (not security's).
    fn is_main(&self, codename: &str) -> bool {
        const NAMES: [&str; 5] = ["oldstable", "stable", "testing", "unstable", "sid"];
        let name = self.suite.strip_suffix("-updates").or(self.suite.strip_suffix("-backports"));
        let name = name.unwrap_or(&self.suite);
        !codename.is_empty() && name == codename || NAMES.contains(&name)
    }

    fn is_security(&self) -> bool {
        self.suite.ends_with("-security") || self.suite.ends_with("/updates")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(lines: &[&str], codename: &str) -> Option<Mirrors> {
        let lines = lines.iter().map(|line| line.replace(' ', "\t"));
        let targets: Vec<Target> = lines.filter_map(|line| target(&line)).collect();
        Mirrors::choose(&targets, codename)
    }

    #[test]
    fn main_and_security_are_told_apart_and_a_cd_is_none() {
        let mirrors = choose(
            &[
                "cdrom://Debian/ bookworm main $(ORIGIN)",
                "http://mirror.example/debian-security/ bookworm-security main Debian",
                "http://mirror.example/debian/ bookworm-updates main Debian",
                "http://mirror.example/debian/ bookworm main Debian",
            ],
            "bookworm",
        );
        let security = Some("http://mirror.example/debian-security".to_owned());
        assert_eq!(
            mirrors,
            Some(Mirrors { main: "http://mirror.example/debian".into(), security })
        );
    }

    #[test]
    fn other_people_s_archives_are_not_debian() {
        let vendors = [
            "http://vendor.example/ bookworm main Vendor",
            "http://docker.example/linux/debian/ bookworm stable $(ORIGIN)",
            "http://pg.example/apt/ bookworm-pgdg main $(ORIGIN)",
        ];
        assert_eq!(choose(&vendors, "bookworm"), None);
    }

    #[test]
    fn who_signed_the_lists_beats_a_guess_by_the_name() {
        let lines = [
            "http://vendor.example/ bookworm main $(ORIGIN)",
            "http://vendor.example/debian/ bookworm main $(ORIGIN)",
            "http://m.example/d/ bookworm main Debian",
        ];
        assert_eq!(choose(&lines, "bookworm").unwrap().main, "http://m.example/d");
        assert_eq!(choose(&lines[..2], "bookworm").unwrap().main, "http://vendor.example/debian");
    }

    #[test]
    fn a_suite_by_its_role_counts_too() {
        let mirrors =
            choose(&["http://m.example/debian/ stable main $(ORIGIN)"], "trixie").unwrap();
        assert_eq!((mirrors.main.as_str(), mirrors.security), ("http://m.example/debian", None));
    }
}
