// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts from the disks' events, while the load goes on: misses, bypass
//! writes, and misses that overlapped a write in tally.
//!
//! Events are taken as they come, with bounded memory, so a soak of hours costs
//! no more than a second of load.

use crate::decode::{Seen, Written, disk, overlap};
use scenario::Disk;
use scenario::layout::DATA_OFFSET;
use std::collections::HashMap;
use std::ops::Range;
use vdisk::bcache_format::Key;
use vdisk::{Event, Kind, Op};

/// What the disks saw of a load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Reads of the user's sectors on the backing device.
    pub misses: u64,
    /// Their length, in 512 B sectors.
    pub missed_sectors: u64,
    /// Misses that took their data while a write or discard of the same
    /// sectors was issued and had not reached the media: they got the old
    /// data, and could have planted a stale key.
    pub overlapped: u64,
    /// Writes and discards of the user's sectors on the backing device.
    pub backing_writes: u64,
    /// Keys without pointers in journal entries: one for each write that
    /// bypassed the cache (`bch_data_invalidate`; a write of more than 16 MiB
    /// makes several).
    pub invalidations: u64,
    /// Discards of the user's sectors on the backing device.
    pub discards: u64,
    /// Those of `invalidations` that cover exactly what a discard did.
    pub discard_keys: u64,
    /// Those of `overlapped` where a discard was on its way.
    pub overlapped_discards: u64,
    /// Sectors read from the cache device.
    pub cache_sectors: u64,
    /// Events that were forgotten before they could be looked at.
    pub unseen: u64,
}

/// The counts, and what they wait for.
#[derive(Debug, Default)]
pub struct Tally {
    on_the_way: HashMap<u64, (Op, Range<u64>)>,
    /// Discards whose key has not been seen, by range: how many.
    keyless: HashMap<Range<u64>, u64>,
    /// The sum so far.
    pub counts: Counts,
}

impl Tally {
    /// The same sums; whatever was on its way is gone.
    pub fn begin_anew(&mut self) {
        *self = Self { counts: self.counts, ..Self::default() };
    }

    /// Whether an event's payload is wanted: only it tells what a finished
    /// write to the cache device is.
    #[must_use]
    pub fn wants(event: &Event) -> bool {
        let finished = event.kind == Kind::Complete && event.error == 0;
        finished && event.op == Some(Op::Write) && disk(event) == Disk::Ssd
    }

    /// Looks at the next event.
    pub fn take(&mut self, seen: &Seen) {
        let event = &seen.event;
        self.counts.unseen += seen.missed;
        if matches!(event.kind, Kind::Cut(_) | Kind::Restore) {
            self.begin_anew();
        }
        let Some(op) = event.op else { return };
        let range = seen.sectors();
        let users = range.start >= DATA_OFFSET;
        let counts = &mut self.counts;
        match (&*event.disk, &event.kind, op) {
            ("ssd", Kind::Media, Op::Read) => counts.cache_sectors += event.sectors,
            ("ssd", Kind::Complete, Op::Write) => {
                if let Some(Written::Journal { keys, .. }) = &seen.written {
                    self.take_keys(keys);
                }
            }
            ("hdd", Kind::Media, Op::Read) if users => {
                counts.misses += 1;
                counts.missed_sectors += event.sectors;
                let beside = self.on_the_way.values().filter(|(_, write)| overlap(write, &range));
                let mut ops = beside.map(|(op, _)| *op).peekable();
                counts.overlapped += u64::from(ops.peek().is_some());
                counts.overlapped_discards += u64::from(ops.any(|op| op == Op::Trim));
            }
            ("hdd", Kind::Issue, op) if users && op.changes() => {
                counts.backing_writes += 1;
                if op == Op::Trim {
                    counts.discards += 1;
                    *self.keyless.entry(range.clone()).or_default() += 1;
                }
                self.on_the_way.insert(event.request, (op, range));
            }
            ("hdd", Kind::Media | Kind::Complete, op) if op.changes() => {
                self.on_the_way.remove(&event.request);
            }
            _ => {}
        }
    }

    /// Keys of a journal entry: those without pointers are invalidations.
    fn take_keys(&mut self, keys: &[Key]) {
        for key in keys.iter().filter(|key| key.pointers.is_empty()) {
            self.counts.invalidations += 1;
            if let Some(left) = self.keyless.get_mut(&(key.start()..key.end))
                && *left > 0
            {
                *left -= 1;
                self.counts.discard_keys += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Devices;
    use std::sync::Arc;

    fn event(disk: &str, kind: Kind, request: u64, op: Op, sector: u64) -> Event {
        Event {
            seq: 1,
            at_ns: 0,
            disk: Arc::from(disk),
            kind,
            request,
            op: Some(op),
            sector,
            sectors: 8,
            fua: false,
            content: 0,
            error: 0,
        }
    }

    fn seen(event: Event) -> Seen {
        Seen::new(event, None, Devices::default())
    }

    fn counts(events: &[Event]) -> Counts {
        let mut tally = Tally::default();
        events.iter().for_each(|event| tally.take(&seen(event.clone())));
        tally.counts
    }

    #[test]
    fn a_miss_between_issue_and_media_of_a_write_is_an_opportunity() {
        let write = |kind| event("hdd", kind, 1, Op::Write, 100);
        let read = event("hdd", Kind::Media, 2, Op::Read, 104);
        let inside = counts(&[write(Kind::Issue), read.clone(), write(Kind::Media)]);
        assert_eq!((inside.misses, inside.overlapped, inside.backing_writes), (1, 1, 1));
        let after = counts(&[write(Kind::Issue), write(Kind::Media), read.clone()]);
        assert_eq!((after.misses, after.overlapped), (1, 0));
        let before = counts(&[read, write(Kind::Issue)]);
        assert_eq!((before.misses, before.overlapped), (1, 0));
    }

    #[test]
    fn neighbours_other_disks_and_the_superblock_do_not_count() {
        let write = event("hdd", Kind::Issue, 1, Op::Write, 100);
        let beside = event("hdd", Kind::Media, 2, Op::Read, 108);
        let cache = event("ssd", Kind::Media, 3, Op::Read, 100);
        let superblock = event("hdd", Kind::Media, 4, Op::Read, 8);
        let seen = counts(&[write, beside, cache, superblock]);
        assert_eq!((seen.misses, seen.overlapped, seen.cache_sectors), (1, 0, 8));
    }

    /// A journal entry with one key without pointers over the range.
    fn journaled(range: Range<u64>) -> Vec<Key> {
        let sectors = range.end - range.start;
        vec![Key { inode: 0, end: range.end, sectors, dirty: false, pointers: Vec::new() }]
    }

    #[test]
    fn keys_of_discards_are_told_from_keys_of_writes() {
        let mut tally = Tally::default();
        tally.take(&seen(event("hdd", Kind::Issue, 1, Op::Trim, 100)));
        tally.take(&seen(event("hdd", Kind::Media, 2, Op::Read, 104)));
        tally.take(&seen(event("hdd", Kind::Issue, 3, Op::Write, 200)));
        tally.take(&seen(event("hdd", Kind::Media, 4, Op::Read, 200)));
        assert_eq!((tally.counts.overlapped, tally.counts.overlapped_discards), (2, 1));
        tally.take_keys(&journaled(200..208));
        tally.take_keys(&journaled(100..104));
        assert_eq!((tally.counts.invalidations, tally.counts.discard_keys), (2, 0));
        tally.take_keys(&journaled(100..108));
        tally.take_keys(&journaled(100..108));
        assert_eq!((tally.counts.invalidations, tally.counts.discard_keys), (4, 1));
        assert_eq!(tally.counts.discards, 1);
    }

    #[test]
    fn a_cut_ends_what_was_on_its_way() {
        let mut cut = event("", Kind::Cut(vdisk::CutKind::Power), 0, Op::Flush, 0);
        cut.op = None;
        let write = event("hdd", Kind::Issue, 1, Op::Trim, 100);
        let read = event("hdd", Kind::Media, 2, Op::Read, 100);
        assert_eq!(counts(&[write.clone(), read.clone()]).overlapped, 1);
        assert_eq!(counts(&[write, cut, read]).overlapped, 0);
    }
}
