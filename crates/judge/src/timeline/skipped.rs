// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a time line leaves out is counted, not hidden.

use crate::story::What;
use std::collections::BTreeMap;
use vdisk::Op;

/// Requests since the last row that are none of the focus's business.
#[derive(Debug, Default)]
pub(super) struct Skipped(BTreeMap<&'static str, u64>);

impl Skipped {
    pub fn count(&mut self, ssd: bool, op: Op, what: Option<&What>) {
        let word = match (ssd, op, what) {
            (true, Op::Write, Some(What::Journal { .. })) => "journal entries",
            (true, Op::Write, Some(What::Set { .. })) => "btree writes",
            (true, Op::Write, _) => "other SSD writes",
            (true, Op::Read, _) => "SSD reads",
            (true, Op::Flush, _) => "SSD flushes",
            (false, Op::Write, _) => "HDD writes",
            (false, Op::Read, _) => "HDD reads",
            (false, Op::Flush, _) => "HDD flushes",
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
