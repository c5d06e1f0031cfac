// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts from the disks' events, while the load goes on: misses, bypass
//! writes, and misses that overlapped a write in flight.
//!
//! Events and payloads are followed as they come, with bounded memory, so a
//! soak of hours costs no more than a second of load.

use scenario::layout::{DATA_OFFSET, SET_MAGIC};
use std::collections::HashMap;
use std::ops::Range;
use vdisk::bcache_format::{Key, Written, recognise};
use vdisk::{Event, Kind, Op, Rig};

/// Journal entries are known by their magic number, wherever they are.
const ANYWHERE: u64 = u64::MAX;

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

/// Follows a rig's events.
#[derive(Debug, Default)]
pub struct Flight {
    next: u64,
    on_the_way: HashMap<u64, (Op, Range<u64>)>,
    /// Discards whose key has not been seen, by range: how many.
    keyless: HashMap<Range<u64>, u64>,
    /// The sum so far.
    pub counts: Counts,
}

impl Flight {
    /// From now on.
    pub fn new(rig: &Rig) -> Self {
        Self { next: rig.now() + 1, ..Self::default() }
    }

    /// The same sums, without what has happened since the last call.
    pub fn starting_now(&self, rig: &Rig) -> Self {
        Self { counts: self.counts, ..Self::new(rig) }
    }

    /// Looks at what has happened since the last call. Call it often: the rig
    /// keeps some 260,000 events and 32 MiB of payload.
    pub fn update(&mut self, rig: &Rig) {
        for event in rig.events_since(self.next) {
            self.counts.unseen += event.seq - self.next;
            self.next = event.seq + 1;
            let payload = journal_candidate(&event).then(|| rig.payload(event.request)).flatten();
            self.take(&event, payload.as_ref().map(|data| data.as_slice()));
        }
    }

    fn take(&mut self, event: &Event, payload: Option<&[u8]>) {
        if matches!(event.kind, Kind::Cut(_) | Kind::Restore) {
            // Whatever was on its way is gone.
            self.on_the_way.clear();
            self.keyless.clear();
        }
        let Some(op) = event.op else { return };
        let range = event.sector..event.sector + event.sectors;
        let users = range.start >= DATA_OFFSET;
        let counts = &mut self.counts;
        match (&*event.disk, &event.kind, op) {
            ("ssd", Kind::Media, Op::Read) => counts.cache_sectors += event.sectors,
            ("ssd", Kind::Complete, Op::Write) => {
                if let Some(Written::Journal(entry)) =
                    payload.map(|data| recognise(SET_MAGIC, ANYWHERE, data))
                {
                    self.take_keys(&entry.keys);
                }
            }
            ("hdd", Kind::Media, Op::Read) if users => {
                counts.misses += 1;
                counts.missed_sectors += event.sectors;
                let beside = self
                    .on_the_way
                    .values()
                    .filter(|(_, write)| write.start < range.end && range.start < write.end);
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
}

impl Flight {
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

/// A finished write to the cache device: only its payload tells what it is.
fn journal_candidate(event: &Event) -> bool {
    event.kind == Kind::Complete
        && event.op == Some(Op::Write)
        && event.error == 0
        && &*event.disk == "ssd"
}

#[cfg(test)]
mod tests {
    use super::*;
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

    fn counts(events: &[Event]) -> Counts {
        let mut flight = Flight { next: 1, ..Flight::default() };
        events.iter().for_each(|event| flight.take(event, None));
        flight.counts
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
        let mut flight = Flight { next: 1, ..Flight::default() };
        flight.take(&event("hdd", Kind::Issue, 1, Op::Trim, 100), None);
        flight.take(&event("hdd", Kind::Media, 2, Op::Read, 104), None);
        flight.take(&event("hdd", Kind::Issue, 3, Op::Write, 200), None);
        flight.take(&event("hdd", Kind::Media, 4, Op::Read, 200), None);
        assert_eq!((flight.counts.overlapped, flight.counts.overlapped_discards), (2, 1));
        flight.take_keys(&journaled(200..208));
        flight.take_keys(&journaled(100..104));
        assert_eq!((flight.counts.invalidations, flight.counts.discard_keys), (2, 0));
        flight.take_keys(&journaled(100..108));
        flight.take_keys(&journaled(100..108));
        assert_eq!((flight.counts.invalidations, flight.counts.discard_keys), (4, 1));
        assert_eq!(flight.counts.discards, 1);
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
