// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is said about the mails as a whole, and to whom.

use crate::error::SeriesError;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Whom get_maintainer.pl names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipients {
    /// Maintainers.
    pub to: Vec<String>,
    /// Reviewers and lists.
    pub cc: Vec<String>,
}

/// What is said about the mails as a whole.
pub struct Letter<'a> {
    /// `Name <address>`; without it, git's configuration in `repo`.
    pub sign_off: Option<&'a str>,
    /// `[PATCH vN n/m]`.
    pub version: Option<u32>,
    /// The source that they are made for, for people.
    pub base: &'a str,
    /// Its commit, where it comes out of git.
    pub base_commit: Option<&'a str>,
    /// What the runs have shown: put where a cover letter has [`FIGURES`].
    pub figures: Option<&'a str>,
    /// Whom a part's mails go to.
    pub recipients: &'a dyn Fn(&[PathBuf]) -> Result<Recipients, SeriesError>,
}

/// A placeholder, like those that git leaves in a cover letter.
pub const FIGURES: &str = "*** FIGURES ***";

/// What somebody has still to fill in.
pub(crate) fn placeholders(text: &str) -> Vec<&str> {
    let left = |line: &&str| {
        let inner = line.split_once("*** ").and_then(|(_, rest)| rest.split_once(" ***"));
        inner.is_some_and(|(inner, _)| !inner.trim().is_empty())
    };
    text.lines().filter(left).collect()
}

impl Letter<'_> {
    /// Puts our words where git left room for them, and the commit for that of
    /// the repository that the mails were made in.
    pub(crate) fn fill(&self, cover: &str, subject: &str, body: &str, made_on: &str) -> String {
        let cover = cover
            .replacen("*** SUBJECT HERE ***", subject, 1)
            .replacen("*** BLURB HERE ***", body, 1)
            .replace(FIGURES, self.figures.map_or(FIGURES, str::trim_end));
        let line = format!("base-commit: {made_on}\n");
        let commit = self.base_commit.map(|commit| format!("base-commit: {commit}\n"));
        cover.replacen(&line, &commit.unwrap_or_default(), 1)
    }
}
