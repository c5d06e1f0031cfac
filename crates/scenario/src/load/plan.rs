// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a load scenario has instead of steps.

use super::job::Job;
use crate::number::{LONGEST_MS, within};
use crate::permit::Permits;
use crate::setup::LARGEST_DISK;
use crate::step::OpenWrites;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use vdisk::CutKind;

/// What a load scenario has instead of steps.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// The fio job.
    pub job: Job,
    /// Power cuts under load; `None`: the job runs once to its end.
    pub cycles: Option<Cycles>,
    /// Where the agent's own stamped writers work beside fio.
    pub stamped: Option<StampedArea>,
    /// What is changed while it goes on.
    pub changes: Option<Changes>,
    /// What a cut may leave, by cause and arm.
    pub permit: Permits,
    /// Keys that an arm journals for each bypass write; 1 where not named.
    pub keys_per_write: BTreeMap<String, usize>,
    /// Seconds that fio runs for; `None`: until the job is done.
    pub seconds: Option<u64>,
    /// About how long a case takes, in seconds, for the estimate that is
    /// printed before the first one has shown it.
    pub about_s: u64,
}

/// Load, cut, boot, judge, and on with the same disks.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cycles {
    /// How many.
    #[serde(deserialize_with = "within::<1, MOST_CYCLES, _, _>")]
    #[schemars(range(min = 1, max = MOST_CYCLES))]
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
    #[serde(default = "often", deserialize_with = "within::<1, LONGEST_MS, _, _>")]
    #[schemars(range(min = 1, max = LONGEST_MS))]
    pub flush_every_ms: u64,
    /// Go on for so long, whatever `count` says; from the command line.
    #[serde(skip)]
    pub hours: Option<f64>,
}

/// What is changed under load, and back again: the seed chooses.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// Of which; at least one.
    pub what: Vec<Change>,
    /// From the end of one to the beginning of the next, in milliseconds.
    #[serde(deserialize_with = "within::<1, LONGEST_MS, _, _>")]
    #[schemars(range(min = 1, max = LONGEST_MS))]
    pub every_ms: u64,
}

/// A change that the bcache device outlives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Another cache mode, any of the four.
    Mode,
    /// The backing device is detached, and attached again.
    Detach,
    /// The cache set is unregistered, registered, and attached again.
    Unregister,
}

const MOST_CYCLES: u64 = 1_000_000;

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
    #[serde(deserialize_with = "within::<0, LARGEST_DISK, _, _>")]
    #[schemars(range(min = 0, max = LARGEST_DISK))]
    pub sector: u64,
    /// Length.
    #[serde(deserialize_with = "within::<1, LARGEST_DISK, _, _>")]
    #[schemars(range(min = 1, max = LARGEST_DISK))]
    pub sectors: u64,
    /// Length of each write.
    #[serde(deserialize_with = "within::<1, 32768, _, _>")]
    #[schemars(range(min = 1, max = 32768))]
    pub write_sectors: u32,
    /// Writes in flight at once.
    #[serde(deserialize_with = "within::<1, 1024, _, _>")]
    #[schemars(range(min = 1, max = 1024))]
    pub depth: u32,
}
