// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was found about the series, for people and for programs.

use crate::letter::Recipients;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How one check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Ok,
    /// It does not: the series is at fault.
    Failed,
    /// A tool or a package is not there: nothing is known.
    Missing,
}

/// One check of one thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// `checkpatch`, `rustfmt`, `git am`, `build`, …
    pub check: String,
    /// A mail, a file, or a step, kernel and configuration.
    pub on: String,
    pub outcome: Outcome,
    /// Why, when it is not as it should be; a remark otherwise. May be empty.
    pub detail: String,
    /// Wall time; 0 where it is too short to matter.
    #[serde(default)]
    pub seconds: f64,
    /// Hash of all that went in, for those that are not done again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
}

impl Finding {
    pub(crate) fn new(check: &str, on: &str, outcome: Outcome, detail: &str) -> Self {
        let (check, on, detail) = (check.to_owned(), on.to_owned(), detail.to_owned());
        Self { check, on, outcome, detail, seconds: 0.0, key: String::new() }
    }

    pub(crate) fn of(check: &str, on: &str, complaint: &str) -> Self {
        let outcome = if complaint.is_empty() { Outcome::Ok } else { Outcome::Failed };
        Self::new(check, on, outcome, complaint)
    }
}

/// `series.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub schema_version: u32,
    /// The kernel that the mails are made for: origin and version.
    pub kernel: String,
    /// File names, cover letter first.
    pub mails: Vec<String>,
    /// Of each part; the mails have them, too.
    pub recipients: BTreeMap<String, Recipients>,
    /// Placeholders were not looked for.
    pub draft: bool,
    /// checkpatch's remarks that are answered beforehand: kind and answer.
    pub answered: Vec<(String, String)>,
    /// In the order in which they were made.
    pub findings: Vec<Finding>,
    /// Whether all that was asked for was checked.
    pub complete: bool,
}

impl Report {
    /// How many findings ended so.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.findings.iter().filter(|finding| finding.outcome == outcome).count()
    }

    /// 0, or 1 when the series is at fault, or 3 when something was missing.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (self.count(Outcome::Failed), self.count(Outcome::Missing)) {
            (0, 0) => 0,
            (0, _) => 3,
            _ => 1,
        }
    }

    /// A line per finding, what is wrong below it, and a sum.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("series for {}\n\n", self.kernel);
        for mail in &self.mails {
            let _ = writeln!(text, "  {mail}");
        }
        text.push('\n');
        for finding in &self.findings {
            let word = match finding.outcome {
                Outcome::Ok => "ok",
                Outcome::Failed => "FAILED",
                Outcome::Missing => "MISSING",
            };
            let took = if finding.seconds >= 1.0 {
                format!(" ({:.0} s)", finding.seconds)
            } else {
                String::new()
            };
            let _ = writeln!(text, "{word:<8}{:<14}{}{took}", finding.check, finding.on);
            for line in finding.detail.lines() {
                let _ = writeln!(text, "            {line}");
            }
        }
        if !self.answered.is_empty() {
            text.push_str("\nremarks of checkpatch that were passed over:\n");
            for (kind, answer) in &self.answered {
                let _ = writeln!(text, "  {kind}: {answer}");
            }
        }
        if self.draft {
            text.push_str("\nA DRAFT, not to be sent: placeholders were not looked for\n");
        }
        for (part, people) in self.recipients.iter().filter(|_| !self.draft) {
            let _ = writeln!(text, "\nto send (to whom is in the mails):");
            let _ = writeln!(text, "  git send-email --no-thread {part}/*.patch");
            for (header, who) in [("To", &people.to), ("Cc", &people.cc)] {
                let _ = writeln!(text, "    {header}: {}", who.join(", "));
            }
        }
        if !self.complete {
            text.push_str("\nNOT COMPLETE: the same command goes on where this one stopped\n");
        }
        let _ = writeln!(
            text,
            "\n{} ok, {} failed, {} missing",
            self.count(Outcome::Ok),
            self.count(Outcome::Failed),
            self.count(Outcome::Missing)
        );
        text
    }
}
