// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why the cache returns something else than its disk holds after a cut.
//!
//! The verdict says what is wrong with a block; the cause says which of
//! bcache's windows the cut hit. A scenario permits causes, arm by arm: what
//! follows from how that arm works, and nothing else.

use evidence::Verdict;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Reasoned from the code; functions are of `drivers/md/bcache`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The cache is newer: the disk lost a write that was never flushed. A
    /// read miss had put it into the cache (`cached_dev_read_done`) or the
    /// write itself had (`bch_data_insert`), and the key was durable before:
    /// with its leaf (`__bch_btree_node_write`) or in the journal. No bcache
    /// waits for a flush of the backing device before it caches anything, so
    /// every arm does this.
    DiskLost,
    /// The cache is older: the newer write reached the disk, and the cut came
    /// before its key was in the journal. `bch_data_insert_keys` waits for the
    /// journal only for a flush; otherwise the entry follows up to
    /// `journal_delay_ms` later. Scenario S4. Under writeback the same: what
    /// `read_dirty` writes back is found in the btree, and nothing in
    /// writeback.c waits for the journal of its key. The disk is then newer than
    /// a copy that was clean before.
    Unjournaled,
    /// The cache is older although the key of a newer write was durable:
    /// something brought the old data back. On an unpatched kernel, the race.
    Revived,
    /// The key is there and its data are not: a leaf is written with FUA, but
    /// nothing flushes the cache device's own cache before it
    /// (`do_btree_node_write`), as a journal write would. Of a read miss, or
    /// under writeback of dirty data: then what they had taken the place of is
    /// gone as well, even if it had been acknowledged and flushed, and what is
    /// written back is whatever that place held before.
    CacheLost,
    /// The cache has dirty data, and the backing device's superblock says
    /// clean: `bch_writeback_add` writes it without waiting for it ("XXX:
    /// should do this synchronously"), and a flush covers it only once it is
    /// done. The data are right; only detaching the cache would lose them.
    Unmarked,
    /// The disk lost what had been written back, and the cache still has it,
    /// under a key that is no longer dirty: `write_dirty_finish` cleans the key
    /// when the write is complete, and nothing in writeback.c ever flushes the
    /// backing device. The data may have been flushed by their owner: then
    /// only an evictable copy is left of a promise. Every arm does this.
    WritebackLost,
    /// Two writes of the sector were on their way at once: which is newer is
    /// not defined, and cache and disk may take them in different orders (S14).
    Overlap,
    /// A torn set of btree keys: `bch_btree_node_read_done` refuses its
    /// checksum, and with it the whole cache. Of a cut, not of a sector.
    TornSet,
    /// None of these.
    Unknown,
}

impl Cause {
    /// Whether a sector with this verdict can be put down to it at all. A
    /// window explains what was never flushed; data that the cache device lost
    /// under a durable key are any content.
    #[must_use]
    pub fn excuses(self, verdict: Verdict) -> bool {
        match self {
            Self::CacheLost => true,
            Self::Unknown => false,
            _ => verdict == Verdict::Diverged,
        }
    }

    /// As in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DiskLost => "disk-lost",
            Self::Unjournaled => "unjournaled",
            Self::Revived => "revived",
            Self::CacheLost => "cache-lost",
            Self::Unmarked => "unmarked",
            Self::WritebackLost => "writeback-lost",
            Self::Overlap => "overlap",
            Self::TornSet => "torn-set",
            Self::Unknown => "unknown",
        }
    }
}

/// Causes that a scenario permits, by arm; `"*"` stands for every arm.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Permits(BTreeMap<String, Vec<Cause>>);

impl Permits {
    /// Whether what `arm` shows for this reason is no failure of the arm.
    #[must_use]
    pub fn permits(&self, arm: &str, cause: Cause) -> bool {
        [arm, "*"].iter().any(|name| self.0.get(*name).is_some_and(|list| list.contains(&cause)))
    }

    /// A permit that would make every check void: what is not understood.
    #[must_use]
    pub fn blank_cheque(&self) -> Option<&str> {
        let named = self.0.iter().find(|(_, list)| list.contains(&Cause::Unknown));
        named.map(|(arm, _)| arm.as_str())
    }
}
