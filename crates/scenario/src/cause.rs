// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why the cache returns something else than its backing device holds after a
//! cut: which of bcache's windows the cut hit. The verdict says what is wrong
//! with a block, the cause says how that came about.

use evidence::Verdict;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One vocabulary for loads (`[permit]`), explorations (`VERDICT/CAUSE`) and
/// reports; the aliases are names of older files. Reasoned from the code;
/// functions are of `drivers/md/bcache`.
///
/// An exploration sees every write of a recorded run and so tells apart what a
/// load calls `unjournaled` as a whole; a load follows dirty keys and so tells
/// `writeback-lost` and `unmarked` from `disk-behind`.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The key of the newer write (in a bypass, its invalidation) was durable,
    /// and a read miss (`cached_dev_cache_miss`) inserted the data from before
    /// the write after it. On an unpatched kernel, the race (S1, S2).
    #[serde(alias = "past-invalidation", alias = "revived")]
    LateFill,
    /// The newer write reached the disk, the journal entry with its key did not
    /// survive. `bch_data_insert_keys` waits for the journal only for a flush;
    /// otherwise the entry follows up to `journal_delay_ms` later (S4). Under
    /// writeback the same: what `read_dirty` writes back is found in the btree,
    /// and nothing in writeback.c waits for the journal of its key. The disk is
    /// then newer than a copy that was clean before.
    #[serde(alias = "invalidation-lost")]
    Unjournaled,
    /// The same, a moment earlier: the key was still waiting in memory for the
    /// journal's next write.
    #[serde(alias = "invalidation-pending")]
    UnjournaledPending,
    /// The same, and long after the write's submission no invalidation had been
    /// written: it is deferred until the write completes (S3).
    #[serde(alias = "no-invalidation")]
    UnjournaledDeferred,
    /// The cache is newer, and its copy is clean: the disk lost a write that was
    /// never flushed. A read miss had put it into the cache
    /// (`cached_dev_read_done`) or the write itself had (`bch_data_insert`), and
    /// the key was durable before: with its leaf (`__bch_btree_node_write`) or in
    /// the journal. Only `durable` waits for a flush of the backing device before
    /// a key is durable.
    #[serde(alias = "disk-lost")]
    DiskBehind,
    /// The disk lost what had been written back, and the cache still has it,
    /// under a key that is no longer dirty: `write_dirty_finish` cleans the key
    /// when the write is complete, and nothing in writeback.c ever flushes the
    /// backing device. The data may have been flushed by their owner: then
    /// only an evictable copy is left of a promise. Every arm does this.
    WritebackLost,
    /// The cache has dirty data, and the backing device's superblock says
    /// clean: `bch_writeback_add` writes it without waiting for it ("XXX:
    /// should do this synchronously"), and a flush covers it only once it is
    /// done. The data are right, until a write goes over them and is taken for one
    /// over clean data (F17 in docs/exploration.md). `durable` counts the keys.
    Unmarked,
    /// The key is there and its data are not: a leaf is written with FUA, but
    /// nothing flushes the cache device's own cache before it
    /// (`do_btree_node_write`), as a journal write would. Of a read miss, or
    /// under writeback of dirty data: then what they had taken the place of is
    /// gone as well, even if it had been acknowledged and flushed, and what is
    /// written back is whatever that place held before.
    #[serde(alias = "cache-lost")]
    DanglingKey,
    /// The only copy of a flushed write was dirty in the cache; a bypass write
    /// over it (`cached_dev_write`) had its key invalidated durably, and did not
    /// survive itself.
    DirtyInvalidated,
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
            Self::DanglingKey => true,
            Self::Unknown => false,
            _ => verdict == Verdict::Diverged,
        }
    }

    /// What happened, in a sentence for whoever knows bcache; `None` where the
    /// name says all there is to say.
    #[must_use]
    pub fn meaning(self) -> Option<&'static str> {
        Some(match self {
            Self::LateFill => {
                "the write's invalidation is durable, but a read miss (cached_dev_cache_miss) \
                 inserted the data from before the write after it"
            }
            Self::Unjournaled => {
                "the new data reached the backing device, the journal entry that invalidates the \
                 cached copy did not reach the cache"
            }
            Self::UnjournaledPending => {
                "the new data reached the backing device while the invalidation was still \
                 waiting for the next journal write (journal_delay_ms)"
            }
            Self::UnjournaledDeferred => {
                "the new data reached the backing device, and long after that the invalidation \
                 had not been journaled: it is deferred until the write completes"
            }
            Self::DiskBehind => {
                "the cache calls its copy clean, but the backing device lost that write: it was \
                 never flushed before the key said clean"
            }
            Self::DirtyInvalidated => {
                "the only copy of a flushed write was dirty in the cache; a bypass write over it \
                 (cached_dev_write) had its key invalidated durably and was lost itself"
            }
            Self::TornSet => {
                "a btree write was torn by the cut; bch_btree_node_read_done takes the bad \
                 checksum for a broken cache and bch_cache_set_error stops all of it, although \
                 the journal has the keys"
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A unit variant serialises as its name, which a formatter takes.
        self.serialize(f)
    }
}

impl std::str::FromStr for Cause {
    type Err = serde::de::value::Error;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::deserialize(word.into_deserializer())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_older_files_read_and_new_ones_are_written() {
        for (old, new, cause) in [
            ("past-invalidation", "late-fill", Cause::LateFill),
            ("revived", "late-fill", Cause::LateFill),
            ("invalidation-lost", "unjournaled", Cause::Unjournaled),
            ("invalidation-pending", "unjournaled-pending", Cause::UnjournaledPending),
            ("no-invalidation", "unjournaled-deferred", Cause::UnjournaledDeferred),
            ("disk-lost", "disk-behind", Cause::DiskBehind),
            ("cache-lost", "dangling-key", Cause::DanglingKey),
        ] {
            assert_eq!(old.parse(), Ok(cause));
            assert_eq!(new.parse(), Ok(cause));
            assert_eq!(cause.to_string(), new);
        }
        assert!("lost-somehow".parse::<Cause>().is_err());
    }

    /// A promise is broken by a dangling key alone; what nobody understands
    /// excuses nothing.
    #[test]
    fn what_a_cause_excuses() {
        for cause in [Cause::LateFill, Cause::Unjournaled, Cause::DiskBehind, Cause::TornSet] {
            assert!(cause.excuses(Verdict::Diverged) && !cause.excuses(Verdict::Stale), "{cause}");
        }
        for &verdict in Verdict::ALL {
            assert!(Cause::DanglingKey.excuses(verdict));
            assert!(!Cause::Unknown.excuses(verdict));
        }
    }
}
