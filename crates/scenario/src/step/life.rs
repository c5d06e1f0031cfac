// SPDX-License-Identifier: MIT OR Apache-2.0
//! The life of a backing device and its cache set.

use super::verb::{Mention, Proof, Verb};
use crate::number::{LONGEST_MS, if_within, within};
use crate::volume::Volume;
use schemars::JsonSchema;
use serde::Deserialize;

/// Something in the life of the backing device or the cache set. Returns at
/// once, as sysfs does: see `await-state`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Life {
    /// What.
    pub event: LifeEvent,
    /// The bcache device, where it is not the whole cache set's.
    #[serde(default)]
    pub of: Volume,
}

impl Verb for Life {
    fn describe(&self) -> String {
        format!("{:?}{}", self.event, self.of.suffix()).to_lowercase()
    }

    fn contradiction(&self) -> Option<&'static str> {
        self.of.unbacked()
    }
}

/// Waits until the backing device has come to a state. Only `dirty` may not
/// come: that closes the window; all others are waited for as for a hang.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwaitState {
    /// Which.
    pub is: LifeState,
    /// The bcache device.
    #[serde(default)]
    pub of: Volume,
    /// Limit, in milliseconds, past which the case is `hung`.
    #[serde(default, deserialize_with = "if_within::<0, LONGEST_MS, _, _>")]
    #[schemars(range(min = 0, max = LONGEST_MS))]
    pub within_ms: Option<u64>,
}

impl Verb for AwaitState {
    const PROOF: Proof = Proof::Optional;

    fn describe(&self) -> String {
        format!("wait until {:?}{}", self.is, self.of.suffix()).to_lowercase()
    }

    fn contradiction(&self) -> Option<&'static str> {
        self.of.unbacked()
    }
}

/// Writes a block again and again until the backing device has come to a state,
/// which has to be in time, or the case is `hung`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RewriteUntil {
    /// Block.
    pub at: String,
    /// The state.
    pub is: LifeState,
    /// Limit, in milliseconds.
    #[serde(deserialize_with = "within::<0, LONGEST_MS, _, _>")]
    #[schemars(range(min = 0, max = LONGEST_MS))]
    pub within_ms: u64,
}

impl Verb for RewriteUntil {
    const PROOF: Proof = Proof::Optional;

    fn describe(&self) -> String {
        format!("write {} again and again until {:?}", self.at, self.is).to_lowercase()
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Block(&self.at)]
    }
}

/// Things that happen to a backing device or a cache set, through sysfs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
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
