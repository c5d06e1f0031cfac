// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a request does, and which requests a matcher means.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What a request asks of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// Data from the disk.
    Read,
    /// Data to the disk.
    Write,
    /// Everything completed so far becomes durable.
    Flush,
    /// The content is no longer needed; reads as zeroes afterwards.
    Trim,
    /// Zeroes, without sending them.
    WriteZeroes,
}

impl Op {
    /// Whether the operation changes what the disk holds.
    #[must_use]
    pub fn changes(self) -> bool {
        matches!(self, Op::Write | Op::Trim | Op::WriteZeroes)
    }
}

/// Operations that a matcher means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpMatch {
    Read,
    /// Writes with data.
    Write,
    /// Flushes; they have no place, so the matcher's is not looked at.
    Flush,
    Trim,
    /// Write-zeroes.
    WriteZeroes,
    /// Writes, trims and write-zeroes.
    Change,
    /// Everything; flushes only with the place of [`Matcher::any`], the whole disk.
    Any,
}

impl OpMatch {
    /// Whether `op` is meant.
    #[must_use]
    pub fn matches(self, op: Op) -> bool {
        match self {
            OpMatch::Read => op == Op::Read,
            OpMatch::Write => op == Op::Write,
            OpMatch::Flush => op == Op::Flush,
            OpMatch::Trim => op == Op::Trim,
            OpMatch::WriteZeroes => op == Op::WriteZeroes,
            OpMatch::Change => op.changes(),
            OpMatch::Any => true,
        }
    }
}

/// Which requests a hold or a fault is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matcher {
    pub disk: String,
    pub op: OpMatch,
    /// First sector (512 B) of the range; a request matches when it overlaps.
    pub first: u64,
    /// Sectors in the range.
    pub sectors: u64,
    /// Which matching request, counted from 1 and from the moment the matcher
    /// was installed; 0 means every one.
    pub nth: u32,
}

impl Matcher {
    /// First sector and sectors of a whole disk.
    const WHOLE: (u64, u64) = (0, u64::MAX);

    /// The first request with `op` anywhere on `disk`.
    #[must_use]
    pub fn any(disk: &str, op: OpMatch) -> Self {
        let (first, sectors) = Self::WHOLE;
        Self { disk: disk.to_owned(), op, first, sectors, nth: 1 }
    }

    pub(crate) fn covers(&self, disk: &str, op: Op, range: &Range<u64>) -> bool {
        self.disk == disk
            && self.op.matches(op)
            && if op == Op::Flush {
                self.op == OpMatch::Flush || (self.first, self.sectors) == Self::WHOLE
            } else {
                range.start < self.first.saturating_add(self.sectors) && self.first < range.end
            }
    }
}

/// A [`Matcher`] with its count.
#[derive(Debug)]
pub(crate) struct Counter {
    pub matcher: Matcher,
    seen: u32,
}

impl Counter {
    pub fn new(matcher: Matcher) -> Self {
        Self { matcher, seen: 0 }
    }

    /// Counts a request; true when it is the one that is meant.
    pub fn hit(&mut self, disk: &str, op: Op, range: &Range<u64>) -> bool {
        if !self.matcher.covers(disk, op, range) {
            return false;
        }
        self.seen = self.seen.saturating_add(1);
        self.matcher.nth == 0 || self.seen == self.matcher.nth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_is_meant_by_name_or_with_the_whole_disk() {
        let flushes = |matcher: &Matcher| matcher.covers("ssd", Op::Flush, &(0..0));
        let place = |op| Matcher { first: 8, sectors: 8, ..Matcher::any("ssd", op) };
        assert!(flushes(&Matcher::any("ssd", OpMatch::Any)));
        assert!(!flushes(&place(OpMatch::Any)));
        assert!(flushes(&place(OpMatch::Flush)));
        assert!(place(OpMatch::Any).covers("ssd", Op::Write, &(15..16)));
        assert!(!place(OpMatch::Any).covers("ssd", Op::Write, &(16..17)));
    }
}
