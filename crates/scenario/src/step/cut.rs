// SPDX-License-Identifier: MIT OR Apache-2.0
//! The machine goes down, comes up, and is judged.

use super::disk::Disk;
use super::hold::Place;
use super::verb::{Mention, Verb};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vdisk::CutKind;

/// Takes the machine down at one instant of the disks' common sequence.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// What is lost.
    pub kind: CutKind,
    /// What becomes of the writes whose survival the crash model leaves open.
    #[serde(default)]
    pub open: OpenWrites,
    /// Where nothing survives of what is open on a disk; all else does, whatever
    /// `open` says.
    pub lose: Option<Place>,
    /// That disk; on the SSD, a block is its newest copy in the cache.
    #[serde(default = "backing_device")]
    pub lose_on: Disk,
}

fn backing_device() -> Disk {
    Disk::Hdd
}

impl Verb for Cut {
    fn describe(&self) -> String {
        format!("{} cut", self.kind)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        std::iter::once(Mention::Cuts).chain(self.lose.iter().flat_map(Place::mentions)).collect()
    }
}

/// Boots again on the same disks and registers them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Boot {
    /// Which, and in what order.
    #[serde(default)]
    pub register: Registered,
    /// Another kernel than the case's.
    pub kernel: Option<OtherKernel>,
}

impl Verb for Boot {
    fn describe(&self) -> String {
        let order = match self.register {
            Registered::SsdFirst => "",
            Registered::HddFirst => ", the backing device first",
            Registered::HddAlone => ", the backing device alone",
        };
        match &self.kernel {
            None => format!("boot again{order}"),
            Some(other) => format!("boot {other} on the same disks{order}"),
        }
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Boots]
    }
}

/// A kernel that is not the case's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtherKernel {
    /// One of the project's arms.
    pub arm: String,
    /// Its source, as for `--kernel-src`; the run's own where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl std::fmt::Display for OtherKernel {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.source {
            None => write!(out, "{}", self.arm),
            Some(source) => write!(out, "{} of {source}", self.arm),
        }
    }
}

/// What of the two is registered after a boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Registered {
    #[default]
    SsdFirst,
    HddFirst,
    /// The SSD is not: the backing device is made to run without its cache
    /// (`running` in sysfs). See `life`, `register-ssd`.
    HddAlone,
}

/// Reads everything back and lets the oracle judge. The last step; earlier ones count,
/// too: of several judgements the worst.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Judge {}

impl Verb for Judge {
    fn describe(&self) -> String {
        "judge".into()
    }
}

/// What a power cut does to writes that were completed but not flushed, or on
/// the media but not completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OpenWrites {
    /// All lost.
    #[default]
    Drop,
    /// All kept.
    Keep,
    /// Of each the first half is kept.
    Torn,
    /// A seeded subset, torn at sector granularity.
    Random,
}
