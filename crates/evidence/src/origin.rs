// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a kernel source came from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a kernel source came from. Its `Display` is for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Origin {
    DebianPackage {
        package: String,
        version: String,
    },
    GitCommit {
        /// Hexadecimal, whole.
        commit: String,
        repository: String,
    },
    Directory {
        path: String,
    },
    Tarball {
        path: String,
    },
    /// As schema 1 has it: in words only.
    #[serde(untagged)]
    Words(String),
}

impl Origin {
    /// The commit, for a source out of git.
    #[must_use]
    pub fn commit(&self) -> Option<&str> {
        match self {
            Self::GitCommit { commit, .. } => Some(commit),
            _ => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DebianPackage { package, version } => {
                write!(f, "Debian package {package} {version}")
            }
            Self::GitCommit { commit, repository } => {
                write!(f, "git commit {commit} of {repository}")
            }
            Self::Directory { path } => write!(f, "directory {path}"),
            Self::Tarball { path } => write!(f, "tarball {path}"),
            Self::Words(words) => f.write_str(words),
        }
    }
}
