// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a cycle that went wrong leaves, so that its cut can be judged again.

use crate::trouble::{Stop, Trouble};
use evidence::{Case, HarnessFailure};
use judge::history::History;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use vdisk::CutReport;

/// What a cycle leaves beside its log when it went wrong.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CutRecord {
    /// Which cycle of the case.
    pub cycle: u32,
    /// The first event of the load.
    pub since: u64,
    /// What the witness was told.
    pub history: History,
    /// What the cut did.
    pub cut: CutReport,
}

/// Where they are.
#[derive(Clone, Debug)]
pub struct Left {
    /// The log of the cycle.
    pub events: PathBuf,
    /// The [`CutRecord`].
    pub cut: PathBuf,
}

impl Left {
    /// Of a case of a run in `dir`; `None` when the case has left nothing.
    #[must_use]
    pub fn of(dir: &Path, case: &Case) -> Option<Self> {
        let file = |key: &str| Some(dir.join(case.files.get(key)?)).filter(|path| path.is_file());
        Some(Self { events: file("events")?, cut: file("cut")? })
    }
}

pub(super) fn unreadable(path: &Path, error: impl std::fmt::Display) -> Stop {
    let text = format!("{}: {error}", path.display());
    Trouble::new(HarnessFailure::CutRecord, text, "take the run that the case is from, whole")
        .into()
}

impl CutRecord {
    pub fn save(&self, path: &Path) -> Result<(), Stop> {
        let text = serde_json::to_string(self).map_err(|error| unreadable(path, error))?;
        std::fs::write(path, text).map_err(|error| unreadable(path, error))
    }

    pub fn read(path: &Path) -> Result<Self, Stop> {
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
        serde_json::from_str(&text).map_err(|error| unreadable(path, error))
    }
}
