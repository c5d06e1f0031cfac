// SPDX-License-Identifier: MIT OR Apache-2.0

//! The whole protocol as a state machine, small enough to be explored without gaps.
//!
//! One sector, one btree leaf, a journal, two writers, two readers. Every step that the kernel
//! takes under one lock is one step here, and between any two steps anybody else may move: other
//! requests, the leaf being written, the journal, the allocator evicting, a cache being attached.
//! A power cut needs no step of its own: in each state we ask what would boot from it.
//!
//! [`Rules`] says what bcache does. The right rules must satisfy every [`Property`] that is claimed
//! of them, and each single change that breaks them must be found out.

mod search;
mod steps;

pub use search::{Found, explore};

/// Values that the sector can have: 0 is there at first, writer `n` writes `n + 1`.
type Value = u8;

/// What the leaf holds for the sector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// Nothing, or a key without pointers.
    Empty,
    /// The token of a reader.
    Placeholder(u8),
    /// Data in the cache.
    Data(Value),
    /// Data in the cache that the disk does not have yet.
    Dirty(Value),
    /// Data in a bucket that has been invalidated: gone for who reads, there again for who boots as
    /// long as the new generation is not written.
    Stale(Value),
    /// Data that moving gc has put into another bucket, which the journal does not know.
    Moved(Value),
}

/// When a bypass write invalidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Beside its backing write.
    Beside,
    /// After its backing write: v1.
    After,
    /// Beside and after: two-pass.
    Twice,
    /// Before, and durably, if the range may be cached: ordered.
    Before,
}

/// When a write that has found nothing cached ([`Order::Before`]) does not invalidate at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spare {
    /// Never: it invalidates beside its backing write.
    Never,
    /// When there is nothing: no data, no placeholder, no stale pointer, no other write in flight,
    /// no new generation that is not written, and moving gc has never moved a key.
    Nothing,
    /// The same, but a placeholder counts as nothing.
    DespitePlaceholder,
    /// The same, but other writes that wait for the journal are not asked for.
    DespiteOthers,
    /// The same, but generations are not asked for.
    DespiteGenerations,
    /// The same, but a stale pointer counts as nothing, and nobody asks whether a key was moved.
    DespiteStale,
    /// The same, but nobody asks whether a key was moved.
    DespiteMoves,
}

/// What a bypass write's look-up ([`Order::Before`]) goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookUp {
    /// All keys of its range.
    Whole,
    /// Those before the first that begins behind its range, even if that one is empty.
    UntilEmpty,
}

/// When a read miss looks at the tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Never: there is no tracker.
    Never,
    /// Before it looks the range up.
    BeforePlaceholder,
    /// After its placeholder, before its backing read.
    AfterPlaceholder,
    /// When its backing read has completed.
    AtCompletion,
}

/// What a write does about the tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Records before it does anything else.
    First,
    /// Records after it has looked the range up, before anything else.
    AfterLookUp,
    /// Records after its index update.
    AfterIndex,
    /// Records only when it knows that it will invalidate.
    BypassOnly,
    /// Records only after it has found that there is a cache.
    CachedOnly,
}

/// When a write clears its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clear {
    /// Once, when both its backing write and its index update are done; if it is written back, and
    /// so has no backing write, when that has been decided.
    Both,
    /// When its index update is done.
    AfterIndex,
    /// When it knows what becomes of it, which is right for writeback only.
    AtDecision,
    /// Twice.
    Twice,
}

/// What goes wrong with a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Nothing: it is exact, or coarser.
    Sound,
    /// It may be lost when there is no memory for it.
    Lost,
    /// It wraps at two writes in flight, as 16 bits wrap at 65,536.
    Wraps,
}

/// What bcache does.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// When a bypass write invalidates.
    pub order: Order,
    /// When it does not.
    pub spare: Spare,
    /// How it finds out.
    pub look_up: LookUp,
    /// When a read miss looks.
    pub check: Check,
    /// When a write records.
    pub record: Record,
    /// When it clears.
    pub clear: Clear,
    /// How it counts.
    pub count: Count,
}

impl Rules {
    /// bcache as it is.
    pub const BASE: Self = Self {
        order: Order::Beside,
        spare: Spare::Never,
        look_up: LookUp::Whole,
        check: Check::Never,
        record: Record::First,
        clear: Clear::Both,
        count: Count::Sound,
    };
    /// The invalidation after the backing write.
    pub const V1: Self = Self { order: Order::After, ..Self::BASE };
    /// Two invalidations.
    pub const TWO_PASS: Self = Self { order: Order::Twice, ..Self::BASE };
    /// The tracker, in C or Rust.
    pub const TRACKER: Self = Self { check: Check::AfterPlaceholder, ..Self::BASE };
    /// The tracker and ordered invalidation, of every write.
    pub const ORDERED: Self = Self { order: Order::Before, ..Self::TRACKER };
    /// The same, but a write does not invalidate when there is nothing.
    pub const SPARE: Self = Self { spare: Spare::Nothing, ..Self::ORDERED };
}

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Property {
    /// With no write in flight, what is cached is what is on the disk.
    NoStaleKey,
    /// The same after a cut, when no write was in flight and the journal was flushed.
    NoStaleKeyAfterCut,
    /// After a cut at any moment, what is cached is what is on the disk.
    AgreesAfterCut,
}

/// Where a write goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To the disk; what the cache has is invalidated.
    Bypass,
    /// To both.
    Through,
    /// To the cache, and to the disk when it likes.
    Back,
}

/// What writers there are, and what the cache holds at first.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// What each writer does.
    pub kinds: [Kind; 2],
    /// Whether the first value is cached, durably.
    pub cached: bool,
    /// Whether there is a cache from the start on.
    pub attached: bool,
    /// Whether the second writer waits until the first is done.
    pub one_by_one: bool,
    /// How many readers there are: one or two.
    pub readers: usize,
    /// Whether moving gc is at work.
    pub moving: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Backing {
    Idle,
    Flying,
    Landed,
    Complete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Index {
    Idle,
    Journaled,
    Applied,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Recorded,
    LookedUp { found: bool },
    Asked { wait: bool },
    Running { wait: bool },
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Writer {
    phase: Phase,
    uncached: bool,
    counted: bool,
    cleared: bool,
    backing: Backing,
    index: Index,
    passes: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reader {
    New,
    Checked,
    Planted,
    Reading,
    Read(Value),
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Entry {
    key: Key,
    durable: bool,
    applied: bool,
    in_leaf: bool,
}

/// A state of everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    attached: bool,
    disk: Value,
    leaf: Key,
    leaf_on_disk: Key,
    /// Whether the key is in a written set of the leaf.
    written: bool,
    /// Whether one that was is still there without a size, as the next key has overwritten it. It
    /// ends where that one ends, and is found first.
    emptied: bool,
    /// What moving gc has read and not inserted yet.
    moving: Option<Value>,
    /// Whether it has ever inserted.
    moved: bool,
    /// Whether a generation has not been written yet.
    invalidated: bool,
    journal: Vec<Entry>,
    count: u8,
    writers: [Writer; 2],
    readers: [Reader; 2],
}

impl State {
    fn first(setting: Setting) -> Self {
        let writer = Writer {
            phase: Phase::New,
            uncached: false,
            counted: false,
            cleared: false,
            backing: Backing::Idle,
            index: Index::Idle,
            passes: 0,
        };
        let key = if setting.cached { Key::Data(0) } else { Key::Empty };
        Self {
            attached: setting.attached,
            disk: 0,
            leaf: key,
            leaf_on_disk: key,
            written: true,
            emptied: false,
            moving: None,
            moved: false,
            invalidated: false,
            journal: Vec::new(),
            count: 0,
            writers: [writer; 2],
            readers: [Reader::New; 2],
        }
    }

    /// Inserts a key into the leaf.
    fn insert(&mut self, key: Key) {
        self.emptied |= self.written && self.leaf != Key::Empty;
        self.written = false;
        self.leaf = key;
    }

    /// What a boot from here finds: the leaf as written, then the journal over it.
    fn boot(&self) -> Key {
        let over = |key, entry: &Entry| if entry.durable { entry.key } else { key };
        self.journal.iter().fold(self.leaf_on_disk, over)
    }

    /// The value that is stale in memory and may be valid for who boots; at most one bucket is
    /// invalidated at a time.
    fn stale(&self) -> Option<Value> {
        let keys = self.journal.iter().map(|entry| entry.key);
        keys.chain([self.leaf_on_disk]).find_map(|key| match key {
            Key::Stale(value) => Some(value),
            _ => None,
        })
    }

    /// The properties that do not hold here.
    pub fn violated(&self) -> Vec<Property> {
        let quiet = self.writers.iter().all(|w| matches!(w.phase, Phase::New | Phase::Done));
        let flushed = self.journal.iter().all(|entry| entry.durable);
        let is_old = |value| value != self.disk;
        let served = matches!(self.leaf, Key::Data(value) | Key::Moved(value) if is_old(value));
        let booted = match self.boot() {
            Key::Data(value) | Key::Stale(value) | Key::Moved(value) => is_old(value),
            Key::Empty | Key::Placeholder(_) | Key::Dirty(_) => false,
        };
        [
            (quiet && served, Property::NoStaleKey),
            (quiet && flushed && booted, Property::NoStaleKeyAfterCut),
            (booted, Property::AgreesAfterCut),
        ]
        .into_iter()
        .filter_map(|(bad, property)| bad.then_some(property))
        .collect()
    }
}
