// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which Debian this machine runs.

/// What `/etc/os-release` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// `debian`, `ubuntu`, …
    pub id: String,
    /// `bookworm`, `trixie`, …; empty where the file does not say.
    pub codename: String,
}

impl Release {
    /// The running system's; an unknown system has empty fields.
    #[must_use]
    pub fn running() -> Self {
        Self::parse(&std::fs::read_to_string("/etc/os-release").unwrap_or_default())
    }

    /// From the text of an `os-release` file.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let value = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                .map(|value| value.trim_matches(['"', '\'']).to_owned())
                .unwrap_or_default()
        };
        Self { id: value("ID"), codename: value("VERSION_CODENAME") }
    }

    /// Whether packages of Debian's own suites fit this system.
    #[must_use]
    pub fn is_debian(&self) -> bool {
        self.id == "debian" && !self.codename.is_empty()
    }

    /// The release that the lab borrows its newest kernels from: Debian 13 is
    /// where 7.x sources appear first among the stable ones.
    const NEWER: &str = "trixie";

    /// Suites of the main archive to look in, newest information last: those
    /// that must exist and those that may be missing at the mirror.
    #[must_use]
    pub fn suites(&self) -> (Vec<String>, Vec<String>) {
        let mut required = Vec::new();
        let mut optional = vec![format!("{}-backports", Self::NEWER)];
        if self.is_debian() {
            required.push(self.codename.clone());
            for also in ["updates", "backports"] {
                let suite = format!("{}-{also}", self.codename);
                if !optional.contains(&suite) {
                    optional.push(suite);
                }
            }
        }
        (required, optional)
    }

    /// The suite of the security archive.
    #[must_use]
    pub fn security_suite(&self) -> Option<String> {
        self.is_debian().then(|| format!("{}-security", self.codename))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_12_looks_in_its_own_suites_and_in_newer_backports() {
        let release = Release::parse("ID=debian\nVERSION_CODENAME=bookworm\nVERSION_ID=\"12\"\n");
        let (required, optional) = release.suites();
        assert_eq!(required, ["bookworm"]);
        assert_eq!(optional, ["trixie-backports", "bookworm-updates", "bookworm-backports"]);
        assert_eq!(release.security_suite().as_deref(), Some("bookworm-security"));
    }

    #[test]
    fn debian_13_names_its_backports_once() {
        let (_, optional) = Release::parse("ID=debian\nVERSION_CODENAME=\"trixie\"\n").suites();
        assert_eq!(optional, ["trixie-backports", "trixie-updates"]);
    }

    #[test]
    fn a_derivative_gets_kernel_sources_only() {
        let release = Release::parse("ID=ubuntu\nVERSION_CODENAME=noble\n");
        assert_eq!(release.suites(), (vec![], vec!["trixie-backports".to_owned()]));
        assert_eq!(release.security_suite(), None);
    }
}
