// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the models of disks share: a request, and how long its bytes take.

use crate::media::SECTOR;
use crate::op::Op;
use std::ops::Range;

/// One request as a model sees it.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub id: u64,
    pub op: Op,
    /// In sectors.
    pub range: Range<u64>,
    /// Whether it has to reach the media before it is answered.
    pub fua: bool,
}

impl Work {
    pub fn bytes(&self) -> f64 {
        let moved = matches!(self.op, Op::Read | Op::Write);
        if moved { (self.range.end - self.range.start) as f64 * SECTOR as f64 } else { 0.0 }
    }
}

/// Nanoseconds that a number of bytes takes at so many MB/s.
pub fn transfer(bytes: f64, mb_s: f64) -> f64 {
    bytes * 1e3 / mb_s
}
