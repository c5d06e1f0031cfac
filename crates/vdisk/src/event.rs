// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one sequence of everything that happens to a rig's disks.

use crate::cut::CutKind;
use crate::op::Op;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A client connected; `request` is the connection's number.
    Connect,
    /// A client left; `request` is the connection's number.
    Disconnect,
    /// A whole request was received.
    Issue,
    /// The request took effect: a change is what reads return from now on, a
    /// read has taken its data.
    Media,
    /// The request is answered (`error` says how).
    Complete,
    /// A hold stopped the request; the hold's number.
    Held(u64),
    /// The request goes on; the hold's number.
    Released(u64),
    /// The machine lost its power or was reset, all disks at this instant.
    Cut(CutKind),
    /// The disks answer again.
    PowerOn,
    /// The disks' content was replaced by a snapshot.
    Restore,
    /// The lab itself changed the content.
    Poke,
    /// A word of the lab's own.
    Mark(Mark, Arc<str>),
}

/// What a word of the lab is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// A step of the scenario begins.
    Step,
    /// The oracle reads from here to the next step.
    Judge,
    Note,
    /// Something that proves the window to have been open was seen.
    Proof,
}

/// One entry of the sequence. Fields without meaning for a kind are zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the sequence, from 1, without gaps.
    pub seq: u64,
    /// Nanoseconds since the rig was made (monotonic).
    pub at_ns: u64,
    /// The disk's name; empty for what concerns all of them.
    pub disk: Arc<str>,
    pub kind: Kind,
    /// The request's number, unique within the rig.
    pub request: u64,
    pub op: Option<Op>,
    /// First sector (512 B).
    pub sector: u64,
    pub sectors: u64,
    /// Whether the request carried FUA.
    pub fua: bool,
    /// Low half of the XXH3-128 of what a write carries; 0 for all others.
    pub content: u64,
    /// NBD error number of a completion; 0 is success.
    pub error: u32,
}

/// Events and write payloads are kept up to these amounts; a soak of hours
/// must not eat the machine. The log on disk has everything.
const EVENTS_KEPT: usize = 1 << 18;
const PAYLOAD_BYTES_KEPT: usize = 32 << 20;

#[derive(Debug, Default)]
pub(crate) struct History {
    events: VecDeque<Event>,
    payloads: VecDeque<(u64, Arc<Vec<u8>>)>,
    payload_bytes: usize,
}

impl History {
    pub fn push(&mut self, event: Event) {
        if self.events.len() == EVENTS_KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// Remembers what write `request` carries. Numbers must not decrease.
    pub fn push_payload(&mut self, request: u64, data: Arc<Vec<u8>>) {
        self.payload_bytes += data.len();
        self.payloads.push_back((request, data));
        while self.payload_bytes > PAYLOAD_BYTES_KEPT {
            let Some((_, old)) = self.payloads.pop_front() else { break };
            self.payload_bytes -= old.len();
        }
    }

    pub fn payload(&self, request: u64) -> Option<Arc<Vec<u8>>> {
        let at = self.payloads.binary_search_by_key(&request, |(number, _)| *number).ok()?;
        Some(Arc::clone(&self.payloads[at].1))
    }

    /// Events from `seq` on that are still kept, at most `limit`.
    pub fn since(&self, seq: u64, limit: usize) -> impl Iterator<Item = &Event> {
        let oldest = self.events.front().map_or(0, |event| event.seq);
        let skip = seq.saturating_sub(oldest).try_into().unwrap_or(usize::MAX);
        self.events.iter().skip(skip).take(limit)
    }

    /// Sequence number of the oldest event kept.
    pub fn oldest(&self) -> u64 {
        self.events.front().map_or(0, |event| event.seq)
    }
}
