// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a case starts from: the disks, how bcache is set up, named blocks.

use crate::layout::BUCKET_KIB;
use serde::Deserialize;

/// Sizes and kinds of the virtual disks.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disks {
    /// The cache device.
    pub ssd: DiskSetup,
    /// The backing device.
    pub hdd: DiskSetup,
}

/// One virtual disk.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskSetup {
    /// Size in MiB.
    pub mib: u64,
    /// Whether completed writes stay volatile until a flush.
    pub volatile_cache: bool,
    /// Whether it can discard.
    #[serde(default = "yes")]
    pub discard: bool,
}

/// What is set in sysfs before the first step.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BcacheSetup {
    /// `writethrough`, `writeback`, `writearound` or `none`.
    pub cache_mode: CacheMode,
    /// Size of the cache's buckets in KiB. Small ones make a small cache, whose
    /// buckets are soon used up: bcache wants more than 512 of them.
    #[serde(default = "default_bucket")]
    pub bucket_kib: u64,
    /// Whether dirty data is written to the backing device in the background.
    #[serde(default = "yes")]
    pub writeback_running: bool,
}

pub(crate) fn yes() -> bool {
    true
}

fn default_bucket() -> u64 {
    BUCKET_KIB
}

/// bcache's cache modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum CacheMode {
    Writethrough,
    Writeback,
    Writearound,
    None,
}

impl CacheMode {
    /// As sysfs wants it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Writethrough => "writethrough",
            Self::Writeback => "writeback",
            Self::Writearound => "writearound",
            Self::None => "none",
        }
    }
}

/// A named range of the bcache device, in 512 B sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// First sector.
    pub sector: u64,
    /// Length.
    pub sectors: u32,
}

impl From<Block> for wire::Extent {
    fn from(block: Block) -> Self {
        Self { sector: block.sector, sectors: block.sectors }
    }
}
