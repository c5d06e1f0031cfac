// SPDX-License-Identifier: MIT OR Apache-2.0
//! The recording in bcache's terms: what each write to the disks was.

use scenario::layout;
use std::collections::HashMap;
use vdisk::bcache_format::{Key, Written, recognise};
use vdisk::crash::CrashState;
use vdisk::log::{Life, Log};
use vdisk::{Kind as EventKind, Op};
use wire::Content;

/// What a write to a disk carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A journal entry.
    Journal {
        /// Its number.
        seq: u64,
        /// The oldest entry that replay would still use.
        last_seq: u64,
        /// What was inserted.
        keys: Vec<Key>,
    },
    /// A set of btree keys.
    Set {
        /// The keys.
        keys: Vec<Key>,
    },
    /// Data that we stamped, on the backing device or cached.
    Stamped {
        /// Number of the write that the first sector is of.
        seq: u64,
        /// Sector of the bcache device that it belongs to.
        sector: u64,
    },
    /// bcache's own, without a bearing on single blocks.
    Housekeeping(&'static str),
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counted = |f: &mut std::fmt::Formatter<'_>, keys: &[Key]| {
            let gone = keys.iter().filter(|key| key.pointers.is_empty()).count();
            write!(f, "{} keys", keys.len())?;
            if gone > 0 { write!(f, ", {gone} of them invalidations") } else { Ok(()) }
        };
        match self {
            Self::Journal { seq, last_seq, keys } => {
                write!(f, "journal entry {seq} (last_seq {last_seq}), ")?;
                counted(f, keys)
            }
            Self::Set { keys } => {
                write!(f, "btree set, ")?;
                counted(f, keys)
            }
            Self::Stamped { seq, sector } => {
                write!(f, "data of write #{seq}, sector {sector} of bcache")
            }
            Self::Housekeeping(what) => f.write_str(what),
        }
    }
}

/// One write, trim or write-zeroes request.
#[derive(Clone, Debug)]
pub struct Item {
    /// The request's number.
    pub request: u64,
    /// Whether it went to the SSD.
    pub ssd: bool,
    /// First sector on that disk.
    pub sector: u64,
    /// Sectors.
    pub sectors: u64,
    /// Event of its issue.
    pub issued: u64,
    /// Time of its issue.
    pub issued_ns: u64,
    /// Event of its completion.
    pub completed: Option<u64>,
    /// What it carried.
    pub what: What,
}

/// What became of a write in a crash state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The cut came before it was issued.
    NotYet,
    /// It is there, or something newer that overwrote it.
    Kept,
    /// Part of it is gone.
    Torn,
    /// All of it is gone.
    Lost,
}

/// What a crash state has lost, by request: whether all of it.
#[derive(Clone, Debug, Default)]
pub struct Losses(HashMap<u64, bool>);

impl Losses {
    /// Of a state.
    #[must_use]
    pub fn of(state: &CrashState) -> Self {
        let each = state.lost().into_iter();
        Self(each.map(|lost| (lost.change.request(), lost.lost == lost.change.live)).collect())
    }

    /// For tests: these requests, whole.
    #[cfg(test)]
    pub fn whole(requests: &[u64]) -> Self {
        Self(requests.iter().map(|request| (*request, true)).collect())
    }

    /// For tests: these requests, in part.
    #[cfg(test)]
    pub fn partly(requests: &[u64]) -> Self {
        Self(requests.iter().map(|request| (*request, false)).collect())
    }

    /// What became of `item` in a cut before event `before`.
    #[must_use]
    pub fn fate(&self, item: &Item, before: u64) -> Fate {
        match self.0.get(&item.request) {
            _ if item.issued >= before => Fate::NotYet,
            None => Fate::Kept,
            Some(true) => Fate::Lost,
            Some(false) => Fate::Torn,
        }
    }
}

/// All of a recording's writes, and the scenario's steps between them.
#[derive(Debug, Default)]
pub struct Story {
    /// In the order of their issue.
    pub items: Vec<Item>,
    /// Event and text of the lab's own remarks.
    pub marks: Vec<(u64, String)>,
    /// Event and time (ns).
    pub times: Vec<(u64, u64)>,
}

impl Story {
    /// Reads a life of the disks; a payload that cannot be read is
    /// housekeeping.
    #[must_use]
    pub fn read(log: &Log, life: &Life) -> Self {
        let mut story = Self::default();
        let mut places = HashMap::new();
        for event in &life.events {
            story.times.push((event.seq, event.at_ns));
            match (&event.kind, event.op) {
                (EventKind::Mark(_, text), _) => story.marks.push((event.seq, text.to_string())),
                (EventKind::Issue, Some(op @ (Op::Write | Op::Trim | Op::WriteZeroes))) => {
                    let ssd = &*event.disk == "ssd";
                    let payload = match op {
                        Op::Write => log.payload(life, event.request).ok(),
                        _ => None,
                    };
                    let what = payload.map_or(What::Housekeeping("zeroes"), |data| {
                        what(ssd, event.sector, &data)
                    });
                    places.insert(event.request, story.items.len());
                    story.items.push(Item {
                        request: event.request,
                        ssd,
                        sector: event.sector,
                        sectors: event.sectors,
                        issued: event.seq,
                        issued_ns: event.at_ns,
                        completed: None,
                        what,
                    });
                }
                (EventKind::Complete, _) if event.error == 0 => {
                    if let Some(&at) = places.get(&event.request) {
                        story.items[at].completed = Some(event.seq);
                    }
                }
                _ => {}
            }
        }
        story
    }

    /// Time of the newest event before event `before`, in nanoseconds.
    #[must_use]
    pub fn time_before(&self, before: u64) -> u64 {
        let after = self.times.partition_point(|(seq, _)| *seq < before);
        // The cut's own event tells best how long nothing had happened.
        let at = if self.times.get(after).is_some() { after } else { after.saturating_sub(1) };
        self.times.get(at).map_or(0, |(_, ns)| *ns)
    }

    /// Whether a cut before event `before` that lost `losses` left part of a
    /// set of btree keys.
    #[must_use]
    pub fn tears_a_set(&self, losses: &Losses, before: u64) -> bool {
        self.items.iter().any(|item| {
            matches!(item.what, What::Set { .. }) && losses.fate(item, before) == Fate::Torn
        })
    }

    /// Journal entries that say that `sector` (of the bcache device) is not
    /// cached, issued after event `since`.
    pub fn invalidations(&self, sector: u64, since: u64) -> impl Iterator<Item = &Item> {
        let on_backing = sector + layout::DATA_OFFSET;
        self.items.iter().filter(move |item| match &item.what {
            What::Journal { keys, .. } => {
                item.issued > since
                    && keys.iter().any(|key| key.pointers.is_empty() && key.covers(on_backing))
            }
            _ => false,
        })
    }
}

/// What a write of `data` to `sector` of the SSD or of the backing device is.
#[must_use]
pub fn what(ssd: bool, sector: u64, data: &[u8]) -> What {
    if ssd {
        match recognise(layout::SET_MAGIC, sector, data) {
            Written::Journal(entry) => {
                return What::Journal {
                    seq: entry.seq,
                    last_seq: entry.last_seq,
                    keys: entry.keys,
                };
            }
            Written::Node(node) => return What::Set { keys: node.keys },
            Written::Priorities { .. } => return What::Housekeeping("bucket priorities"),
            Written::Superblock(_) => return What::Housekeeping("superblock"),
            Written::Other => {}
        }
    }
    let first = data.get(..wire::SECTOR).map(|first| wire::classify(first, sector));
    match first {
        Some(Content::Stamped { seq, .. }) => What::Stamped { seq, sector },
        Some(Content::Misplaced { seq, sector, .. }) => What::Stamped { seq, sector },
        _ if !ssd && sector < layout::DATA_OFFSET => What::Housekeeping("superblock"),
        _ => What::Housekeeping("data that the lab did not stamp"),
    }
}
