// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recorded run, beside its event log.

use crate::history::History;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// All that is needed beside the event log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Name of the arm.
    pub arm: String,
    /// Path of its kernel, in a cache that goes by content.
    pub kernel: PathBuf,
    /// The scenario's id.
    pub scenario: String,
    /// blake3 of its file.
    pub scenario_hash: String,
    /// The seed that was asked for.
    pub seed: u64,
    /// Number in every stamp.
    pub run: u64,
    /// Names of versions, by the sequence number in their stamps.
    pub versions: BTreeMap<u64, String>,
    /// What the witness was told.
    pub history: History,
    /// What showed that the window was open.
    pub opportunities: Vec<String>,
}
