// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests to the bcache device.

use super::disk::Disk;
use super::verb::{Mention, Piece, Proof, Verb};
use crate::number::{LONGEST_MS, if_within, within};
use crate::setup::LARGEST_DISK;
use schemars::JsonSchema;
use serde::Deserialize;

/// One stamped write.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// Block.
    pub at: String,
    /// Name of this version of the block.
    pub value: String,
    /// Go on without waiting; see `join`.
    #[serde(default)]
    pub background: bool,
    /// Ask for FUA.
    #[serde(default)]
    pub fua: bool,
    /// An I/O error is an answer, too: either value may stand then. Not with `background`.
    #[serde(default)]
    pub may_fail: bool,
}

impl Verb for Write {
    fn describe(&self) -> String {
        let background = if self.background { " (background)" } else { "" };
        format!("write {} at {}{background}", self.value, self.at)
    }

    fn contradiction(&self) -> Option<&'static str> {
        let both = self.background && self.may_fail;
        both.then_some(
            "a write in the background may not fail: leave out `background` or `may_fail`",
        )
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        let Self { at, value, background, .. } = self;
        let writes =
            Mention::Writes { version: value, at, background: *background, discard: false };
        vec![Mention::Block(at), writes]
    }
}

/// A discard, which takes the name of a version: it permits zeroes, and
/// replaces nothing.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Discard {
    /// Block.
    pub at: String,
    /// Name of the version.
    pub value: String,
    /// Go on without waiting; see `join`.
    #[serde(default)]
    pub background: bool,
}

impl Verb for Discard {
    fn describe(&self) -> String {
        format!("discard {} at {}", self.value, self.at)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        let Self { at, value, background } = self;
        let writes = Mention::Writes { version: value, at, background: *background, discard: true };
        vec![Mention::Block(at), writes]
    }
}

/// Waits for a write or a discard in the background.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// Its version's name.
    pub value: String,
}

impl Verb for Join {
    fn describe(&self) -> String {
        format!("wait for write {}", self.value)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Joins(&self.value)]
    }
}

/// One read, whose source is seen at the disks.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// Block.
    pub at: String,
    /// Which disk must have served it.
    pub served_by: Option<Disk>,
    /// Version that it must have returned.
    pub returns: Option<String>,
    /// An I/O error is an answer, too: but no other value.
    #[serde(default)]
    pub may_fail: bool,
}

impl Verb for Read {
    const PROOF: Proof = Proof::Optional;

    fn describe(&self) -> String {
        format!("read {}", self.at)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        let at = self.at.as_str();
        let returns = self.returns.iter().map(|version| Mention::Returns { at, version });
        std::iter::once(Mention::Block(at)).chain(returns).collect()
    }
}

/// Starts a read and does not wait; see `join-read`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRead {
    /// Name of the read.
    pub name: String,
    /// Block.
    pub at: String,
}

impl Verb for StartRead {
    fn describe(&self) -> String {
        format!("start read {} of {}", self.name, self.at)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        let Self { name, at } = self;
        vec![Mention::Block(at), Mention::StartsRead { name, at }]
    }
}

/// Waits for a read that was started.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinRead {
    /// Name of the read.
    pub name: String,
    /// Version that it must have returned.
    pub returns: Option<String>,
}

impl Verb for JoinRead {
    const PROOF: Proof = Proof::Optional;

    fn describe(&self) -> String {
        format!("wait for read {}", self.name)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::JoinsRead { name: &self.name, returns: self.returns.as_deref() }]
    }
}

/// Flush of the bcache device (which flushes both disks).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flush {
    /// An I/O error is an answer, too: nothing was promised then.
    #[serde(default)]
    pub may_fail: bool,
}

impl Verb for Flush {
    fn describe(&self) -> String {
        "flush".into()
    }
}

/// Waits until both disks have been quiet for 150 ms.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settle {}

impl Verb for Settle {
    fn describe(&self) -> String {
        "settle".into()
    }
}

/// Issues all requests from here to the next cut on one virtual processor. Each has a
/// queue of its own at a disk, and a flush in one does not wait for a write with FUA in
/// another (`blk_kick_flush`).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Its number, from 0. The guest has two of them.
    #[serde(deserialize_with = "within::<0, 1, _, _>")]
    #[schemars(range(min = 0, max = 1))]
    pub cpu: u32,
}

impl Verb for Pin {
    fn describe(&self) -> String {
        format!("requests on processor {}", self.cpu)
    }
}

/// Reads pieces of 8 sectors that do not touch: each gets a key of its own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadPieces {
    /// Block that they are in, one in 16 sectors.
    pub r#in: String,
}

impl Verb for ReadPieces {
    fn describe(&self) -> String {
        format!("read pieces of {}", self.r#in)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Pieces(&self.r#in, Piece::Sectors(16))]
    }
}

/// Writes the same pieces: each round the cache leaves a key without pointers.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WritePieces {
    /// Block that they are in, one in 16 sectors.
    pub r#in: String,
}

impl Verb for WritePieces {
    fn describe(&self) -> String {
        format!("write pieces of {}", self.r#in)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Pieces(&self.r#in, Piece::Sectors(16))]
    }
}

/// Stamped writes of one length, from one end of a block to the other. All have
/// to end in time, or the case is `hung`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteAll {
    /// Block to write in.
    pub r#in: String,
    /// Length of each, in sectors.
    #[serde(deserialize_with = "within::<1, LONGEST_WRITE, _, _>")]
    #[schemars(range(min = 1, max = LONGEST_WRITE))]
    pub sectors: u32,
    /// From the start of one to that of the next, in sectors; as long as they are
    /// where nothing is said.
    #[serde(default, deserialize_with = "if_within::<1, LARGEST_DISK, _, _>")]
    #[schemars(range(min = 1, max = LARGEST_DISK))]
    pub stride: Option<u32>,
    /// How many at once.
    #[serde(default = "one", deserialize_with = "within::<1, 1024, _, _>")]
    #[schemars(range(min = 1, max = 1024))]
    pub depth: u32,
    /// Ask for FUA: each is a write of the journal, too.
    #[serde(default)]
    pub fua: bool,
    /// An I/O error is an answer, too, of each by itself. Not with `depth`.
    #[serde(default)]
    pub may_fail: bool,
    /// Limit for all of them, in milliseconds.
    #[serde(deserialize_with = "within::<0, LONGEST_MS, _, _>")]
    #[schemars(range(min = 0, max = LONGEST_MS))]
    pub within_ms: u64,
}

/// In sectors: 16 MiB.
const LONGEST_WRITE: u64 = 1 << 15;

fn one() -> u32 {
    1
}

impl Verb for WriteAll {
    const PROOF: Proof = Proof::Optional;

    fn contradiction(&self) -> Option<&'static str> {
        let both = self.may_fail && self.depth > 1;
        both.then_some("`may_fail` takes one write after the other: leave `depth` out")
    }

    fn describe(&self) -> String {
        format!("write all of {}", self.r#in)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Block(&self.r#in)]
    }
}
