// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is in bcache's journal and in its btree on the SSD.

use super::verb::{Mention, Piece, Proof, Verb};
use crate::number::{LONGEST_MS, within};
use crate::setup::yes;
use schemars::JsonSchema;
use serde::Deserialize;

/// Waits, up to `for_ms`, for a journal write on the SSD that holds an
/// invalidation of the block, and is durable. Without `proves`, that it does not
/// come is recorded, and no more.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwaitInvalidation {
    /// Block.
    pub at: String,
    /// Limit, in milliseconds.
    #[serde(deserialize_with = "within::<0, LONGEST_MS, _, _>")]
    #[schemars(range(min = 0, max = LONGEST_MS))]
    pub for_ms: u64,
}

impl Verb for AwaitInvalidation {
    const PROOF: Proof = Proof::Optional;

    fn describe(&self) -> String {
        format!("watch for the invalidation of {}", self.at)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Block(&self.at)]
    }
}

/// As `await-invalidation`, for any key of the block, by a write that is on its
/// way.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwaitJournaled {
    /// Block.
    pub at: String,
    /// Limit, in milliseconds.
    #[serde(deserialize_with = "within::<0, LONGEST_MS, _, _>")]
    #[schemars(range(min = 0, max = LONGEST_MS))]
    pub for_ms: u64,
}

impl Verb for AwaitJournaled {
    const PROOF: Proof = Proof::Optional;

    fn describe(&self) -> String {
        format!("watch for a key of {}", self.at)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Block(&self.at)]
    }
}

/// Demands that no journal write with an invalidation of the block, by a
/// write that is on its way, has completed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoInvalidation {
    /// Block.
    pub at: String,
}

impl Verb for NoInvalidation {
    const PROOF: Proof = Proof::Always;

    fn describe(&self) -> String {
        format!("no invalidation of {} is durable", self.at)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Block(&self.at)]
    }
}

/// As `no-invalidation`, for any key of the block.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotJournaled {
    /// Block.
    pub at: String,
}

impl Verb for NotJournaled {
    const PROOF: Proof = Proof::Always;

    fn describe(&self) -> String {
        format!("no key of {} is in the journal", self.at)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Block(&self.at)]
    }
}

/// Writes small blocks elsewhere until the set in the btree leaf is full
/// and the kernel writes the leaf.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteLeaf {
    /// Block to write in, one piece of 8 sectors in 16.
    pub with: String,
    /// Reads what is not cached there, on every arm, and no more than it takes.
    #[serde(default)]
    pub by_reads: bool,
    /// Demands a leaf write that holds a key with pointers for this block.
    pub holding: Option<String>,
}

impl Verb for WriteLeaf {
    const PROOF: Proof = Proof::Optional;

    fn describe(&self) -> String {
        "force a leaf write".into()
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        let with = Mention::Pieces(&self.with, Piece::Sectors(16));
        std::iter::once(with).chain(self.holding.as_deref().map(Mention::Block)).collect()
    }
}

/// Waits, up to `for_ms`, until a btree leaf is written that holds a key of
/// one block and none of the other, and the journal after it; and demands
/// that the journal has the other's key still, so that a replay brings it
/// back.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwaitDropped {
    /// The block whose key the btree is to lose.
    pub at: String,
    /// The block whose key stays.
    pub beside: String,
    /// Limit, in milliseconds.
    #[serde(deserialize_with = "within::<0, LONGEST_MS, _, _>")]
    #[schemars(range(min = 0, max = LONGEST_MS))]
    pub for_ms: u64,
}

impl Verb for AwaitDropped {
    const PROOF: Proof = Proof::Always;

    fn describe(&self) -> String {
        format!("wait until the btree has no key of {}", self.at)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Block(&self.at), Mention::Block(&self.beside)]
    }
}

/// Flushed writes elsewhere until the journal's `last_seq` has passed the
/// entry with the invalidation of the named block, and two more entries. Flushing makes
/// durable what the backing device has, too; without it, each write waits for the
/// journal's delay.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdvanceJournal {
    /// Block to write in, one piece of 8 sectors in 16.
    pub with: String,
    /// Block whose invalidation the journal must let go of.
    pub past_invalidation_of: String,
    /// Its newest key counts instead, whatever it is.
    #[serde(default)]
    pub any_key: bool,
    /// Whether the writes are flushed.
    #[serde(default = "yes")]
    pub flush: bool,
}

impl Verb for AdvanceJournal {
    const PROOF: Proof = Proof::Optional;

    fn describe(&self) -> String {
        "advance the journal".into()
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![
            Mention::Pieces(&self.with, Piece::Sectors(16)),
            Mention::Block(&self.past_invalidation_of),
        ]
    }
}
