// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a case starts from: the disks, how bcache is set up, named blocks.

use crate::layout::BUCKET_KIB;
use crate::number::{if_within, within};
use crate::step::Disk;
use crate::volume::Volume;
use schemars::JsonSchema;
use serde::Deserialize;
use std::ops::Range;
use wire::volume;

/// A virtual disk of 1 TiB, in MiB and in sectors; more does not fit into a length.
pub(crate) const LARGEST_MIB: u64 = 1 << 20;
pub(crate) const LARGEST_DISK: u64 = LARGEST_MIB << 11;

/// make-bcache takes no larger ones, in KiB.
const LARGEST_BUCKET: u64 = 16 << 10;

/// Sizes and kinds of the virtual disks.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disks {
    /// The cache device.
    pub ssd: DiskSetup,
    /// The backing device.
    pub hdd: DiskSetup,
    /// A second backing device of the same cache set.
    #[serde(default)]
    pub hdd2: Option<DiskSetup>,
}

impl Disks {
    /// A cache and one backing device.
    #[must_use]
    pub fn two(ssd: DiskSetup, hdd: DiskSetup) -> Self {
        Self { ssd, hdd, hdd2: None }
    }

    /// All of them, with their names.
    pub fn each(&self) -> impl Iterator<Item = (Disk, &DiskSetup)> {
        let second = self.hdd2.iter().map(|hdd2| (Disk::Hdd2, hdd2));
        [(Disk::Ssd, &self.ssd), (Disk::Hdd, &self.hdd)].into_iter().chain(second)
    }

    /// In a few words: how both behave in time.
    #[must_use]
    pub fn timing(&self) -> String {
        let of = |disk: &DiskSetup| match &disk.profile {
            None => "as fast as the host".to_owned(),
            Some(name) if disk.time_scale == as_it_is() => name.clone(),
            Some(name) => format!("{name} (its times x {})", disk.time_scale),
        };
        format!("cache {}, backing {}", of(&self.ssd), of(&self.hdd))
    }
}

/// One virtual disk.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskSetup {
    /// Size in MiB.
    #[serde(deserialize_with = "within::<1, LARGEST_MIB, _, _>")]
    #[schemars(range(min = 1, max = LARGEST_MIB))]
    pub mib: u64,
    /// Whether completed writes stay volatile until a flush (or a write with FUA).
    pub volatile_cache: bool,
    /// How it behaves in time: a file of `workloads/disks`, without its ending.
    /// As fast as the host can where none is named.
    #[serde(default)]
    pub profile: Option<String>,
    /// The profile's times are stretched by this factor: a guest that is
    /// emulated is slow itself.
    #[serde(default = "as_it_is", deserialize_with = "factor")]
    pub time_scale: f64,
    /// Whether it can discard.
    #[serde(default = "yes")]
    pub discard: bool,
    /// Its logical blocks in bytes, 512 or 4096: the least that can be read or
    /// written. bcache wants no larger ones on the SSD than on the HDD.
    #[serde(default = "sector", deserialize_with = "logical_block")]
    #[schemars(range(min = 512, max = 4096))]
    pub logical_block: u32,
}

impl DiskSetup {
    /// A disk as fast as the host can.
    #[must_use]
    pub fn plain(mib: u64, volatile_cache: bool) -> Self {
        Self {
            mib,
            volatile_cache,
            profile: None,
            time_scale: as_it_is(),
            discard: true,
            logical_block: sector(),
        }
    }
}

fn sector() -> u32 {
    512
}

fn logical_block<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let given = u32::deserialize(from)?;
    if [512, 4096].contains(&given) {
        return Ok(given);
    }
    Err(serde::de::Error::custom(format!("logical_block = {given} must be 512 or 4096")))
}

fn as_it_is() -> f64 {
    1.0
}

fn factor<'de, D: serde::Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let given = f64::deserialize(from)?;
    // A case has to end: no disk is a thousand times slower than its model.
    if (0.001..=1000.0).contains(&given) {
        return Ok(given);
    }
    let why = format!("time_scale = {given} must be from 0.001 to 1000");
    Err(serde::de::Error::custom(why))
}

/// What is set in sysfs before the first step.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BcacheSetup {
    /// `writethrough`, `writeback`, `writearound` or `none`.
    pub cache_mode: CacheMode,
    /// Size of the cache's buckets in KiB. Small ones make a small cache, whose
    /// buckets are soon used up: bcache wants more than 512 of them.
    #[serde(default = "default_bucket", deserialize_with = "bucket")]
    #[schemars(range(min = 4, max = LARGEST_BUCKET))]
    pub bucket_kib: u64,
    /// Size in MiB of a flash-only volume in the same cache set; it comes after the backing
    /// devices, so these are registered first.
    #[serde(default, deserialize_with = "if_within::<1, LARGEST_MIB, _, _>")]
    #[schemars(range(min = 1, max = LARGEST_MIB))]
    pub flash_mib: Option<u64>,
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

fn bucket<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let given: u64 = within::<4, LARGEST_BUCKET, _, _>(from)?;
    if given.is_power_of_two() {
        return Ok(given);
    }
    Err(serde::de::Error::custom(format!("bucket_kib = {given} must be a power of two")))
}

/// bcache's cache modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
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

/// A named range of a bcache device, in 512 B sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// First sector, as that device counts.
    #[serde(deserialize_with = "within::<0, LARGEST_DISK, _, _>")]
    #[schemars(range(min = 0, max = LARGEST_DISK))]
    pub sector: u64,
    /// Length.
    #[serde(deserialize_with = "within::<1, LARGEST_DISK, _, _>")]
    #[schemars(range(min = 1, max = LARGEST_DISK))]
    pub sectors: u32,
    /// The bcache device that it is of.
    #[serde(default)]
    pub on: Volume,
}

impl Block {
    /// Its sectors, as its own device counts.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.sector..self.sector + u64::from(self.sectors)
    }
}

impl From<Block> for wire::Extent {
    fn from(block: Block) -> Self {
        Self { sector: volume::of(block.on.number(), block.sector), sectors: block.sectors }
    }
}
