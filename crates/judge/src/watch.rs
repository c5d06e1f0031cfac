// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the disks saw: which journal entries and btree sets reached the SSD,
//! and which disk served a read.
//!
//! The opportunity of a scenario rests on this, not on what the guest says.

use scenario::Disk;
use scenario::layout;
use std::ops::Range;
use vdisk::bcache_format::{Key, Written, recognise};
use vdisk::{Event, Kind, Op, Rig};
use wire::{Content, SECTOR, classify};

/// A sector that is not the superblock's: a journal entry is known by its magic
/// number, wherever it is.
const JOURNAL_ANYWHERE: u64 = u64::MAX;

/// Sectors of either disk that neither bcache nor a scenario reads.
pub const NUDGE: Range<u64> = 0..8;

/// A journal entry that is complete on the SSD.
#[derive(Debug)]
struct Entry {
    at: u64,
    /// A cut can no longer take it: written with FUA, or flushed since. Linux
    /// flushes after a write with FUA where the disk, as virtio, has none.
    durable: bool,
    seq: u64,
    last_seq: u64,
    keys: Vec<Key>,
}

/// A set of btree keys that is complete on the SSD.
#[derive(Debug)]
struct Set {
    at: u64,
    keys: Vec<Key>,
}

/// Stamped sectors that a write carried to the SSD.
#[derive(Debug)]
struct CacheWrite {
    at: u64,
    /// Sequence number in the stamps.
    seq: u64,
    /// The first of these sectors on the bcache device.
    first: u64,
    /// Where they are on the SSD.
    place: Range<u64>,
    /// Whether the write failed, and so they are not there.
    failed: bool,
}

impl CacheWrite {
    /// End of these sectors on the bcache device.
    fn end(&self) -> u64 {
        self.first + (self.place.end - self.place.start)
    }

    /// Where on the SSD those among `wanted` are.
    fn place_of(&self, wanted: &Range<u64>) -> Option<Range<u64>> {
        let (first, end) = (self.first.max(wanted.start), self.end().min(wanted.end));
        let place = |sector| self.place.start + (sector - self.first);
        (first < end).then(|| place(first)..place(end))
    }
}

/// Stamps of our own writes in a payload: sequence number, sector of the bcache
/// device, and sector within the payload.
fn stamps(payload: &[u8]) -> impl Iterator<Item = (u64, u64, u64)> + '_ {
    payload.chunks_exact(SECTOR).zip(0..).filter_map(|(sector, at)| {
        // No stamp is at home there.
        match classify(sector, u64::MAX) {
            Content::Misplaced { seq, sector, .. } => Some((seq, sector, at)),
            _ => None,
        }
    })
}

/// Follows a rig's events; brought up to date by every question.
#[derive(Debug, Default)]
pub struct Watch {
    /// Next event to look at.
    next: u64,
    entries: Vec<Entry>,
    sets: Vec<Set>,
    cache_writes: Vec<CacheWrite>,
    /// Flushes of the SSD under way: request, and the event of its issue.
    flushes: Vec<(u64, u64)>,
    /// Places on the SSD that were written, with the event.
    ssd_writes: Vec<(u64, Range<u64>)>,
    reads: Vec<(u64, Disk, Range<u64>)>,
}

/// Whether a key covers any sector of the range.
fn overlaps(key: &Key, range: &Range<u64>) -> bool {
    key.start() < range.end && range.start < key.end
}

/// A block of the bcache device as btree keys count it: `data_offset` is in,
/// as `cached_dev_submit_bio` adds it before anything looks at the btree.
fn on_backing(block: wire::Extent) -> Range<u64> {
    let first = block.sector + layout::DATA_OFFSET;
    first..first + u64::from(block.sectors)
}

impl Watch {
    fn update(&mut self, rig: &Rig) {
        for event in rig.events_since(self.next) {
            self.next = event.seq + 1;
            self.take(&event, rig);
        }
    }

    fn take(&mut self, event: &Event, rig: &Rig) {
        let disk = if &*event.disk == "ssd" { Disk::Ssd } else { Disk::Hdd };
        match (&event.kind, event.op) {
            // The lab's own reads, which bring replies: see `Session::answer`.
            (Kind::Issue, Some(Op::Read)) if event.sector < NUDGE.end => {}
            (Kind::Issue, Some(Op::Read)) => {
                self.reads.push((event.seq, disk, event.sector..event.sector + event.sectors));
            }
            (Kind::Issue, Some(Op::Flush)) if disk == Disk::Ssd => {
                self.flushes.push((event.request, event.seq));
            }
            (Kind::Complete, Some(Op::Flush)) if disk == Disk::Ssd => self.take_flush(event),
            (Kind::Complete, Some(Op::Write)) if disk == Disk::Ssd => {
                let failed = event.error != 0;
                if !failed {
                    self.ssd_writes.push((event.seq, event.sector..event.sector + event.sectors));
                }
                let Some(payload) = rig.payload(event.request) else { return };
                self.take_stamps(event, &payload);
                if failed {
                    return;
                }
                match recognise(layout::SET_MAGIC, event.sector, &payload) {
                    Written::Journal(entry) => self.entries.push(Entry {
                        at: event.seq,
                        durable: event.fua,
                        seq: entry.seq,
                        last_seq: entry.last_seq,
                        keys: entry.keys,
                    }),
                    Written::Node(node) if node.may_be_leaf() => {
                        self.sets.push(Set { at: event.seq, keys: node.keys });
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn take_flush(&mut self, event: &Event) {
        let Some(at) = self.flushes.iter().position(|(request, _)| *request == event.request)
        else {
            return;
        };
        let (_, issued) = self.flushes.swap_remove(at);
        if event.error == 0 {
            for entry in self.entries.iter_mut().filter(|entry| entry.at < issued) {
                entry.durable = true;
            }
        }
    }

    fn take_stamps(&mut self, event: &Event, payload: &[u8]) {
        for (seq, home, at) in stamps(payload) {
            let sector = event.sector + at;
            match self.cache_writes.last_mut() {
                Some(last)
                    if (last.at, last.seq, last.place.end, last.end())
                        == (event.seq, seq, sector, home) =>
                {
                    last.place.end += 1;
                }
                _ => self.cache_writes.push(CacheWrite {
                    at: event.seq,
                    seq,
                    first: home,
                    place: sector..sector + 1,
                    failed: event.error != 0,
                }),
            }
        }
    }

    /// Writes to the SSD that carried data of write `seq`: sectors that are
    /// there, and writes that failed.
    pub fn cached(&mut self, rig: &Rig, seq: u64) -> (u64, u64) {
        self.update(rig);
        let ours = || self.cache_writes.iter().filter(|write| write.seq == seq);
        let there = ours().filter(|write| !write.failed);
        let sectors = there.map(|write| write.place.end - write.place.start).sum();
        (sectors, ours().filter(|write| write.failed).count() as u64)
    }

    /// The event at which the last of the SSD's sectors with data of write `seq`
    /// to `block` had been written with something else.
    pub fn evicted(&mut self, rig: &Rig, seq: u64, block: wire::Extent) -> Option<u64> {
        self.update(rig);
        let wanted = block.sector..block.sector + u64::from(block.sectors);
        let ours = self.cache_writes.iter().filter(|write| write.seq == seq && !write.failed);
        let parts = ours.filter_map(|write| Some((write.at, write.place_of(&wanted)?)));
        let replaced = parts.map(|(written, part)| {
            let over = |(at, place): &&(u64, Range<u64>)| {
                *at > written && place.start < part.end && part.start < place.end
            };
            self.ssd_writes.iter().find(over).map(|(at, _)| *at)
        });
        replaced.collect::<Option<Vec<u64>>>()?.into_iter().max()
    }

    /// A test for payloads of SSD writes: does this one carry data of `block`?
    pub fn carries(block: wire::Extent) -> impl Fn(&[u8]) -> bool + Send + 'static {
        let wanted = block.sector..block.sector + u64::from(block.sectors);
        move |payload| stamps(payload).any(|(_, sector, _)| wanted.contains(&sector))
    }

    /// A test for payloads of SSD writes: are these priorities of buckets?
    pub fn is_priorities(payload: &[u8]) -> bool {
        matches!(
            recognise(layout::SET_MAGIC, JOURNAL_ANYWHERE, payload),
            Written::Priorities { .. }
        )
    }

    /// Which disk a read of `block`, submitted after event `since`, came from.
    /// A read of the backing device says so itself; of the SSD only the fact
    /// that it was read is known, so no other read may be under way.
    pub fn reads_since(&mut self, rig: &Rig, since: u64, block: wire::Extent) -> Option<Disk> {
        self.update(rig);
        let wanted = on_backing(block);
        let mut ssd = false;
        for (_, disk, range) in self.reads.iter().filter(|(at, ..)| *at > since) {
            match disk {
                Disk::Hdd if range.start < wanted.end && wanted.start < range.end => {
                    return Some(Disk::Hdd);
                }
                Disk::Hdd => {}
                Disk::Ssd => ssd = true,
            }
        }
        ssd.then_some(Disk::Ssd)
    }

    /// Ranges of the bcache device (first sector and end) that were ever read from
    /// the backing device.
    pub fn read_from_backing(&mut self, rig: &Rig) -> Vec<(u64, u64)> {
        self.update(rig);
        let shift = |sector: u64| sector.saturating_sub(layout::DATA_OFFSET);
        let backing = self.reads.iter().filter(|(_, disk, _)| *disk == Disk::Hdd);
        backing.map(|(_, _, range)| (shift(range.start), shift(range.end))).collect()
    }

    /// A test for payloads of SSD writes: does this one journal an invalidation
    /// of `block`?
    pub fn invalidates(block: wire::Extent) -> impl Fn(&[u8]) -> bool + Send + 'static {
        let wanted = on_backing(block);
        move |payload| match recognise(layout::SET_MAGIC, JOURNAL_ANYWHERE, payload) {
            Written::Journal(entry) => {
                entry.keys.iter().any(|key| key.pointers.is_empty() && overlaps(key, &wanted))
            }
            _ => false,
        }
    }

    /// Sequence number of the newest journal entry since event `since` with an
    /// invalidation of `block`; it may not be durable yet.
    pub fn invalidation_of(&mut self, rig: &Rig, block: wire::Extent, since: u64) -> Option<u64> {
        self.entry_with(rig, block, since, |_, key| key.pointers.is_empty())
    }

    /// The same, of durable entries.
    pub fn durable_invalidation_of(
        &mut self,
        rig: &Rig,
        block: wire::Extent,
        since: u64,
    ) -> Option<u64> {
        self.entry_with(rig, block, since, |entry, key| entry.durable && key.pointers.is_empty())
    }

    /// The same, with any key of `block`.
    pub fn durable_key_of(&mut self, rig: &Rig, block: wire::Extent, since: u64) -> Option<u64> {
        self.entry_with(rig, block, since, |entry, _| entry.durable)
    }

    fn entry_with(
        &mut self,
        rig: &Rig,
        block: wire::Extent,
        since: u64,
        wanted: fn(&Entry, &Key) -> bool,
    ) -> Option<u64> {
        self.update(rig);
        let range = on_backing(block);
        let mut entries = self.entries.iter().rev().filter(|entry| entry.at > since);
        let hit = |entry: &&Entry| {
            entry.keys.iter().any(|key| overlaps(key, &range) && wanted(entry, key))
        };
        entries.find(hit).map(|entry| entry.seq)
    }

    /// A btree set written since event `since`; with `holding`, only once any
    /// set so far holds a key with pointers for that block.
    pub fn leaf_since(
        &mut self,
        rig: &Rig,
        since: u64,
        holding: Option<wire::Extent>,
    ) -> Option<String> {
        self.update(rig);
        let written = self.sets.iter().rev().find(|set| set.at > since)?;
        let what = format!("a set of {} keys at event {}", written.keys.len(), written.at);
        let Some(block) = holding else { return Some(what) };
        let wanted = on_backing(block);
        let hit = |key: &Key| !key.pointers.is_empty() && overlaps(key, &wanted);
        let holds = self.sets.iter().find(|set| set.keys.iter().any(hit))?;
        Some(format!("{what}; the block's key is in the set at event {}", holds.at))
    }

    /// Whether the newest leaf, rewritten whole, holds a key of `beside` and none of
    /// `at`, whose last key with pointers is in a journal entry that a replay
    /// would still read.
    pub fn dropped(
        &mut self,
        rig: &Rig,
        at: wire::Extent,
        beside: wire::Extent,
    ) -> Result<String, String> {
        self.update(rig);
        let (lost, stays) = (on_backing(at), on_backing(beside));
        let cached = |keys: &[Key], block: &Range<u64>| {
            keys.iter().any(|key| !key.pointers.is_empty() && overlaps(key, block))
        };
        let entry = self.entries.iter().rev().find(|entry| cached(&entry.keys, &lost));
        let entry = entry.ok_or("no journal entry has ever had its key")?;
        let leaf = self.sets.iter().rev().find(|set| cached(&set.keys, &stays));
        let leaf = leaf.filter(|leaf| leaf.at > entry.at).ok_or("no leaf was rewritten")?;
        if leaf.keys.iter().any(|key| overlaps(key, &lost)) {
            return Err("the leaf has its key".to_owned());
        }
        let newest = self.entries.last().filter(|newest| newest.at > leaf.at);
        let newest = newest.ok_or("nothing was journaled after the leaf")?;
        if newest.last_seq > entry.seq {
            return Err(format!(
                "entry {} has last_seq {}, its key was in entry {}",
                newest.seq, newest.last_seq, entry.seq
            ));
        }
        Ok(format!(
            "the leaf at event {} has {} keys and none of it; entry {} has last_seq {}, and entry \
             {} its key",
            leaf.at,
            leaf.keys.len(),
            newest.seq,
            newest.last_seq,
            entry.seq
        ))
    }

    /// Whether the newest entry has let go of entry `seq`, `more` entries after
    /// event `since`; the newest entry's numbers in words.
    pub fn journal_past(&mut self, rig: &Rig, seq: u64, since: u64, more: usize) -> Option<String> {
        self.update(rig);
        let later = self.entries.iter().filter(|entry| entry.at > since).count();
        let newest = self.entries.last()?;
        (later >= more && newest.last_seq > seq).then(|| {
            format!(
                "entry {} has last_seq {}, the invalidation was in entry {seq}",
                newest.seq, newest.last_seq
            )
        })
    }
}
