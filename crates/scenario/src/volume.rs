// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bcache devices of a machine.

use crate::step::Disk;
use schemars::JsonSchema;
use serde::Deserialize;
use wire::volume;

/// A bcache device, by what is behind it. One machine has up to two of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Volume {
    /// The backing device.
    #[default]
    Hdd,
    /// A second backing device of the same cache set: `disks.hdd2`.
    Hdd2,
    /// No backing device, the cache alone: `bcache.flash_mib`.
    Flash,
}

impl Volume {
    /// N of `/dev/bcacheN`: the kernel numbers devices in the order in which they come
    /// (`bcache_device_init`), and the lab registers backing devices in this one.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            Self::Hdd => 0,
            Self::Hdd2 | Self::Flash => 1,
        }
    }

    /// The virtual disk behind it.
    #[must_use]
    pub fn backing(self) -> Option<Disk> {
        match self {
            Self::Hdd => Some(Disk::Hdd),
            Self::Hdd2 => Some(Disk::Hdd2),
            Self::Flash => None,
        }
    }

    /// Its name behind what a step does to it; the first one needs none.
    pub(crate) fn suffix(self) -> String {
        if self == Self::Hdd { String::new() } else { format!(" of {self:?}").to_lowercase() }
    }

    /// Why a step that is about the backing device cannot be about this volume.
    pub(crate) fn unbacked(self) -> Option<&'static str> {
        let message = "a flash-only volume has no backing device to come and go, nor its settings";
        self.backing().is_none().then_some(message)
    }

    /// Those among `volumes` that have a backing device, with it.
    pub fn backed(volumes: &[Self]) -> impl Iterator<Item = (Self, Disk)> + '_ {
        volumes.iter().filter_map(|&of| Some((of, of.backing()?)))
    }

    /// The one that a sector is of, as [`wire::volume`] counts.
    #[must_use]
    pub fn of_sector(volumes: &[Self], sector: u64) -> Option<Self> {
        volumes.iter().copied().find(|of| of.number() == volume::number(sector))
    }
}
