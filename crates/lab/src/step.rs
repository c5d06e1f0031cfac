// SPDX-License-Identifier: MIT OR Apache-2.0
//! The verbs of a scenario.

use crate::scenario::CacheMode;
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
    /// Reads blocks of a range until they are not cached any more, as no bucket
    /// is free.
    Exhaust {
        /// Block to read in.
        with: String,
        /// See [`crate::Scenario`].
        proves: Option<String>,
    },
    /// Reads blocks of a range until the kernel has used the SSD's sectors that
    /// hold a version for something else.
    Evict {
        /// Version.
        value: String,
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
    /// Waits until the backing device has come to a state.
    AwaitState {
        /// Which.
        is: LifeState,
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
        /// Demands a leaf write that holds a key with pointers for this block.
        holding: Option<String>,
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

/// A virtual disk, by role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Disk {
    /// The cache device.
    Ssd,
    /// The backing device.
    Hdd,
}

impl Disk {
    /// As the rig and the guest know it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssd => "ssd",
            Self::Hdd => "hdd",
        }
    }
}

/// Kinds of requests that can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum HoldOp {
    Read,
    Write,
    Flush,
    Trim,
}

/// Where a held request stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldPhase {
    /// Nothing of it is visible yet.
    BeforeMedia,
    /// It is on the media, the guest does not know.
    BeforeCompletion,
}

/// What a cut takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CutKind {
    /// RAM and the disks' volatile caches.
    Power,
    /// RAM only.
    Reset,
}

/// What a power cut does to writes that were completed but not flushed, or on
/// the media but not completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpenWrites {
    /// All lost.
    #[default]
    Drop,
    /// All kept.
    Keep,
    /// A seeded subset, torn at sector granularity.
    Random,
}

/// What becomes of a spoiled request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spoil {
    /// It fails with EIO, without any effect.
    Eio,
    /// It takes so many milliseconds more.
    SlowMs(u64),
}

/// Counters of the tracker and of what rests on it in sysfs, without their prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counter {
    /// In flight now.
    Writes,
    /// Ever recorded.
    Recorded,
    /// Misses not cached for a write to the same sectors.
    SkippedExact,
    /// Misses not cached for a write that may be to the same sectors.
    SkippedPossible,
    /// Bypass writes that needed no invalidation.
    Spared,
}

/// Settings of bcache that scenarios change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Setting {
    CacheMode,
    SequentialCutoff,
    WritebackRunning,
    WritebackPercent,
    WritebackDelay,
    CongestedReadThresholdUs,
    CongestedWriteThresholdUs,
}

/// Things that happen to a backing device or a cache set, through sysfs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LifeEvent {
    /// The backing device lets go of the cache set.
    Detach,
    /// The backing device is given the cache set.
    Attach,
    /// The bcache device is stopped.
    Stop,
    /// The cache set is unregistered.
    Unregister,
    /// The cache device is registered.
    RegisterSsd,
    /// The backing device is registered.
    RegisterHdd,
}

/// What a backing device can come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LifeState {
    /// Attached, nothing dirty.
    Clean,
    /// Attached, something dirty.
    Dirty,
    /// There, without a cache set.
    Detached,
    /// As `detached`, and the cache set is gone.
    SetGone,
    /// Not there.
    Stopped,
}

impl Step {
    /// Names of the blocks that the step refers to.
    #[must_use]
    pub fn blocks(&self) -> Vec<&str> {
        match self {
            Self::Prime { r#in } => vec![r#in],
            Self::Write { at, .. }
            | Self::Read { at, .. }
            | Self::StartRead { at, .. }
            | Self::Hold { at, .. }
            | Self::NoInvalidation { at, .. }
            | Self::AwaitJournaled { at, .. }
            | Self::AwaitInvalidation { at, .. } => vec![at],
            Self::HoldInvalidation { of, .. }
            | Self::HoldCacheWrite { of, .. }
            | Self::SpoilCacheWrite { of, .. } => vec![of],
            Self::Discard { at, .. } | Self::Fill { at } => vec![at],
            Self::Exhaust { with, .. } | Self::Evict { with, .. } => vec![with],
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
            | Self::Exhaust { proves, .. }
            | Self::Evict { proves, .. }
            | Self::AwaitState { proves, .. }
            | Self::WriteLeaf { proves, .. }
            | Self::AdvanceJournal { proves, .. } => proves.as_deref(),
            _ => None,
        }
    }

    /// The step in a few words, for progress, logs and messages.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Prime { .. } => "prime the cache".into(),
            Self::Write { at, value, background, .. } => {
                format!("write {value} at {at}{}", if *background { " (background)" } else { "" })
            }
            Self::Join { value } => format!("wait for write {value}"),
            Self::Read { at, .. } => format!("read {at}"),
            Self::StartRead { name, at } => format!("start read {name} of {at}"),
            Self::JoinRead { name, .. } => format!("wait for read {name}"),
            Self::Flush {} => "flush".into(),
            Self::CacheMode { to } => format!("cache mode {}", to.as_str()),
            Self::Hold { name, disk, op, .. } => {
                format!("hold {name}: next {op:?} at the {}", disk.name()).to_lowercase()
            }
            Self::HoldInvalidation { name, of } => format!("hold {name}: invalidation of {of}"),
            Self::HoldCacheWrite { name, of } => format!("hold {name}: cache write of {of}"),
            Self::HoldPriorities { name } => format!("hold {name}: bucket priorities"),
            Self::SpoilCacheWrite { of, how } => {
                format!("spoil the cache write of {of}: {how:?}").to_lowercase()
            }
            Self::Uncached { value, .. } => format!("no data of {value} are on the ssd"),
            Self::Discard { at, value, .. } => format!("discard {value} at {at}"),
            Self::Exhaust { .. } => "use up the free buckets".into(),
            Self::Evict { value, .. } => format!("evict {value}"),
            Self::Fill { at } => format!("a read of {at} gets cached"),
            Self::Counter { name, .. } => format!("counter {}", name.file()),
            Self::Set { setting, value } => format!("set {} to {value}", setting.file()),
            Self::Life { event } => format!("{event:?}").to_lowercase(),
            Self::AwaitState { is, .. } => format!("wait until {is:?}").to_lowercase(),
            Self::NoInvalidation { at, .. } => format!("no invalidation of {at} is durable"),
            Self::AwaitHeld { name, or: None, .. } => format!("wait until {name} is held"),
            Self::AwaitHeld { name, or: Some(other), .. } => {
                format!("wait until {name} or {other} is held")
            }
            Self::Release { name } => format!("release {name}"),
            Self::AwaitInvalidation { at, .. } => format!("watch for the invalidation of {at}"),
            Self::AwaitJournaled { at, .. } => format!("watch for a key of {at}"),
            Self::Settle {} => "settle".into(),
            Self::WriteLeaf { .. } => "force a leaf write".into(),
            Self::AdvanceJournal { .. } => "advance the journal".into(),
            Self::Cut { kind, .. } => format!("{kind:?} cut").to_lowercase(),
            Self::Boot {} => "boot again".into(),
            Self::Judge {} => "judge".into(),
        }
    }
}
