// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a load case (`L1`, `L2`, `L3`) counted, beside its verdict.

use crate::verdict::Verdict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One load case. Blocks are 4 KiB.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The job file under `workloads/fio`.
    pub job: String,
    /// How writes bypass the cache: `writearound`, `sequential`,
    /// `congestion`, `discard`, or `none`.
    pub bypass: String,
    /// `cache_mode` of bcache.
    pub cache_mode: String,
    /// Seconds that fio ran, by the guest's clock, over all cycles.
    pub seconds: f64,
    /// Power cuts during the load.
    pub cuts: u32,
    /// Blocks read from the cache: what fio read less what the backing device
    /// gave; where a cut took fio's own count, what the cache device gave.
    /// (`stats_total` of bcache lags by up to 23 s, longer than a case.)
    pub cached_reads: u64,
    /// Reads that missed: reads of the user's sectors on the backing device.
    pub cache_misses: u64,
    /// Writes that bypassed the cache: keys without pointers in the journal.
    pub bypass_writes: u64,
    /// Misses that overlapped a write in flight, as the disks' event log
    /// shows: each could have planted a stale key.
    pub opportunities: u64,
    /// Fills that the tracker skipped because a range overlapped.
    pub skipped_exactly: Option<u64>,
    /// Fills that it skipped by a collision only.
    pub skipped_by_collision: Option<u64>,
    /// Bytes compared by the sweep of the whole device.
    pub swept_bytes: u64,
    /// Blocks that bcache and its clean backing device disagree on.
    pub stale_blocks: u64,
    /// Blocks that fio's own verify refused.
    pub verify_errors: u64,
    /// When the stale blocks were seen, in seconds from the start of the
    /// load; as often as the load was swept while it ran.
    pub stale_over_time: Vec<StaleSample>,
    /// Sectors (512 B) that differed or were not as promised after the cuts,
    /// by cause; `torn-set` counts cuts after which the kernel refused the
    /// cache. See the scenario's `[permit]`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub causes: BTreeMap<String, u64>,
    /// Verdicts that are no contradiction beside the expected one: each of
    /// their sectors has a cause that the scenario permits the arm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permitted: Vec<Verdict>,
}

/// One sweep during a load.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaleSample {
    /// Seconds from the start of the load.
    pub seconds: f64,
    /// Blocks that were stale then.
    pub stale_blocks: u64,
}
