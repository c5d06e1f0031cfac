// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds Debian's mirrors in the system's own apt sources (both formats).

use std::path::{Path, PathBuf};

/// One mirror of one archive, as somebody configured it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceEntry {
    /// Where the archive is.
    pub uris: Vec<String>,
    /// `bookworm`, `bookworm-security`, …
    pub suites: Vec<String>,
    /// `main`, …
    pub components: Vec<String>,
    /// The keyring, when the entry names one.
    pub signed_by: Option<String>,
}

impl SourceEntry {
    /// How sure we are that this is Debian's own archive; `None`: it is not.
    /// A wrong guess is caught later: the signature would not hold.
    fn confidence(&self) -> Option<u8> {
        if !self.components.iter().any(|component| component == "main") {
            return None;
        }
        match &self.signed_by {
            Some(key) if key.contains("debian-archive") => Some(2),
            Some(_) => None,
            None if self.uris.iter().any(|uri| uri.contains("debian")) => Some(1),
            None => Some(0),
        }
    }

    /// Whether the suite is one of the main archive's (not security's).
    fn is_main(&self, codename: &str) -> bool {
        const NAMES: [&str; 5] = ["oldstable", "stable", "testing", "unstable", "sid"];
        self.suites.iter().any(|suite| {
            let name = suite.strip_suffix("-updates").or(suite.strip_suffix("-backports"));
            let name = name.unwrap_or(suite);
            !codename.is_empty() && name == codename || NAMES.contains(&name)
        })
    }

    fn is_security(&self) -> bool {
        self.suites.iter().any(|suite| suite.ends_with("-security") || suite.ends_with("/updates"))
    }
}

/// The mirrors that the system is set up for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrors {
    /// Of the main archive.
    pub main: Vec<String>,
    /// Of the security archive; empty when the system has none.
    pub security: Vec<String>,
}

impl Mirrors {
    /// Picks the mirrors out of all the entries; `None` without one of the
    /// main archive.
    #[must_use]
    pub fn choose(entries: &[SourceEntry], codename: &str) -> Option<Self> {
        let best = |wanted: &dyn Fn(&SourceEntry) -> bool| {
            let mut found: Option<(u8, &SourceEntry)> = None;
            for entry in entries.iter().filter(|entry| wanted(entry)) {
                let Some(confidence) = entry.confidence() else { continue };
                if found.is_none_or(|(best, _)| confidence > best) {
                    found = Some((confidence, entry));
                }
            }
            found.map(|(_, entry)| entry.uris.clone())
        };
        Some(Self {
            main: best(&|entry| entry.is_main(codename))?,
            security: best(&SourceEntry::is_security).unwrap_or_default(),
        })
    }
}

/// Every entry of `sources.list` and of the files in `sources.list.d`; files
/// that cannot be read are passed over, as apt itself would complain of them.
pub(crate) fn read_all(list: &Path, parts: &Path) -> Vec<SourceEntry> {
    let mut entries = std::fs::read_to_string(list).map_or(vec![], |text| parse_one_line(&text));
    let mut files: Vec<PathBuf> = std::fs::read_dir(parts)
        .map(|dir| dir.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.sort();
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("list") => entries.extend(parse_one_line(&text)),
            Some("sources") => entries.extend(parse_deb822(&text)),
            _ => {}
        }
    }
    entries
}

/// `deb [options] uri suite component…`, one entry a line.
#[must_use]
pub fn parse_one_line(text: &str) -> Vec<SourceEntry> {
    text.lines().filter_map(one_line).collect()
}

fn one_line(line: &str) -> Option<SourceEntry> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?.strip_prefix(char::is_whitespace)?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    let uri = usable(words.next()?)?;
    let signed_by = options
        .split_whitespace()
        .find_map(|option| option.strip_prefix("signed-by="))
        .map(str::to_owned);
    Some(SourceEntry {
        uris: vec![uri],
        suites: vec![words.next()?],
        components: words.collect(),
        signed_by,
    })
}

/// Stanzas of `Types:`, `URIs:`, `Suites:`, …
#[must_use]
pub fn parse_deb822(text: &str) -> Vec<SourceEntry> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.split(|line| line.trim().is_empty()).filter_map(stanza).collect()
}

fn stanza(lines: &[&str]) -> Option<SourceEntry> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let field = |name: &str| {
        fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.as_str())
    };
    let words = |name: &str| field(name).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let off = ["no", "false", "0", "off", "without", "disable"];
    if off.contains(&field("enabled").to_ascii_lowercase().as_str())
        || !words("types").iter().any(|kind| kind == "deb")
    {
        return None;
    }
    let uris: Vec<String> = words("uris").into_iter().filter_map(usable).collect();
    let key = field("signed-by");
    (!uris.is_empty()).then(|| SourceEntry {
        uris,
        suites: words("suites"),
        components: words("components"),
        signed_by: (!key.is_empty()).then(|| key.to_owned()),
    })
}

/// A CD has none of the suites that we look for.
fn usable(uri: String) -> Option<String> {
    (!uri.starts_with("cdrom:")).then_some(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEB822: &str = "\
# a comment
Types: deb deb-src
# inside a stanza
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
 http://second.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
";

    #[test]
    fn deb822_with_comments_folding_and_a_disabled_stanza() {
        let mirrors = Mirrors::choose(&parse_deb822(DEB822), "bookworm").unwrap();
        assert_eq!(mirrors.main, ["http://mirror.example/debian"]);
        assert_eq!(
            mirrors.security,
            ["http://mirror.example/debian-security", "http://second.example/debian-security"]
        );
    }

    #[test]
    fn one_line_with_options_sources_and_a_cd() {
        let entries = parse_one_line(
            "deb cdrom:[Debian 12]/ bookworm main\n\
             # deb http://commented.example/debian bookworm main\n\
             deb-src http://src.example/debian bookworm main\n\
             deb [arch=amd64 signed-by=/k/debian-archive-keyring.gpg] http://m.example/debian \
             bookworm main contrib # trailing\n\
             deb http://m.example/debian-security bookworm-security main\n",
        );
        let mirrors = Mirrors::choose(&entries, "bookworm").unwrap();
        assert_eq!(mirrors.main, ["http://m.example/debian"]);
        assert_eq!(mirrors.security, ["http://m.example/debian-security"]);
    }

    #[test]
    fn other_people_s_archives_are_not_debian() {
        let entries = parse_one_line(
            "deb [signed-by=/k/vendor.gpg] http://vendor.example bookworm main\n\
             deb http://docker.example/linux/debian bookworm stable\n\
             deb http://pg.example/apt bookworm-pgdg main\n",
        );
        assert_eq!(Mirrors::choose(&entries, "bookworm"), None);
    }

    #[test]
    fn an_explicit_debian_key_beats_a_vendor_without_one() {
        let entries = parse_one_line(
            "deb http://vendor.example bookworm main\n\
             deb [signed-by=/k/debian-archive-keyring.gpg] http://m.example/d bookworm main\n",
        );
        assert_eq!(Mirrors::choose(&entries, "bookworm").unwrap().main, ["http://m.example/d"]);
    }

    #[test]
    fn a_suite_by_its_role_counts_too() {
        let entries = parse_one_line("deb http://m.example/debian stable main\n");
        let mirrors = Mirrors::choose(&entries, "trixie").unwrap();
        assert_eq!(mirrors.main, ["http://m.example/debian"]);
        assert!(mirrors.security.is_empty());
    }
}
