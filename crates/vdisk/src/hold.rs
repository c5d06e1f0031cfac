// SPDX-License-Identifier: MIT OR Apache-2.0
//! Holds stop a chosen request until the lab lets it go; faults spoil one.

use crate::op::{Counter, Matcher, OpMatch};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Where a held request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Received, without any effect: others still read the old content.
    BeforeMedia,
    /// In effect and visible, but not answered.
    BeforeCompletion,
}

/// Which request to hold, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub disk: String,
    pub op: OpMatch,
    /// First sector (512 B) of the range; overlapping requests match.
    pub first: u64,
    /// Sectors in the range.
    pub sectors: u64,
    /// Which matching request, from 1, counted from now; 0 holds every one.
    pub nth: u32,
    /// Where to stop it.
    pub phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HoldId(pub(crate) u64);

/// A further condition on what a write carries.
pub(crate) type PayloadTest = Box<dyn Fn(&[u8]) -> bool + Send>;

/// A request that stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRequest {
    /// Sequence number of its [`crate::Kind::Held`] event.
    pub seq: u64,
    pub request: u64,
    /// First sector (512 B).
    pub sector: u64,
    pub sectors: u64,
    /// Whether it carries FUA.
    pub fua: bool,
}

/// Why no request came to be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoldError {
    /// No matching request arrived in time.
    #[error("no request matched the hold in time")]
    Timeout,
    /// The user asked to stop.
    #[error("interrupted")]
    Cancelled,
    /// The hold is gone: the power was cut, or the hold was released.
    #[error("the hold is gone: the disks were cut, restored, or the hold was released")]
    Cut,
}

pub(crate) struct HoldState {
    pub counter: Counter,
    pub phase: Phase,
    pub test: Option<PayloadTest>,
    /// Requests that stand still, oldest first.
    pub held: Vec<HeldRequest>,
}

impl HoldState {
    pub fn new(hold: Hold, test: Option<PayloadTest>) -> Self {
        let Hold { disk, op, first, sectors, nth, phase } = hold;
        let counter = Counter::new(Matcher { disk, op, first, sectors, nth });
        Self { counter, phase, test, held: Vec::new() }
    }
}

/// How to spoil a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Answered with EIO, without any effect.
    Eio,
    /// The first half of the sectors takes effect, then EIO.
    Short,
    /// Takes this much longer.
    Slow(Duration),
    /// The connection is dropped instead of an answer; no effect.
    Disconnect,
}

pub(crate) struct FaultState {
    pub counter: Counter,
    pub test: Option<PayloadTest>,
    pub fault: Fault,
    /// Requests that it has spoiled.
    pub hits: u64,
}
