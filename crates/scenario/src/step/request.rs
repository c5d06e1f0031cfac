// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests to a virtual disk, as a scenario picks them out.

use serde::Deserialize;

/// A virtual disk, by role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Disk {
    /// The cache device.
    Ssd,
    /// The backing device.
    Hdd,
}

impl Disk {
    /// As the rig and the guest know it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssd => "ssd",
            Self::Hdd => "hdd",
        }
    }
}

/// Kinds of requests that can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum HoldOp {
    Read,
    Write,
    Flush,
    Trim,
}

/// Where a held request stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldPhase {
    /// Nothing of it is visible yet.
    BeforeMedia,
    /// It is on the media, the guest does not know.
    BeforeCompletion,
}

/// What becomes of a spoiled request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spoil {
    /// It fails with EIO, without any effect.
    Eio,
    /// It takes so many milliseconds more.
    SlowMs(u64),
}
