// SPDX-License-Identifier: MIT OR Apache-2.0
//! One request on its way through a disk.

use crate::hold::Fault;
use crate::nbd::conn::Conn;
use crate::op::Op;
use crate::store::{Body, Change};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// What a request does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Arrive,
    Wait,
    BeforeMedia,
    Media,
    BeforeCompletion,
    Complete,
}

/// As the client sent it, checked.
#[derive(Debug)]
pub(crate) struct Command {
    pub cookie: u64,
    pub op: Op,
    /// In 512 B sectors; empty for a flush.
    pub range: Range<u64>,
    pub fua: bool,
    pub payload: Option<Arc<Vec<u8>>>,
}

#[derive(Debug)]
pub(crate) struct Request {
    pub id: u64,
    pub conn: Arc<Conn>,
    pub disk: usize,
    pub command: Command,
    /// XXH3 (128 bits) of the payload; its low half is the event's.
    pub content: u128,
    /// Sequence number of the issue event.
    pub issued: u64,
    pub stage: Stage,
    /// Whether the timing model counts it as under way.
    pub modelled: bool,
    pub wait: Option<Duration>,
    pub before: Option<u64>,
    pub after: Option<u64>,
    pub fault: Option<Fault>,
    pub applied: bool,
    pub error: u32,
    /// The answer as it grows.
    pub reply: Vec<u8>,
}

impl Request {
    /// The change that this request makes, if it makes one.
    pub fn change(&self) -> Option<Change> {
        let body = match (self.command.op, &self.command.payload) {
            (Op::Write, Some(data)) => Body::Data(Arc::clone(data)),
            (Op::Trim | Op::WriteZeroes, _) => Body::Zero,
            _ => return None,
        };
        let (range, fua) = (self.command.range.clone(), self.command.fua);
        Some(Change { request: self.id, range, body, fua })
    }
}
