// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an exploration leaves behind: `explore.json`, and beside it a line per
//! judged state, from which an interrupted exploration goes on.

use crate::error::ExploreError;
use judge::state::Outcome;
use scenario::Kind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use vdisk::crash::How;

/// One tried state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateRecord {
    /// Number in the enumeration.
    pub number: u64,
    /// The event that the cut comes before.
    pub before: u64,
    /// Of the content, in hexadecimal.
    pub fingerprint: String,
    /// How it was chosen.
    pub how: How,
    /// How many writes it has lost something of.
    pub lost: usize,
    /// What came of it.
    pub outcome: Outcome,
}

/// One kind of bad state, shrunk and told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counterexample {
    /// What is wrong.
    pub kind: Kind,
    /// Whether the arm is expected to have it.
    pub expected: bool,
    /// How many of the tried states have it.
    pub states: usize,
    /// The state that was shrunk.
    pub number: u64,
    /// The instant.
    pub before: u64,
    /// Writes lost in that state, and after shrinking.
    pub lost_before_shrinking: usize,
    /// The smallest set of lost writes that was found.
    pub lost: usize,
    /// Machines started for shrinking.
    pub tries: usize,
    /// Whether a cold boot on the shrunk state shows it, too.
    pub confirmed: bool,
    /// For people.
    pub story: Vec<String>,
}

/// The whole exploration of one scenario on one arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Exploration {
    pub schema_version: u32,
    pub arm: String,
    pub scenario: String,
    pub scenario_hash: String,
    pub seed: u64,
    pub opportunities: Vec<String>,
    /// Writes to the disks in the recording.
    pub writes: usize,
    /// States considered, duplicates included.
    pub considered: u64,
    /// Distinct contents.
    pub distinct: usize,
    /// Chosen, by `--limit`.
    pub chosen: usize,
    /// Tried so far, those of an earlier, interrupted exploration included.
    pub tried: usize,
    pub complete: bool,
    /// Tried in this process, and how long it took (seconds of wall time).
    pub tried_now: usize,
    pub seconds: f64,
    /// Tried states without anything bad.
    pub good: usize,
    /// Tried states by kind; one state can have several.
    pub kinds: BTreeMap<Kind, usize>,
    /// Kinds that the arm is not expected to have.
    pub unexpected: Vec<Kind>,
    /// Kinds that a whole exploration of a faulty arm has to find, and did not.
    pub missed: Vec<Kind>,
    /// States without a verdict.
    pub harness_failures: usize,
    pub counterexamples: Vec<Counterexample>,
    /// Bad states and those without a verdict, in full.
    pub states: Vec<StateRecord>,
}

impl Exploration {
    /// States per minute in this process.
    #[must_use]
    pub fn pace(&self) -> f64 {
        self.tried_now as f64 * 60.0 / self.seconds.max(0.001)
    }

    /// As in design.md section 8: 0 as expected, 1 not, 4 no verdict.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let confirmed = self.counterexamples.iter().all(|example| example.confirmed);
        if !self.unexpected.is_empty() || !self.missed.is_empty() {
            1
        } else if self.harness_failures > 0 || !confirmed || self.tried == 0 {
            4
        } else {
            0
        }
    }

    /// Writes `explore.json`, whole or not at all.
    pub(crate) fn save(&self, dir: &Path) -> Result<(), ExploreError> {
        let path = dir.join("explore.json");
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        proc::replace(&path, text).map_err(ExploreError::io(&path))
    }
}

/// The lines of tried states.
pub(crate) struct Tried {
    file: File,
    /// Those of an earlier exploration, then this one's.
    pub records: Vec<StateRecord>,
}

impl Tried {
    /// Opens the file and reads what is whole in it. Failures of the harness
    /// deserve another try.
    pub fn open(dir: &Path) -> Result<Self, ExploreError> {
        let path = dir.join("states.jsonl");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let records: Vec<StateRecord> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|record: &StateRecord| !matches!(record.outcome, Outcome::Harness { .. }))
            .collect();
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(ExploreError::io(&path))?;
        if !text.is_empty() && !text.ends_with('\n') {
            // A line torn by a kill must not swallow the next one.
            file.write_all(b"\n").map_err(ExploreError::io(&path))?;
        }
        Ok(Self { file, records })
    }

    /// Keeps one more. A full disk is found out when `explore.json` is saved.
    pub fn add(&mut self, record: StateRecord) {
        if let Ok(mut line) = serde_json::to_vec(&record) {
            line.push(b'\n');
            let _ = self.file.write_all(&line);
        }
        self.records.push(record);
    }
}

/// A fingerprint as it stands in the files.
pub(crate) fn hex(fingerprint: u128) -> String {
    format!("{fingerprint:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tried_states_are_found_again_and_a_torn_line_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let record = |number, outcome| StateRecord {
            number,
            before: 3,
            fingerprint: hex(9),
            how: How::DropOne(4),
            lost: 1,
            outcome,
        };
        let mut tried = Tried::open(dir.path()).unwrap();
        tried.add(record(1, Outcome::Good));
        tried.add(record(2, Outcome::Harness { message: "x".into() }));
        let path = dir.path().join("states.jsonl");
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"number\":3,\"bef").unwrap();
        let mut again = Tried::open(dir.path()).unwrap();
        assert_eq!(again.records, [record(1, Outcome::Good)]);
        again.add(record(4, Outcome::Good));
        let numbers: Vec<u64> =
            Tried::open(dir.path()).unwrap().records.iter().map(|r| r.number).collect();
        assert_eq!(numbers, [1, 4]);
    }
}
