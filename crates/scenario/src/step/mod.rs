// SPDX-License-Identifier: MIT OR Apache-2.0
//! The verbs of a scenario.

mod cut;
mod knobs;
mod life;
mod request;
mod words;

pub use cut::{CutKind, OpenWrites};
pub use knobs::{Counter, Setting};
pub use life::{LifeEvent, LifeState};
pub use request::{Disk, HoldOp, HoldPhase, Spoil};

use crate::setup::CacheMode;
use serde::Deserialize;

/// One step. Field names are those of the TOML files.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// Reads blocks of a range until one of them comes back from the SSD: the
    /// first misses after registering find no free bucket and are not cached.
    Prime {
        /// Block to read in.
        r#in: String,
    },
    /// One stamped write.
    Write {
        /// Block.
        at: String,
        /// Name of this version of the block.
        value: String,
        /// Go on without waiting; see [`Step::Join`].
        #[serde(default)]
        background: bool,
        /// Ask for FUA.
        #[serde(default)]
        fua: bool,
    },
    /// Waits for a background write.
    Join {
        /// The write's version name.
        value: String,
    },
    /// One read, whose source is seen at the disks.
    Read {
        /// Block.
        at: String,
        /// Which disk must have served it.
        served_by: Option<Disk>,
        /// Version that it must have returned.
        returns: Option<String>,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// Starts a read and does not wait; see [`Step::JoinRead`].
    StartRead {
        /// Name of the read.
        name: String,
        /// Block.
        at: String,
    },
    /// Waits for a read that was started.
    JoinRead {
        /// Name of the read.
        name: String,
        /// Version that it must have returned.
        returns: Option<String>,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// Flush of the bcache device (which flushes both disks).
    Flush {},
    /// Changes the cache mode of the running device.
    CacheMode {
        /// The new mode.
        to: CacheMode,
    },
    /// Arms a hold for the next matching request.
    Hold {
        /// Name of the hold.
        name: String,
        /// Disk to hold it at.
        disk: Disk,
        /// Kind of request.
        op: HoldOp,
        /// Block; `data_offset` is added on the HDD.
        at: String,
        /// Where the request stops.
        phase: HoldPhase,
        /// Holds every matching request, not only the first: the parts of a
        /// request that the kernel splits.
        #[serde(default)]
        every: bool,
    },
    /// Arms a hold for the write on the SSD that carries data of the block; it
    /// stops before the media.
    HoldCacheWrite {
        /// Name of the hold.
        name: String,
        /// Block.
        of: String,
    },
    /// Arms a hold for the next write of bucket priorities on the SSD. While it
    /// is held, the allocator makes no bucket free (`bch_allocator_thread`
    /// waits in `bch_prio_write`).
    HoldPriorities {
        /// Name of the hold.
        name: String,
    },
    /// Spoils the next write on the SSD that carries data of the block.
    SpoilCacheWrite {
        /// Block.
        of: String,
        /// What becomes of it.
        how: Spoil,
    },
    /// Arms a hold for the journal write on the SSD that carries an
    /// invalidation of the block; it stops before the media.
    HoldInvalidation {
        /// Name of the hold.
        name: String,
        /// Block.
        of: String,
    },
    /// Waits until the hold, or the other one, has caught its request.
    AwaitHeld {
        /// Name of the hold.
        name: String,
        /// Name of the other hold.
        or: Option<String>,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// Lets the held request go on.
    Release {
        /// Name of the hold.
        name: String,
    },
    /// Waits, up to `for_ms`, for a journal write on the SSD that holds an
    /// invalidation of the block, and is durable. What was seen is recorded.
    AwaitInvalidation {
        /// Block.
        at: String,
        /// Limit, in milliseconds.
        for_ms: u64,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// As [`Step::AwaitInvalidation`], for any key of the block, by a write that
    /// is on its way.
    AwaitJournaled {
        /// Block.
        at: String,
        /// Limit, in milliseconds.
        for_ms: u64,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// Demands that no journal write with an invalidation of the block, by a
    /// write that is on its way, has completed.
    NoInvalidation {
        /// Block.
        at: String,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// Demands that no data of a version have reached the SSD: the write went
    /// round the cache, or its cache write failed.
    Uncached {
        /// Version.
        value: String,
        /// Demands that a cache write was tried, and failed.
        #[serde(default)]
        failed: bool,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// Demands that the cache is congested, and so much that a request of the
    /// block's length goes round it (`check_should_bypass`). The limit only grows
    /// until the next slow request: asked after a request of that length was
    /// submitted, it says that this one went round the cache for it.
    Congested {
        /// Block of the request's length.
        by: String,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// A discard, which takes the name of a version: it permits zeroes, and
    /// replaces nothing.
    Discard {
        /// Block.
        at: String,
        /// Name of the version.
        value: String,
        /// Go on without waiting; see [`Step::Join`].
        #[serde(default)]
        background: bool,
    },
    /// Reads blocks of a range until a hold has stopped the allocator and they are
    /// not cached any more: no bucket is free, and none will be before the
    /// release.
    Exhaust {
        /// Block to read in.
        with: String,
        /// Name of the hold: see [`Step::HoldPriorities`].
        held: String,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// Reads blocks of a range until the kernel has used the SSD's sectors that
    /// hold a version of a block for something else.
    Evict {
        /// Version.
        value: String,
        /// The block; other sectors of that write may stay. Choose the first of a
        /// write that is as long as a bucket: they lie in one that this write has
        /// filled, whatever room it had left. The last may lie in one that is still
        /// open, and never used again (`pick_data_bucket`).
        of: String,
        /// Block to read in.
        with: String,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// Demands that a block which no write in flight overlaps gets cached when
    /// it is read. If it does not, the case is [`evidence::Verdict::Imprecise`].
    Fill {
        /// Block.
        at: String,
    },
    /// Demands something of a counter of the tracker, where the arm has it; if
    /// it does not hold, the case is [`evidence::Verdict::Imprecise`].
    Counter {
        /// Which.
        name: Counter,
        /// Its value now.
        is: Option<u64>,
        /// How much it has grown since the last step that read it.
        grew_by: Option<u64>,
    },
    /// Sets something of bcache.
    Set {
        /// What.
        setting: Setting,
        /// As sysfs wants it.
        value: String,
    },
    /// Something in the life of the backing device or the cache set. Returns at
    /// once, as sysfs does: see [`Step::AwaitState`].
    Life {
        /// What.
        event: LifeEvent,
    },
    /// Stamped writes of one length, from one end of a block to the other. Each
    /// has to end in time, or the case is [`evidence::Verdict::Hung`].
    WriteAll {
        /// Block to write in.
        r#in: String,
        /// Length of each, in sectors.
        sectors: u32,
        /// From the start of one to that of the next, in sectors; as long as
        /// they are where nothing is said.
        stride: Option<u32>,
        /// How many at once.
        #[serde(default = "one")]
        depth: u32,
        /// Limit for all of them, in milliseconds.
        within_ms: u64,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// Writes a block again and again until the backing device has come to a
    /// state, which has to be in time, or the case is [`evidence::Verdict::Hung`].
    RewriteUntil {
        /// Block.
        at: String,
        /// The state.
        is: LifeState,
        /// Limit, in milliseconds.
        within_ms: u64,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// Demands that a request for a sector of the block comes to a disk; if none
    /// does, the case is [`evidence::Verdict::Imprecise`].
    Arrives {
        /// Which disk.
        disk: Disk,
        /// Kind of request.
        op: HoldOp,
        /// Block; `data_offset` is added on the HDD.
        at: String,
        /// Limit, in milliseconds.
        for_ms: u64,
    },
    /// Makes each request of a kind take longer from now on.
    Slow {
        /// Which disk.
        disk: Disk,
        /// Kind of request.
        op: HoldOp,
        /// By how many milliseconds.
        ms: u64,
    },
    /// Waits until the backing device has come to a state.
    AwaitState {
        /// Which.
        is: LifeState,
        /// Limit, in milliseconds, past which the case is
        /// [`evidence::Verdict::Hung`].
        within_ms: Option<u64>,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// Waits until both disks have been quiet for a moment.
    Settle {},
    /// Writes small blocks elsewhere until the set in the btree leaf is full
    /// and the kernel writes the leaf.
    WriteLeaf {
        /// Block to write in.
        with: String,
        /// Reads what is not cached there, on every arm, and no more than it takes.
        #[serde(default)]
        by_reads: bool,
        /// Demands a leaf write that holds a key with pointers for this block.
        holding: Option<String>,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// Reads blocks of a range until the cache has no unused bucket left that data
    /// may have, so that one has to be reclaimed for each new one.
    FillCache {
        /// Block to read in.
        with: String,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// Reads pieces of 8 sectors that do not touch: each gets a key of its own.
    ReadPieces {
        /// Block that they are in, one in 16 sectors.
        r#in: String,
    },
    /// Writes the same pieces: each round the cache leaves a key without pointers.
    WritePieces {
        /// Block that they are in, one in 16 sectors.
        r#in: String,
    },
    /// Waits, up to `for_ms`, until a btree leaf is written that holds a key of
    /// one block and none of the other, and the journal after it; and demands
    /// that the journal has the other's key still, so that a replay brings it
    /// back.
    AwaitDropped {
        /// The block whose key the btree is to lose.
        at: String,
        /// The block whose key stays.
        beside: String,
        /// Limit, in milliseconds.
        for_ms: u64,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// Flushed writes elsewhere until the journal's `last_seq` has passed the
    /// entry with the invalidation of the named block, and two more entries.
    AdvanceJournal {
        /// Block to write in.
        with: String,
        /// Block whose invalidation the journal must let go of.
        past_invalidation_of: String,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// Takes the machine down at one instant of the disks' common sequence.
    Cut {
        /// What is lost.
        kind: CutKind,
        /// What becomes of the writes whose survival the crash model leaves
        /// open.
        #[serde(default)]
        open: OpenWrites,
    },
    /// Boots again on the same disks and registers them.
    Boot {},
    /// Reads everything back and lets the oracle judge.
    Judge {},
}

fn one() -> u32 {
    1
}

impl Step {
    /// Names of the blocks that the step refers to.
    #[must_use]
    pub fn blocks(&self) -> Vec<&str> {
        match self {
            Self::Prime { r#in }
            | Self::ReadPieces { r#in }
            | Self::WritePieces { r#in }
            | Self::WriteAll { r#in, .. } => {
                vec![r#in]
            }
            Self::AwaitDropped { at, beside, .. } => vec![at, beside],
            Self::Congested { by, .. } => vec![by],
            Self::Write { at, .. }
            | Self::Read { at, .. }
            | Self::StartRead { at, .. }
            | Self::RewriteUntil { at, .. }
            | Self::Arrives { at, .. }
            | Self::Hold { at, .. }
            | Self::NoInvalidation { at, .. }
            | Self::AwaitJournaled { at, .. }
            | Self::AwaitInvalidation { at, .. } => vec![at],
            Self::HoldInvalidation { of, .. }
            | Self::HoldCacheWrite { of, .. }
            | Self::SpoilCacheWrite { of, .. } => vec![of],
            Self::Discard { at, .. } | Self::Fill { at } => vec![at],
            Self::Exhaust { with, .. } | Self::FillCache { with, .. } => vec![with],
            Self::Evict { of, with, .. } => vec![of, with],
            Self::WriteLeaf { with, holding, .. } => {
                std::iter::once(with.as_str()).chain(holding.as_deref()).collect()
            }
            Self::AdvanceJournal { with, past_invalidation_of, .. } => {
                vec![with, past_invalidation_of]
            }
            _ => Vec::new(),
        }
    }

    /// The part of the opportunity that the step proves, in words.
    #[must_use]
    pub fn proves(&self) -> Option<&str> {
        match self {
            Self::Read { proves, .. }
            | Self::JoinRead { proves, .. }
            | Self::AwaitHeld { proves, .. }
            | Self::AwaitInvalidation { proves, .. }
            | Self::AwaitJournaled { proves, .. }
            | Self::NoInvalidation { proves, .. }
            | Self::Uncached { proves, .. }
            | Self::Congested { proves, .. }
            | Self::Exhaust { proves, .. }
            | Self::Evict { proves, .. }
            | Self::AwaitState { proves, .. }
            | Self::WriteAll { proves, .. }
            | Self::RewriteUntil { proves, .. }
            | Self::WriteLeaf { proves, .. }
            | Self::AwaitDropped { proves, .. }
            | Self::FillCache { proves, .. }
            | Self::AdvanceJournal { proves, .. } => proves.as_deref(),
            _ => None,
        }
    }
}
