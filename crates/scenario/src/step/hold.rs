// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests that a virtual disk holds, and lets go, or spoils, or has seen.

use super::disk::Disk;
use super::verb::{Mention, Proof, Verb};
use crate::number::{LONGEST_MS, if_within, within};
use crate::setup::Block;
use schemars::JsonSchema;
use serde::Deserialize;

/// A number of requests that no case comes to.
const MOST_REQUESTS: u64 = 1_000_000;

/// Arms a hold for the next matching request.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Name of the hold.
    pub name: String,
    /// Disk to hold it at.
    pub disk: Disk,
    /// Kind of request.
    pub op: HoldOp,
    /// Where on the disk.
    pub at: Place,
    /// Where the request stops.
    pub phase: HoldPhase,
    /// Holds every matching request, not only the first: the parts of a
    /// request that the kernel splits.
    #[serde(default)]
    pub every: bool,
}

impl Verb for Hold {
    fn describe(&self) -> String {
        format!("hold {}: next {:?} at the {}", self.name, self.op, self.disk.name()).to_lowercase()
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        self.at.mentions().chain([Mention::Arms(&self.name)]).collect()
    }
}

/// Arms a hold for the write on the SSD that carries data of the block; it
/// stops before the media.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldCacheWrite {
    /// Name of the hold.
    pub name: String,
    /// Block.
    pub of: String,
}

impl Verb for HoldCacheWrite {
    fn describe(&self) -> String {
        format!("hold {}: cache write of {}", self.name, self.of)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Block(&self.of), Mention::Arms(&self.name)]
    }
}

/// Arms a hold for the btree write on the SSD whose set has a key of the block,
/// with pointers; it stops on the media, before its completion.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldLeaf {
    /// Name of the hold.
    pub name: String,
    /// Block.
    pub of: String,
}

impl Verb for HoldLeaf {
    fn describe(&self) -> String {
        format!("hold {}: leaf with {}", self.name, self.of)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Block(&self.of), Mention::Arms(&self.name)]
    }
}

/// Arms a hold for the next write of bucket priorities on the SSD. While it
/// is held, the allocator makes no bucket free (`bch_allocator_thread`
/// waits in `bch_prio_write`).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldPriorities {
    /// Name of the hold.
    pub name: String,
}

impl Verb for HoldPriorities {
    fn describe(&self) -> String {
        format!("hold {}: bucket priorities", self.name)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Arms(&self.name)]
    }
}

/// Arms a hold for the journal write on the SSD that carries an
/// invalidation of the block; it stops before the media.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldInvalidation {
    /// Name of the hold.
    pub name: String,
    /// Block.
    pub of: String,
}

impl Verb for HoldInvalidation {
    fn describe(&self) -> String {
        format!("hold {}: invalidation of {}", self.name, self.of)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Block(&self.of), Mention::Arms(&self.name)]
    }
}

/// Spoils the next write on the SSD that carries data of the block.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpoilCacheWrite {
    /// Block.
    pub of: String,
    /// What becomes of it: `"eio"`, or `{ slow_ms = N }`.
    pub how: Spoil,
}

impl Verb for SpoilCacheWrite {
    fn describe(&self) -> String {
        format!("spoil the cache write of {}: {:?}", self.of, self.how).to_lowercase()
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Block(&self.of)]
    }
}

/// Waits, up to 10 s, until the hold, or the other one, has caught its request.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwaitHeld {
    /// Name of the hold.
    pub name: String,
    /// Name of the other hold.
    pub or: Option<String>,
}

impl Verb for AwaitHeld {
    const PROOF: Proof = Proof::Always;

    fn describe(&self) -> String {
        match &self.or {
            None => format!("wait until {} is held", self.name),
            Some(other) => format!("wait until {} or {other} is held", self.name),
        }
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        [Some(&self.name), self.or.as_ref()]
            .into_iter()
            .flatten()
            .map(|n| Mention::Holds(n))
            .collect()
    }
}

/// Lets the held request go on.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Name of the hold.
    pub name: String,
}

impl Verb for Release {
    fn describe(&self) -> String {
        format!("release {}", self.name)
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        vec![Mention::Releases(&self.name)]
    }
}

/// Demands that a request for a sector of the block comes to a disk; if none
/// does, the case is `imprecise`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arrives {
    /// Which disk.
    pub disk: Disk,
    /// Kind of request.
    pub op: HoldOp,
    /// Where on the disk.
    pub at: Place,
    /// Limit, in milliseconds.
    #[serde(deserialize_with = "within::<0, LONGEST_MS, _, _>")]
    #[schemars(range(min = 0, max = LONGEST_MS))]
    pub for_ms: u64,
}

impl Verb for Arrives {
    fn describe(&self) -> String {
        format!("{:?} of {} comes to the {}", self.op, self.at, self.disk.name()).to_lowercase()
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        self.at.mentions().collect()
    }
}

/// Makes each request of a kind take longer from now on.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// Which disk.
    pub disk: Disk,
    /// Kind of request.
    pub op: HoldOp,
    /// By how many milliseconds.
    #[serde(deserialize_with = "within::<0, LONGEST_MS, _, _>")]
    #[schemars(range(min = 0, max = LONGEST_MS))]
    pub ms: u64,
}

impl Verb for Slow {
    fn describe(&self) -> String {
        let (op, disk) = (self.op, self.disk.name());
        format!("{op:?} takes {} ms more at the {disk}", self.ms).to_lowercase()
    }
}

/// Lets requests of a disk fail with an I/O error from now on, until `mend`: a cut
/// does not end it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fail {
    /// Which disk.
    pub disk: Disk,
    /// Kind of request; every kind where none is named.
    pub op: Option<HoldOp>,
    /// Where on the disk; everywhere where no place is named.
    pub at: Option<Place>,
    /// Only the one with this number, counted from 1 and from now on.
    #[serde(default, deserialize_with = "if_within::<1, MOST_REQUESTS, _, _>")]
    #[schemars(range(min = 1, max = MOST_REQUESTS))]
    pub nth: Option<u32>,
    /// Some of them: one in so many, by the case's seed.
    #[serde(default, deserialize_with = "if_within::<2, MOST_REQUESTS, _, _>")]
    #[schemars(range(min = 2, max = MOST_REQUESTS))]
    pub one_in: Option<u32>,
}

impl Verb for Fail {
    fn contradiction(&self) -> Option<&'static str> {
        let both = self.nth.is_some() && self.one_in.is_some();
        both.then_some("`nth` names one request, `one_in` some of all: leave one out")
    }

    fn describe(&self) -> String {
        let which = self.one_in.map_or("every".to_owned(), |n| format!("one in {n}"));
        let kind = self.op.map_or("request".to_owned(), |op| format!("{op:?}"));
        let kind = format!("{which} {kind}");
        format!("{kind} of the {} fails", self.disk.name()).to_lowercase()
    }

    fn mentions(&self) -> Vec<Mention<'_>> {
        self.at.iter().flat_map(Place::mentions).collect()
    }
}

/// Lets no request of a disk fail any more, and says how many did.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mend {
    /// Which disk.
    pub disk: Disk,
}

impl Verb for Mend {
    const PROOF: Proof = Proof::Optional;

    fn describe(&self) -> String {
        format!("mend the {}", self.disk.name())
    }
}

/// A place on a disk.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a place is a block's name, or { sector = N, sectors = N } of the disk"
)]
pub enum Place {
    /// A block of the bcache device; `data_offset` is added on the HDD.
    Block(String),
    /// Sectors of the disk itself: its superblock is at 8.
    Sectors(Block),
}

impl Place {
    pub(super) fn mentions(&self) -> impl Iterator<Item = Mention<'_>> {
        match self {
            Self::Block(name) => Some(Mention::Block(name)),
            Self::Sectors(_) => None,
        }
        .into_iter()
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Block(name) => f.write_str(name),
            Self::Sectors(at) => write!(f, "sectors {}+{}", at.sector, at.sectors),
        }
    }
}

/// Kinds of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HoldOp {
    Read,
    Write,
    Flush,
    Trim,
}

/// Where a held request stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HoldPhase {
    /// Nothing of it is visible yet.
    BeforeMedia,
    /// It is on the media, the guest does not know.
    BeforeCompletion,
}

/// What becomes of a spoiled request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spoil {
    /// It fails with EIO, without any effect.
    Eio,
    /// It takes so many milliseconds more.
    SlowMs(
        #[serde(deserialize_with = "within::<0, LONGEST_MS, _, _>")]
        #[schemars(range(min = 0, max = LONGEST_MS))]
        u64,
    ),
}
