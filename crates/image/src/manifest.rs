// SPDX-License-Identifier: MIT OR Apache-2.0
//! `images/guest.toml`.

use crate::error::ImageError;
use serde::{Deserialize, Deserializer, de::Error as _};
use std::collections::BTreeMap;
use std::path::Path;

/// What the image holds beside the agent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub directories: Vec<GuestPath>,
    #[serde(default, rename = "node")]
    pub nodes: Vec<Node>,
    #[serde(default, rename = "program")]
    pub programs: Vec<Program>,
    #[serde(default, rename = "file")]
    pub files: Vec<StaticFile>,
    pub fio: Fio,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub at: GuestPath,
    pub mode: Mode,
    pub major: u32,
    pub minor: u32,
}

/// A program of the host.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Looked up in PATH and the sbin directories.
    pub name: String,
    pub at: GuestPath,
    /// Where it comes from on Debian.
    pub package: String,
    /// Where the libraries come from that it needs then.
    #[serde(default)]
    pub libraries: Vec<String>,
    /// Symbolic links to it.
    #[serde(default)]
    pub links: Vec<GuestPath>,
}

/// A file of the repository.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticFile {
    /// Relative to the manifest.
    pub from: String,
    pub at: GuestPath,
    pub mode: Mode,
}

/// How fio is built.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fio {
    pub at: GuestPath,
    /// Name of the source package.
    pub source: String,
    /// Static library → Debian package.
    pub libraries: BTreeMap<String, String>,
    pub configure: Vec<String>,
    pub engines: Vec<String>,
}

/// An absolute path without `.` and `..`; kept without the leading slash, as
/// cpio wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestPath(pub String);

impl<'de> Deserialize<'de> for GuestPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let Some(path) = text.strip_prefix('/') else {
            return Err(D::Error::custom(format!("{text:?} must begin with '/'")));
        };
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(D::Error::custom(format!("{text:?} must be a plain absolute path")));
        }
        Ok(Self(path.to_owned()))
    }
}

/// Permissions, written in octal as a string.
#[derive(Clone, Copy, Debug)]
pub struct Mode(pub u32);

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match u32::from_str_radix(&text, 8) {
            Ok(mode) if mode <= 0o7777 => Ok(Self(mode)),
            _ => Err(D::Error::custom(format!("{text:?} is no octal mode such as \"755\""))),
        }
    }
}

impl Manifest {
    /// Parses a manifest.
    ///
    /// # Errors
    /// [`ImageError::Manifest`] with the line.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ImageError> {
        toml::from_str(text).map_err(|error| ImageError::Manifest {
            path: path.into(),
            why: error.to_string().trim_end().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = include_str!("../../../images/guest.toml");

    fn error(text: &str) -> String {
        Manifest::parse(text, Path::new("guest.toml")).unwrap_err().to_string()
    }

    #[test]
    fn the_manifest_in_the_repository_is_well_formed() {
        let manifest = Manifest::parse(OURS, Path::new("guest.toml")).unwrap();
        assert!(manifest.programs.iter().any(|program| program.name == "make-bcache"));
        assert_eq!(manifest.nodes[0].at, GuestPath("dev/console".into()));
    }

    #[test]
    fn mistakes_are_shown_with_their_line() {
        let typo = OURS.replace("minor = 1", "minro = 1");
        let text = error(&typo);
        assert!(text.contains("minro = 1") && text.contains("expected"), "{text}");
        let relative = error(&OURS.replace("\"/bin/busybox\"", "\"bin/busybox\""));
        assert!(relative.contains("must begin with '/'"), "{relative}");
        let mode = error(&OURS.replace("\"600\"", "\"rw-\""));
        assert!(mode.contains("octal"), "{mode}");
        let climbing = error(&OURS.replace("\"/bin/fio\"", "\"/bin/../../fio\""));
        assert!(climbing.contains("plain absolute path"), "{climbing}");
    }
}
