// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a scenario sets and asks of bcache in sysfs.

use super::verb::Verb;
use crate::number::{LONGEST_MS, if_within, within};
use crate::setup::{CacheMode, LARGEST_MIB};
use crate::volume::Volume;
use schemars::JsonSchema;
use serde::Deserialize;

/// Changes the cache mode of the running device.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetCacheMode {
    /// The new mode.
    pub to: CacheMode,
    /// The bcache device; all of them where none is named.
    pub of: Option<Volume>,
}

impl Verb for SetCacheMode {
    fn describe(&self) -> String {
        let of = self.of.map(Volume::suffix).unwrap_or_default();
        format!("cache mode {}{of}", self.to.as_str())
    }

    fn contradiction(&self) -> Option<&'static str> {
        self.of.and_then(Volume::unbacked)
    }
}

/// Sets something of bcache.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// What.
    pub setting: Setting,
    /// As sysfs wants it.
    pub value: String,
    /// The bcache device, where it is not the whole cache set's; all of them where none
    /// is named.
    pub of: Option<Volume>,
}

impl Verb for Set {
    fn describe(&self) -> String {
        let of = self.of.map(Volume::suffix).unwrap_or_default();
        format!("set {}{of} to {}", self.setting.file(), self.value)
    }

    fn contradiction(&self) -> Option<&'static str> {
        self.of.and_then(Volume::unbacked)
    }
}

/// Gives the flash-only volume another size. bcache knows no other change of size while it
/// runs: a backing device has the size that its disk had when it was registered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// In MiB.
    #[serde(deserialize_with = "within::<1, LARGEST_MIB, _, _>")]
    #[schemars(range(min = 1, max = LARGEST_MIB))]
    pub mib: u64,
}

impl Verb for Resize {
    fn describe(&self) -> String {
        format!("resize the flash-only volume to {} MiB", self.mib)
    }
}

/// TOML has no larger number.
const LARGEST_COUNT: u64 = i64::MAX as u64;

/// Demands something of a counter, the sum of all bcache devices, where the arm has it; if
/// it does not hold, the case is `imprecise`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckCounter {
    /// Which.
    pub name: Counter,
    /// Its value now.
    #[serde(default, deserialize_with = "if_within::<0, LARGEST_COUNT, _, _>")]
    #[schemars(range(min = 0, max = LARGEST_COUNT))]
    pub is: Option<u64>,
    /// How much it has grown since the last step that read it.
    #[serde(default, deserialize_with = "if_within::<0, LARGEST_COUNT, _, _>")]
    #[schemars(range(min = 0, max = LARGEST_COUNT))]
    pub grew_by: Option<u64>,
    /// How long it may take until it holds, in milliseconds. bcache adds to its sums
    /// every 14 s (`scale_accounting`).
    #[serde(default, deserialize_with = "within::<0, LONGEST_MS, _, _>")]
    #[schemars(range(min = 0, max = LONGEST_MS))]
    pub within_ms: u64,
}

impl Verb for CheckCounter {
    fn describe(&self) -> String {
        format!("counter {}", self.name.file())
    }
}

impl CheckCounter {
    /// What to say of a value that is now `now`, and `grown` more than when it was last
    /// read: well, or not as it is demanded.
    ///
    /// # Errors
    /// The demand that does not hold.
    pub fn said(&self, now: u64, grown: u64) -> Result<String, String> {
        let file = self.name.file();
        match (self.is, self.grew_by) {
            (Some(wanted), _) if wanted != now => Err(format!("{file} is {now}, not {wanted}")),
            (_, Some(wanted)) if wanted != grown => {
                Err(format!("{file} has grown by {grown}, not by {wanted}"))
            }
            _ => Ok(format!("{file} is {now}, {grown} more than before")),
        }
    }
}

/// Counters: the tracker's and what rests on it without their prefix, bcache's sums for
/// users, and the block layer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
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
    /// Misses not cached for a write, as users read it: the sum since the last `clear_stats`.
    Overlaps,
    /// Bytes that went round the cache since the last `clear_stats`, on every kernel.
    /// From 1000 KiB on it is rounded.
    Bypassed,
}

/// Settings of bcache that scenarios change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    CacheMode,
    SequentialCutoff,
    WritebackRunning,
    WritebackPercent,
    WritebackDelay,
    CongestedReadThresholdUs,
    CongestedWriteThresholdUs,
    /// Milliseconds that keys nobody waits for stay out of the journal.
    JournalDelayMs,
    /// Starts garbage collection, whatever the value.
    TriggerGc,
    /// Errors of the SSD after which the cache set is retired. One in the journal, or
    /// of the btree's, is enough in any case.
    IoErrorLimit,
    /// `auto` or `always`: whether the bcache device goes with a cache set that failed.
    StopWhenCacheSetFailed,
    /// Where the kernel has it: writethrough writes are on the backing device's
    /// media before their keys are in the cache.
    WritethroughFua,
    /// Where the kernel has it: bypass writes invalidate only when they are durable. The lab
    /// turns it on wherever it is.
    OrderedInvalidation,
    /// Sets bcache's sums for users to 0, whatever the value.
    ClearStats,
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
            Self::Overlaps => "stats_total/cache_miss_overlaps",
            Self::Bypassed => "stats_total/bypassed",
        }
    }
}

impl Setting {
    /// Whether it is the cache set's, and not a device's.
    #[must_use]
    pub fn is_of_the_set(self) -> bool {
        matches!(
            self,
            Self::CongestedReadThresholdUs
                | Self::CongestedWriteThresholdUs
                | Self::JournalDelayMs
                | Self::IoErrorLimit
                | Self::TriggerGc
        )
    }

    /// Whether only some kernels have it.
    #[must_use]
    pub fn is_ours(self) -> bool {
        matches!(self, Self::WritethroughFua | Self::OrderedInvalidation)
    }

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
            Self::JournalDelayMs => "journal_delay_ms",
            Self::TriggerGc => "internal/trigger_gc",
            Self::IoErrorLimit => "io_error_limit",
            Self::StopWhenCacheSetFailed => "stop_when_cache_set_failed",
            Self::WritethroughFua => "writethrough_fua",
            Self::OrderedInvalidation => "ordered_invalidation",
            Self::ClearStats => "clear_stats",
        }
    }
}
