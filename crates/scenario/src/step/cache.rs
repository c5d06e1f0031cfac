// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is cached, and bringing a cache to where it gives way.

use super::verb::{Mention, Piece, Proof, Verb};
use schemars::JsonSchema;
use serde::Deserialize;

/// Reads blocks of a range until one of them comes back from the SSD: the
/// first misses after registering find no free bucket and are not cached.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prime {
    /// Block to read in.
    pub r#in: String,
}

impl Verb for Prime {
    fn describe(&self) -> String {
        "prime the cache".into()
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Pieces(&self.r#in, Piece::Sectors(8))]
    }
}

/// Demands that a block which no write in flight overlaps gets cached when
/// it is read. If it does not, the case is `imprecise`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fill {
    /// Block.
    pub at: String,
}

impl Verb for Fill {
    fn describe(&self) -> String {
        format!("a read of {} gets cached", self.at)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Block(&self.at)]
    }
}

/// Demands that no data of a version have reached the SSD: the write went
/// round the cache, or its cache write failed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Uncached {
    /// Version.
    pub value: String,
    /// Demands that a cache write was tried, and failed.
    #[serde(default)]
    pub failed: bool,
}

impl Verb for Uncached {
    const PROOF: Proof = Proof::Always;

    fn describe(&self) -> String {
        format!("no data of {} are on the ssd", self.value)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Version(&self.value)]
    }
}

/// Demands that the cache is congested, and so much that a request of the
/// block's length goes round it (`check_should_bypass`). The limit only grows
/// until the next slow request: asked after a request of that length was
/// submitted, it says that this one went round the cache for it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Congested {
    /// Block of the request's length.
    pub by: String,
}

impl Verb for Congested {
    const PROOF: Proof = Proof::Always;

    fn describe(&self) -> String {
        "the cache is congested".into()
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Block(&self.by)]
    }
}

/// Reads blocks of a range until a hold has stopped the allocator and they are
/// not cached any more: no bucket is free, and none will be before the
/// release.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exhaust {
    /// Block to read in, two buckets a piece.
    pub with: String,
    /// Name of the hold: see `hold-priorities`.
    pub held: String,
}

impl Verb for Exhaust {
    const PROOF: Proof = Proof::Always;

    fn describe(&self) -> String {
        "use up the free buckets".into()
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Pieces(&self.with, Piece::Buckets(2)), Mention::Holds(&self.held)]
    }
}

/// Reads blocks of a range until the kernel has used the SSD's sectors that
/// hold a version of a block for something else.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evict {
    /// Version.
    pub value: String,
    /// The block; other sectors of that write may stay. Choose the first of a
    /// write that is as long as a bucket: they lie in one that this write has
    /// filled, whatever room it had left. The last may lie in one that is still
    /// open, and never used again (`pick_data_bucket`).
    pub of: String,
    /// Block to read in, a bucket a piece.
    pub with: String,
}

impl Verb for Evict {
    const PROOF: Proof = Proof::Always;

    fn describe(&self) -> String {
        format!("evict {} at {}", self.value, self.of)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![
            Mention::Block(&self.of),
            Mention::Version(&self.value),
            Mention::Pieces(&self.with, Piece::Buckets(1)),
        ]
    }
}

/// Reads blocks of a range until the cache has no unused bucket left that data
/// may have, so that one has to be reclaimed for each new one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FillCache {
    /// Block to read in, a bucket a piece.
    pub with: String,
}

impl Verb for FillCache {
    const PROOF: Proof = Proof::Always;

    fn describe(&self) -> String {
        "fill the cache".into()
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Pieces(&self.with, Piece::Buckets(1))]
    }
}
