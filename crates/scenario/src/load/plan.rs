// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a load scenario has instead of steps.

use super::job::Job;
use crate::permit::Permits;
use crate::step::{CutKind, OpenWrites};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a load scenario has instead of steps.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// The fio job.
    pub job: Job,
    /// Power cuts under load; `None`: the job runs once to its end.
    pub cycles: Option<Cycles>,
    /// Where the agent's own stamped writers work beside fio.
    pub stamped: Option<StampedArea>,
    /// What a cut may leave, by cause and arm.
    pub permit: Permits,
    /// Keys that an arm journals for each bypass write; 1 where not named.
    pub keys_per_write: BTreeMap<String, usize>,
    /// About how long a case takes, in seconds, for the estimate that is
    /// printed before the first one has shown it.
    pub about_s: u64,
}

/// Load, cut, boot, judge, and on with the same disks.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cycles {
    /// How many.
    pub count: u32,
    /// Events of the disks' common sequence after which the power goes, from
    /// the start of the load: at least and at most; the seed chooses.
    pub events: [u64; 2],
    /// What is lost.
    #[serde(default = "power")]
    pub kind: CutKind,
    /// What becomes of writes that the crash model leaves open.
    #[serde(default)]
    pub open: OpenWrites,
    /// Milliseconds from one flush to the next.
    #[serde(default = "often")]
    pub flush_every_ms: u64,
    /// Go on for so long, whatever `count` says; from the command line.
    #[serde(skip)]
    pub hours: Option<f64>,
}

fn power() -> CutKind {
    CutKind::Power
}

fn often() -> u64 {
    300
}

/// An area that only the agent's stamped writers write to, in 512 B sectors
/// of the bcache device.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StampedArea {
    /// First sector.
    pub sector: u64,
    /// Length.
    pub sectors: u64,
    /// Length of each write.
    pub write_sectors: u32,
    /// Writes in flight at once.
    pub depth: u32,
}
