// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ways to take the machine down.

use serde::Deserialize;

/// What a cut takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CutKind {
    /// RAM and the disks' volatile caches.
    Power,
    /// RAM only.
    Reset,
}

/// What a power cut does to writes that were completed but not flushed, or on
/// the media but not completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpenWrites {
    /// All lost.
    #[default]
    Drop,
    /// All kept.
    Keep,
    /// A seeded subset, torn at sector granularity.
    Random,
}
