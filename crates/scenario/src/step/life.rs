// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events and states in the life of a backing device and its cache set.

use serde::Deserialize;

/// Things that happen to a backing device or a cache set, through sysfs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LifeEvent {
    /// The backing device lets go of the cache set.
    Detach,
    /// The backing device is given the cache set.
    Attach,
    /// The bcache device is stopped.
    Stop,
    /// The cache set is unregistered.
    Unregister,
    /// The cache device is registered.
    RegisterSsd,
    /// The backing device is registered.
    RegisterHdd,
}

/// What a backing device can come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LifeState {
    /// Attached, nothing dirty.
    Clean,
    /// Attached, something dirty.
    Dirty,
    /// There, without a cache set.
    Detached,
    /// As `detached`, and the cache set is gone.
    SetGone,
    /// Not there.
    Stopped,
}
