// SPDX-License-Identifier: MIT OR Apache-2.0
//! What kind of host this is, and what it calls its packages (hosts.toml).

use crate::Host;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::OnceLock;

const TABLE: &str = include_str!("hosts.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(rename = "host")]
    hosts: Vec<Os>,
    /// Need → host → names, separated by blanks.
    packages: BTreeMap<String, BTreeMap<String, String>>,
}

/// A kind of host.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Os {
    /// For `setup --as`.
    pub id: String,
    pub name: String,
    /// `ID` or a word of `ID_LIKE`.
    known_as: Vec<String>,
    /// `VERSION_ID`, where it matters.
    release: Option<String>,
    /// Whose names it has where it has none of its own.
    like: Option<String>,
    /// The command that packages are added to.
    pub install: String,
}

fn table() -> &'static Table {
    static TABLE_READ: OnceLock<Table> = OnceLock::new();
    // The tests read it: a mistake in it does not get as far as a user.
    TABLE_READ.get_or_init(|| {
        toml::from_str(TABLE).unwrap_or(Table { hosts: Vec::new(), packages: BTreeMap::new() })
    })
}

impl Os {
    /// What `host` is; `None` for one that nobody has described.
    #[must_use]
    pub fn of(host: &Host) -> Option<Self> {
        let text = std::fs::read_to_string(host.file("/etc/os-release")).unwrap_or_default();
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
        };
        let (id, like, release) = (value("ID"), value("ID_LIKE"), value("VERSION_ID"));
        // Its own name before its relatives'.
        let names = std::iter::once(id.as_str()).chain(like.split_whitespace());
        names.map(|name| name.split('-').next().unwrap_or(name)).find_map(|name| {
            let fits = |os: &&Self| {
                os.known_as.iter().any(|known| known == name)
                    && os.release.as_ref().is_none_or(|wanted| *wanted == release)
            };
            table().hosts.iter().find(fits).cloned()
        })
    }

    /// By the word after `--as`.
    #[must_use]
    pub fn named(id: &str) -> Option<Self> {
        table().hosts.iter().find(|os| os.id == id).cloned()
    }

    /// All words that [`Os::named`] knows.
    #[must_use]
    pub fn all() -> Vec<String> {
        table().hosts.iter().map(|os| os.id.clone()).collect()
    }

    /// Whether packages of Debian's own suites fit it.
    pub(crate) fn is_debian(&self) -> bool {
        self.known_as.iter().any(|known| known == "debian")
    }

    /// What it calls the packages of a need.
    #[must_use]
    pub fn packages(&self, need: &str) -> Vec<String> {
        let names = table().packages.get(need);
        let of = |id: &String| names.and_then(|names| names.get(id));
        let names = of(&self.id).or_else(|| of(self.like.as_ref()?)).or_else(|| of(&"all".into()));
        names.map_or_else(Vec::new, |names| names.split(' ').map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::needs::NEEDS;

    #[test]
    fn every_host_has_a_name_for_every_need_and_for_nothing_else() {
        let table: Table = toml::from_str(TABLE).unwrap();
        for os in &table.hosts {
            for need in NEEDS {
                assert!(!os.packages(need.name).is_empty(), "{}: {}", os.name, need.name);
            }
        }
        for need in table.packages.keys() {
            assert!(NEEDS.iter().any(|known| known.name == need), "{need} is no need");
        }
    }

    #[test]
    fn hosts_are_known_by_their_os_release() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::at(dir.path());
        std::fs::create_dir_all(dir.path().join("etc")).unwrap();
        for (text, id) in [
            ("ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n", Some("debian-12")),
            ("ID=debian\nVERSION_ID=\"13\"\n", Some("debian")),
            ("ID=debian\n", Some("debian")),
            ("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\n", Some("ubuntu")),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Some("ubuntu")),
            ("ID=fedora\nVERSION_ID=43\n", Some("fedora")),
            ("ID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\n", Some("fedora")),
            ("ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\n", Some("opensuse")),
            ("ID=arch\n", Some("arch")),
            ("ID=manjaro\nID_LIKE=arch\n", Some("arch")),
            ("ID=nixos\n", None),
            ("", None),
        ] {
            std::fs::write(dir.path().join("etc/os-release"), text).unwrap();
            assert_eq!(Os::of(&host).map(|os| os.id).as_deref(), id, "{text}");
        }
    }
}
