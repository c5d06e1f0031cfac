// SPDX-License-Identifier: MIT OR Apache-2.0
//! The virtual disks, by role.

use schemars::JsonSchema;
use serde::Deserialize;

/// A virtual disk, by role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Disk {
    /// The cache device.
    Ssd,
    /// The backing device; where a block is named, that block's own.
    Hdd,
    /// The second backing device.
    Hdd2,
}

impl Disk {
    /// As the rig and the guest know it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssd => "ssd",
            Self::Hdd => "hdd",
            Self::Hdd2 => "hdd2",
        }
    }
}
