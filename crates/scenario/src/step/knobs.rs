// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a scenario sets and asks of bcache in sysfs.

use serde::Deserialize;

/// Counters in sysfs: the tracker's and what rests on it without their prefix, and the block
/// layer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counter {
    /// In flight now.
    Writes,
    /// Ever recorded.
    Recorded,
    /// Misses not cached for a write to the same sectors.
    SkippedExact,
    /// Misses not cached for a write that may be to the same sectors.
    SkippedPossible,
    /// Memory of the tracker, in bytes.
    Bytes,
    /// Reads and writes that the block layer counts as in flight at the bcache
    /// device, on every kernel: one more at the end is one that leaked.
    Requests,
    /// Bypass writes that needed no invalidation.
    Spared,
}

/// Settings of bcache that scenarios change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Setting {
    CacheMode,
    SequentialCutoff,
    WritebackRunning,
    WritebackPercent,
    WritebackDelay,
    CongestedReadThresholdUs,
    CongestedWriteThresholdUs,
    /// Starts garbage collection, whatever the value.
    TriggerGc,
}

impl Counter {
    /// Its file's name.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Writes => "inflight_writes",
            Self::Recorded => "inflight_recorded",
            Self::SkippedExact => "inflight_skipped_exact",
            Self::SkippedPossible => "inflight_skipped_possible",
            Self::Bytes => "inflight_bytes",
            Self::Requests => "inflight",
            Self::Spared => "ordered_spared",
        }
    }
}

impl Setting {
    /// Its file's name.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::CacheMode => "cache_mode",
            Self::SequentialCutoff => "sequential_cutoff",
            Self::WritebackRunning => "writeback_running",
            Self::WritebackPercent => "writeback_percent",
            Self::WritebackDelay => "writeback_delay",
            Self::CongestedReadThresholdUs => "congested_read_threshold_us",
            Self::CongestedWriteThresholdUs => "congested_write_threshold_us",
            Self::TriggerGc => "internal/trigger_gc",
        }
    }
}
