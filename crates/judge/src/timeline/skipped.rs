// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a time line leaves out is counted, not hidden.

use crate::decode::Written;
use scenario::Disk;
use std::collections::BTreeMap;
use vdisk::Op;

/// Requests since the last row that are none of the focus's business.
#[derive(Debug, Default)]
pub(super) struct Skipped(BTreeMap<&'static str, u64>);

impl Skipped {
    pub fn count(&mut self, disk: Disk, op: Op, what: Option<&Written>) {
        let word = match (disk, op, what) {
            (Disk::Ssd, Op::Write, Some(Written::Journal { .. })) => "journal entries",
            (Disk::Ssd, Op::Write, Some(Written::Set { .. })) => "btree writes",
            (Disk::Ssd, Op::Write, _) => "other SSD writes",
            (Disk::Ssd, Op::Read, _) => "SSD reads",
            (Disk::Ssd, Op::Flush, _) => "SSD flushes",
            (_, Op::Write, _) => "HDD writes",
            (_, Op::Read, _) => "HDD reads",
            (_, Op::Flush, _) => "HDD flushes",
            (_, Op::Trim | Op::WriteZeroes, _) => "trims",
        };
        *self.0.entry(word).or_default() += 1;
    }

    /// In words, and forgotten.
    pub fn take(&mut self) -> Option<String> {
        let each = std::mem::take(&mut self.0);
        let words: Vec<String> =
            each.iter().map(|(word, count)| format!("{count} {word}")).collect();
        (!words.is_empty()).then(|| format!("… {} elsewhere", words.join(", ")))
    }
}
