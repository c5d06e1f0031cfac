// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an arm is for, as its file says.

use serde::Deserialize;
use std::collections::BTreeMap;

/// How an arm keeps track of the writes in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tracker {
    /// Its file does not say: it may have any.
    #[default]
    Unknown,
    None,
    /// Counters for chunks of the device, in C.
    Chunks,
    /// A table of ranges, in Rust.
    Ranges,
}

/// A run that takes the arm where the user names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// `run`, and the tool's own speed.
    Default,
    /// `run --quick` or `--full` with nothing but loads.
    Loads,
    /// `perf`.
    Perf,
    /// `nightly`.
    Nightly,
    Tests,
}

/// The same kernel with a switch in another position.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// For results, in brackets behind the arm's name.
    pub name: String,
    /// Files of the bcache device in sysfs, and what is written to each first.
    pub sysfs: BTreeMap<String, String>,
}
