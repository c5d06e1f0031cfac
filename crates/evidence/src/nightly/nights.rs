// SPDX-License-Identifier: MIT OR Apache-2.0
//! The nights so far: one JSON object per line, oldest first.

use super::change::median;
use crate::record::{Outcome, RunRecord};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Nights that are kept and looked at: three months.
const KEPT: usize = 92;

/// One figure of one night.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// Median of the night's samples.
    pub value: f64,
    /// `ms`, `1/s`…
    pub unit: String,
    pub samples: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Night {
    /// The run's id; a night that is entered again replaces its line.
    pub run_id: String,
    /// RFC 3339, UTC.
    pub started: String,
    pub kernel: String,
    /// Package and version, commit, or folder.
    pub source: String,
    /// Commit of the lab.
    pub commit: Option<String>,
    /// Host, accelerator and guest processors: figures of other machines are
    /// not compared.
    pub machine: String,
    /// What came out, by case id: a verdict, `inconclusive`, or the trouble.
    pub outcomes: BTreeMap<String, String>,
    /// Cases whose verdict contradicts its expectation.
    pub contradictions: Vec<String>,
    /// Arms whose patches did not apply.
    pub unbuilt: Vec<String>,
    pub figures: BTreeMap<String, Figure>,
}

/// Why a history cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file system said no.
    #[error("{path}: {error}", path = path.display())]
    Io { path: PathBuf, error: std::io::Error },
    /// A line is not a night.
    #[error("{path}:{line}: not a night of this tool: {why}", path = path.display())]
    Format {
        path: PathBuf,
        /// From 1.
        line: usize,
        why: String,
    },
}

impl Night {
    /// What is kept of a run.
    #[must_use]
    pub fn of(run: &RunRecord, unbuilt: Vec<String>) -> Self {
        let word = |outcome: &Outcome| match outcome {
            Outcome::Verdict { verdict } => verdict.to_string(),
            Outcome::Inconclusive { .. } => "inconclusive".to_owned(),
            Outcome::Harness { what, .. } => what.to_string(),
        };
        Self {
            run_id: run.run_id.clone(),
            started: run.started.clone(),
            kernel: run.source.kernel_version.clone(),
            source: run.source.origin.to_string(),
            commit: run.tool.commit.clone(),
            machine: format!(
                "{}, {} cores, {}",
                run.host.cpu, run.host.cores, run.qemu.accelerator
            ),
            outcomes: run.cases.iter().map(|c| (c.id.clone(), word(&c.outcome))).collect(),
            contradictions: run
                .cases
                .iter()
                .filter(|case| case.contradicts())
                .map(|case| case.id.clone())
                .collect(),
            unbuilt,
            figures: figures(run),
        }
    }
}

/// Every figure of a run, as the median of its samples: boots, cases by
/// scenario, what loads counted, what `perf` measured.
fn figures(run: &RunRecord) -> BTreeMap<String, Figure> {
    let mut samples: BTreeMap<(String, &str), Vec<f64>> = BTreeMap::new();
    let mut put = |name: String, unit: &'static str, value: f64| {
        samples.entry((name, unit)).or_default().push(value);
    };
    for case in &run.cases {
        if !matches!(case.outcome, Outcome::Verdict { .. }) {
            continue;
        }
        put(format!("case {}", case.scenario), "ms", case.took_ms as f64);
        for boot in &case.boots_ms {
            put("boot".to_owned(), "ms", *boot as f64);
        }
        if let Some(load) = &case.load {
            let name = |what: &str| format!("{} {} {what}", case.arm, case.scenario);
            let per = |count: u64, of: u64| count as f64 / of.max(1) as f64;
            put(
                name("stale per million reads"),
                "",
                per(load.stale_blocks, load.cached_reads) * 1e6,
            );
            put(
                name("misses per second"),
                "1/s",
                load.cache_misses as f64 / load.seconds.max(1e-3),
            );
        }
    }
    let mut figures: BTreeMap<String, Figure> =
        samples.into_iter().map(|((name, unit), values)| (name, figure(&values, unit))).collect();
    for series in run.perf.iter().flat_map(|perf| &perf.series) {
        let name = format!("{} {} {}", series.arm, series.workload, series.metric);
        figures.insert(name, figure(&series.samples, &series.unit));
    }
    figures.retain(|_, figure| figure.value.is_finite());
    figures
}

fn figure(values: &[f64], unit: &str) -> Figure {
    Figure { value: median(values), unit: unit.to_owned(), samples: values.len() as u64 }
}

/// The nights of a file, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Oldest first.
    pub nights: Vec<Night>,
}

impl History {
    /// Parses the lines of a history.
    ///
    /// # Errors
    /// The line (from 1) and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut nights = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            if !line.trim().is_empty() {
                let night =
                    serde_json::from_str(line).map_err(|error| (number, error.to_string()))?;
                nights.push(night);
            }
        }
        Ok(Self { nights })
    }

    /// Reads a file; one that is not there is an empty history.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn read(path: &Path) -> Result<Self, HistoryError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).map_err(|(line, why)| HistoryError::Format {
                path: path.into(),
                line,
                why,
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(HistoryError::Io { path: path.into(), error }),
        }
    }

    /// Enters a night, once, and forgets those of long ago.
    pub fn enter(&mut self, night: Night) {
        self.nights.retain(|other| other.run_id != night.run_id);
        self.nights.push(night);
        self.nights.sort_by(|a, b| a.started.cmp(&b.started));
        let surplus = self.nights.len().saturating_sub(KEPT);
        self.nights.drain(..surplus);
    }

    /// Replaces the file in one step.
    ///
    /// # Errors
    /// [`HistoryError::Io`]; the old file is then still there.
    pub fn save(&self, path: &Path) -> Result<(), HistoryError> {
        let io = |error| HistoryError::Io { path: path.into(), error };
        let mut text = String::new();
        for night in &self.nights {
            text += &serde_json::to_string(night).map_err(|error| io(error.into()))?;
            text.push('\n');
        }
        proc::replace(path, text).map_err(io)
    }
}
