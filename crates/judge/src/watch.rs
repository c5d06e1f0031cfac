// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the disks saw: which journal entries and btree sets reached the SSD,
//! and which disk served a read.
//!
//! The opportunity of a scenario rests on this, not on what the guest says.

use crate::decode::{
    ANYWHERE, Devices, Seen, Stamped, Written, begins_with_priorities, concerns, disk, on_backing,
    on_bcache, overlap,
};
use scenario::Disk;
use std::ops::Range;
use vdisk::bcache_format::Key;
use vdisk::{Event, Kind, Op};
use wire::{Extent, volume};

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
    data: Stamped,
    /// Whether the write failed, and so they are not there.
    failed: bool,
}

impl CacheWrite {
    /// Where on the SSD those among `wanted` are.
    fn place_of(&self, wanted: &Range<u64>) -> Option<Range<u64>> {
        let ours = self.data.range();
        let (first, end) = (ours.start.max(wanted.start), ours.end.min(wanted.end));
        let place = |sector| self.data.place.start + (sector - ours.start);
        (first < end).then(|| place(first)..place(end))
    }
}

/// What the disks' events have shown so far.
#[derive(Debug, Default)]
pub struct Watch {
    entries: Vec<Entry>,
    sets: Vec<Set>,
    cache_writes: Vec<CacheWrite>,
    /// Flushes of the SSD under way: request, and the event of its issue.
    flushes: Vec<(u64, u64)>,
    /// Places on the SSD that were written, with the event.
    ssd_writes: Vec<(u64, Range<u64>)>,
    reads: Vec<(u64, Disk, Range<u64>)>,
}

impl Watch {
    /// Whether an event's payload is wanted.
    #[must_use]
    pub fn wants(event: &Event) -> bool {
        event.kind == Kind::Complete && event.op == Some(Op::Write) && disk(event) == Disk::Ssd
    }

    /// Looks at the next event.
    pub fn take(&mut self, seen: &Seen) {
        let (event, disk) = (&seen.event, disk(&seen.event));
        match (&event.kind, event.op) {
            // The lab's own reads, which bring replies: see `Session::answer`.
            (Kind::Issue, Some(Op::Read)) if volume::within(event.sector) < NUDGE.end => {}
            (Kind::Issue, Some(Op::Read)) => self.reads.push((event.seq, disk, seen.sectors())),
            (Kind::Issue, Some(Op::Flush)) if disk == Disk::Ssd => {
                self.flushes.push((event.request, event.seq));
            }
            (Kind::Complete, Some(Op::Flush)) if disk == Disk::Ssd => self.take_flush(event),
            (Kind::Complete, Some(Op::Write)) if disk == Disk::Ssd => self.take_write(seen),
            _ => {}
        }
    }

    fn take_write(&mut self, seen: &Seen) {
        let (event, failed) = (&seen.event, seen.event.error != 0);
        if !failed {
            self.ssd_writes.push((event.seq, seen.sectors()));
        }
        match &seen.written {
            Some(Written::Data(stamps)) => {
                let write =
                    |data: &Stamped| CacheWrite { at: event.seq, data: data.clone(), failed };
                self.cache_writes.extend(stamps.iter().map(write));
            }
            Some(Written::Journal { seq, last_seq, keys }) if !failed => self.entries.push(Entry {
                at: event.seq,
                durable: event.fua,
                seq: *seq,
                last_seq: *last_seq,
                keys: keys.clone(),
            }),
            // Keys of inner nodes point at whole buckets and have no size.
            Some(Written::Set { keys }) if !failed && keys.iter().any(|key| key.sectors > 0) => {
                self.sets.push(Set { at: event.seq, keys: keys.clone() });
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

    /// Writes to the SSD that carried data of write `seq`: sectors that are
    /// there, and writes that failed.
    pub fn cached(&self, seq: u64) -> (u64, u64) {
        let ours = || self.cache_writes.iter().filter(|write| write.data.seq == seq);
        let there = ours().filter(|write| !write.failed);
        let sectors = there.map(|write| write.data.place.end - write.data.place.start).sum();
        (sectors, ours().filter(|write| write.failed).count() as u64)
    }

    /// The SSD's sectors with the newest data of `block` that were written there.
    pub fn newest_copy(&self, block: Extent) -> Option<Range<u64>> {
        let wanted = block.range();
        let mut there = self.cache_writes.iter().rev().filter(|write| !write.failed);
        there.find_map(|write| write.place_of(&wanted))
    }

    /// The event at which the last of the SSD's sectors with data of write `seq`
    /// to `block` had been written with something else.
    pub fn evicted(&self, seq: u64, block: Extent) -> Option<u64> {
        let wanted = block.range();
        let ours = self.cache_writes.iter().filter(|write| write.data.seq == seq && !write.failed);
        let parts = ours.filter_map(|write| Some((write.at, write.place_of(&wanted)?)));
        let replaced = parts.map(|(written, part)| {
            let over = |(at, place): &&(u64, Range<u64>)| *at > written && overlap(place, &part);
            self.ssd_writes.iter().find(over).map(|(at, _)| *at)
        });
        replaced.collect::<Option<Vec<u64>>>()?.into_iter().max()
    }

    /// A test for payloads of SSD writes: does this one carry data of `block`?
    pub fn carries(block: Extent) -> impl Fn(&[u8]) -> bool + Send + 'static {
        let wanted = block.range();
        move |payload| match Written::of(Disk::Ssd, ANYWHERE, payload, Devices::default()) {
            Written::Data(stamps) => stamps.iter().any(|data| overlap(&data.range(), &wanted)),
            _ => false,
        }
    }

    /// A test for payloads of SSD writes: is this a btree set with a key of `block`
    /// that has pointers?
    pub fn caches(block: Extent, devices: Devices) -> impl Fn(&[u8]) -> bool + Send + 'static {
        let wanted = on_backing(block);
        move |payload| match Written::of(Disk::Ssd, ANYWHERE, payload, devices) {
            Written::Set { keys } => {
                keys.iter().any(|key| !key.pointers.is_empty() && concerns(key, &wanted))
            }
            _ => false,
        }
    }

    /// A test for payloads of SSD writes: are these priorities of buckets?
    pub fn is_priorities(payload: &[u8]) -> bool {
        begins_with_priorities(payload)
    }

    /// Which disk a read of `block`, submitted after event `since`, came from.
    /// A read of the backing device says so itself; of the SSD only the fact
    /// that it was read is known, so no other read may be under way.
    pub fn reads_since(&self, since: u64, block: Extent) -> Option<Disk> {
        let wanted = on_backing(block);
        let mut ssd = false;
        for (_, disk, range) in self.reads.iter().filter(|(at, ..)| *at > since) {
            match disk {
                Disk::Ssd => ssd = true,
                _ if overlap(range, &wanted) => return Some(Disk::Hdd),
                _ => {}
            }
        }
        ssd.then_some(Disk::Ssd)
    }

    /// Ranges of the bcache device (first sector and end) that were ever read from
    /// the backing device.
    pub fn read_from_backing(&self) -> Vec<(u64, u64)> {
        let backing = self.reads.iter().filter(|(_, disk, _)| *disk != Disk::Ssd);
        let ranges = backing.map(|(_, _, range)| on_bcache(range.clone()));
        ranges.map(|range| (range.start, range.end)).collect()
    }

    /// A test for payloads of SSD writes: does this one journal an invalidation
    /// of `block`?
    pub fn invalidates(block: Extent, devices: Devices) -> impl Fn(&[u8]) -> bool + Send + 'static {
        let wanted = on_backing(block);
        move |payload| match Written::of(Disk::Ssd, ANYWHERE, payload, devices) {
            Written::Journal { keys, .. } => {
                keys.iter().any(|key| key.pointers.is_empty() && concerns(key, &wanted))
            }
            _ => false,
        }
    }

    /// Sequence number of the newest journal entry since event `since` with an
    /// invalidation of `block`; it may not be durable yet.
    pub fn invalidation_of(&self, block: Extent, since: u64) -> Option<u64> {
        self.entry_with(block, since, |_, key| key.pointers.is_empty())
    }

    /// The same, with any key of `block`.
    pub fn key_of(&self, block: Extent, since: u64) -> Option<u64> {
        self.entry_with(block, since, |_, _| true)
    }

    /// [`Self::invalidation_of`], of durable entries.
    pub fn durable_invalidation_of(&self, block: Extent, since: u64) -> Option<u64> {
        self.entry_with(block, since, |entry, key| entry.durable && key.pointers.is_empty())
    }

    /// [`Self::key_of`], of durable entries.
    pub fn durable_key_of(&self, block: Extent, since: u64) -> Option<u64> {
        self.entry_with(block, since, |entry, _| entry.durable)
    }

    fn entry_with(
        &self,
        block: Extent,
        since: u64,
        wanted: fn(&Entry, &Key) -> bool,
    ) -> Option<u64> {
        let range = on_backing(block);
        let mut entries = self.entries.iter().rev().filter(|entry| entry.at > since);
        let hit = |entry: &&Entry| {
            entry.keys.iter().any(|key| concerns(key, &range) && wanted(entry, key))
        };
        entries.find(hit).map(|entry| entry.seq)
    }

    /// A btree set written since event `since`; with `holding`, only once any
    /// set so far holds a key with pointers for that block.
    pub fn leaf_since(&self, since: u64, holding: Option<Extent>) -> Option<String> {
        let written = self.sets.iter().rev().find(|set| set.at > since)?;
        let what = format!("a set of {} keys at event {}", written.keys.len(), written.at);
        let Some(block) = holding else { return Some(what) };
        let wanted = on_backing(block);
        let hit = |key: &Key| !key.pointers.is_empty() && concerns(key, &wanted);
        let holds = self.sets.iter().find(|set| set.keys.iter().any(hit))?;
        Some(format!("{what}; the block's key is in the set at event {}", holds.at))
    }

    /// Whether the newest leaf, rewritten whole, holds a key of `beside` and none of
    /// `at`, whose last key with pointers is in a journal entry that a replay
    /// would still read.
    pub fn dropped(&self, at: Extent, beside: Extent) -> Result<String, String> {
        let (lost, stays) = (on_backing(at), on_backing(beside));
        let cached = |keys: &[Key], block: &Range<u64>| {
            keys.iter().any(|key| !key.pointers.is_empty() && concerns(key, block))
        };
        let entry = self.entries.iter().rev().find(|entry| cached(&entry.keys, &lost));
        let entry = entry.ok_or("no journal entry has ever had its key")?;
        let leaf = self.sets.iter().rev().find(|set| cached(&set.keys, &stays));
        let leaf = leaf.filter(|leaf| leaf.at > entry.at).ok_or("no leaf was rewritten")?;
        if leaf.keys.iter().any(|key| concerns(key, &lost)) {
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
    pub fn journal_past(&self, seq: u64, since: u64, more: usize) -> Option<String> {
        let later = self.entries.iter().filter(|entry| entry.at > since).count();
        let newest = self.entries.last()?;
        (later >= more && newest.last_seq > seq).then(|| {
            format!(
                "entry {} has last_seq {}, the key was in entry {seq}",
                newest.seq, newest.last_seq
            )
        })
    }
}
