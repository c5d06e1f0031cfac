// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every cause, provoked, and what must not be taken for it.

use super::*;
use crate::decode::tests::journal_of;
use scenario::layout::SET_MAGIC;
use std::sync::Arc;
use vdisk::CutKind;
use vdisk::bcache_format::BSET_MAGIC;

/// On the backing device, and where the cache has it.
const AT: u64 = 100;
const PLACE: u64 = 4096;

/// One sector full of `fill`.
fn sector(fill: u8) -> Vec<u8> {
    vec![fill; SECTOR]
}

/// A journal entry with one key of the first device.
fn journal(seq: u64, key: Range<u64>) -> Vec<u8> {
    journal_of(seq, 0, key)
}

/// The same with a key of dirty data at `place` of the cache device.
fn journal_dirty(seq: u64, key: Range<u64>, place: u64) -> Vec<u8> {
    const DIRTY: u64 = 1 << 36;
    const ONE_POINTER: u64 = 1 << 60;
    let mut bytes = journal(seq, key.clone());
    let mut put = |at: usize, word: u64| bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
    put(24, 2 | 3 << 32);
    put(240, (key.end - key.start) << 20 | DIRTY | ONE_POINTER);
    put(256, place << 8);
    bytes
}

/// A ledger that is told events by hand.
struct Life {
    ledger: Ledger,
    requests: u64,
    events: u64,
    cut: CutReport,
    ssd: Media,
}

impl Life {
    fn new() -> Self {
        let cut =
            CutReport { at_event: 0, kind: CutKind::Power, lost: Vec::new(), kept: Vec::new() };
        let (ledger, ssd) = (Ledger::default(), Media::default());
        Self { ledger, requests: 0, events: 0, cut, ssd }
    }

    fn event(&mut self, disk: &str, kind: Kind, request: u64, first: u64, payload: &[u8]) {
        self.events += 1;
        let event = Event {
            seq: self.events,
            at_ns: 0,
            disk: Arc::from(disk),
            kind,
            request,
            op: Some(Op::Write),
            sector: first,
            sectors: (payload.len() / SECTOR) as u64,
            fua: false,
            content: 0,
            error: 0,
        };
        self.ledger.take(&Seen::new(event, Some(Arc::new(payload.to_vec())), Devices::default()));
    }

    /// A write is issued; its request.
    fn issue(&mut self, disk: &str, first: u64, payload: &[u8]) -> u64 {
        self.requests += 1;
        self.event(disk, Kind::Issue, self.requests, first, payload);
        self.requests
    }

    /// A write that takes effect; its request.
    fn write(&mut self, disk: &str, first: u64, payload: &[u8]) -> u64 {
        let request = self.issue(disk, first, payload);
        self.event(disk, Kind::Media, request, first, payload);
        if disk == "ssd" {
            self.ssd.write(first, payload);
        }
        request
    }

    fn lose(&mut self, disk: &str, request: u64, range: Range<u64>, kept: Option<Range<u64>>) {
        self.cut.lost.push(Survival {
            disk: disk.to_owned(),
            request,
            sector: kept.as_ref().map_or(range.start, |kept| kept.start.min(range.start)),
            sectors: range.end - range.start,
            applied: true,
            acknowledged: true,
            kept: kept.into_iter().collect(),
            lost: vec![range],
        });
    }

    fn cause(&self, front: &[u8], back: &[u8], passes: usize) -> Cause {
        let mismatch = Mismatch { sector: AT, place: Some(PLACE), front, back };
        self.ledger.explain(mismatch, &self.cut, &self.ssd, passes)
    }
}

#[test]
fn a_newer_cache_is_explained_only_by_a_write_that_the_disk_lost() {
    let mut life = Life::new();
    let request = life.write("hdd", AT, &sector(1));
    assert_eq!(life.cause(&sector(1), &sector(0), 1), Cause::Unknown, "nothing was lost");
    life.lose("hdd", request, AT + 1..AT + 2, None);
    assert_eq!(life.cause(&sector(1), &sector(0), 1), Cause::Unknown, "another sector was");
    life.lose("hdd", request, AT..AT + 1, None);
    assert_eq!(life.cause(&sector(1), &sector(0), 1), Cause::DiskBehind);
    assert!(
        life.ledger
            .describe(
                Mismatch { sector: AT, place: Some(PLACE), front: &sector(1), back: &sector(0) },
                &life.cut,
                &life.ssd
            )
            .contains("the cache returns version 1 of 1, the disk holds version 0 of 1; 1 writes")
    );
}

#[test]
fn an_older_cache_is_explained_only_while_the_key_is_not_in_the_journal() {
    let mut life = Life::new();
    life.write("hdd", AT, &sector(1));
    assert_eq!(life.cause(&sector(0), &sector(1), 1), Cause::Unjournaled);
    // A key beside it changes nothing.
    life.write("ssd", 8, &journal(7, AT + 1..AT + 9));
    assert_eq!(life.cause(&sector(0), &sector(1), 1), Cause::Unjournaled);
    // On its way, and not on the disk after the cut.
    let key = journal(8, AT..AT + 8);
    life.issue("ssd", 10, &key);
    assert_eq!(life.cause(&sector(0), &sector(1), 1), Cause::Unjournaled);
    life.ssd.write(10, &key);
    assert_eq!(life.cause(&sector(0), &sector(1), 1), Cause::LateFill, "the race's mark");
    assert_eq!(life.cause(&sector(0), &sector(1), 2), Cause::Unjournaled, "of two-pass's two");
}

/// The key of an older write says nothing of the newer one's.
#[test]
fn keys_are_counted_against_writes() {
    let mut life = Life::new();
    life.write("hdd", AT, &sector(1));
    life.write("ssd", 8, &journal(1, AT..AT + 8));
    life.write("hdd", AT, &sector(2));
    assert_eq!(life.cause(&sector(1), &sector(2), 1), Cause::Unjournaled);
    assert_eq!(life.cause(&sector(0), &sector(2), 1), Cause::LateFill);
    // The place of an entry is used again; the newest alone can be missing.
    life.write("ssd", 8, &journal(2, AT..AT + 8));
    assert_eq!(life.cause(&sector(1), &sector(2), 1), Cause::LateFill);
}

/// Writeback: what counts is the content that the newest key left is of. Keys
/// are not versions: a block may be written three times and written back once.
#[test]
fn keys_of_cached_data_are_asked_what_they_are_of() {
    let mut life = Life::new();
    // Three writes to the cache, the last two written back. The key of the last
    // is on its way to the journal.
    for (seq, fill, place) in [(1, 1, 4096), (2, 2, 4104)] {
        life.write("ssd", place, &sector(fill));
        life.write("ssd", 4 + 4 * seq, &journal_dirty(seq, AT..AT + 1, place));
    }
    life.write("hdd", AT, &sector(2));
    life.write("ssd", 4112, &sector(3));
    let third = journal_dirty(3, AT..AT + 1, 4112);
    life.issue("ssd", 16, &third);
    life.write("hdd", AT, &sector(3));
    // Two keys for the first of two versions: the count would call it a late fill.
    assert_eq!(life.cause(&sector(2), &sector(3), 1), Cause::Unjournaled);
    // The newest key left is of other data than the cache returns.
    assert_eq!(life.cause(&sector(0), &sector(3), 1), Cause::LateFill);
    life.ssd.write(16, &third);
    assert_eq!(life.cause(&sector(2), &sector(3), 1), Cause::LateFill);
}

/// A key may be older than the events that are known: fewer keys than versions
/// are left then, and the newest still tells.
#[test]
fn few_keys_do_not_excuse_a_cache_older_than_the_newest_of_them() {
    let mut life = Life::new();
    life.write("hdd", AT, &sector(1));
    life.write("ssd", PLACE, &sector(2));
    life.write("ssd", 8, &journal_dirty(1, AT - 2..AT + 6, PLACE - 2));
    life.write("hdd", AT, &sector(2));
    // One key for version 1 of 2: the count would call it unjournaled.
    assert_eq!(life.cause(&sector(1), &sector(2), 1), Cause::LateFill);
    // A key whose data nobody saw being written explains nothing.
    life.write("ssd", 10, &journal_dirty(2, AT..AT + 1, 9000));
    assert_eq!(life.cause(&sector(1), &sector(2), 1), Cause::LateFill);
}

/// What the disk lost does not excuse a cache that has gone back behind a key
/// of newer data, which never came to the disk.
#[test]
fn a_lost_write_back_does_not_hide_a_key_that_is_passed_over() {
    let mut life = Life::new();
    life.write("ssd", PLACE, &sector(1));
    life.write("ssd", 8, &journal_dirty(1, AT..AT + 1, PLACE));
    let request = life.write("hdd", AT, &sector(1));
    life.lose("hdd", request, AT..AT + 1, None);
    assert_eq!(life.cause(&sector(1), &sector(0), 1), Cause::WritebackLost);
    life.write("ssd", 4200, &sector(2));
    let second = journal_dirty(2, AT..AT + 1, 4200);
    life.issue("ssd", 10, &second);
    assert_eq!(life.cause(&sector(1), &sector(0), 1), Cause::WritebackLost, "not yet there");
    life.ssd.write(10, &second);
    assert_eq!(life.cause(&sector(1), &sector(0), 1), Cause::LateFill);
}

#[test]
fn foreign_content_is_explained_only_by_data_that_the_cache_lost() {
    let mut life = Life::new();
    life.write("hdd", AT, &sector(1));
    let fill = life.write("ssd", PLACE, &sector(1));
    life.write("hdd", AT + 50, &sector(9));
    assert_eq!(life.cause(&sector(9), &sector(1), 1), Cause::Unknown, "another sector's");
    life.lose("ssd", fill, PLACE..PLACE + 1, None);
    assert_eq!(life.cause(&sector(9), &sector(1), 1), Cause::DanglingKey);
}

/// Writeback: the leaf with the key was durable, the data were not, and what was
/// there instead went down to the disk. A key in the journal is no such excuse:
/// a flush goes before each entry.
#[test]
fn data_lost_under_a_leaf_are_told_from_data_lost_under_the_journal() {
    let mut life = Life::new();
    life.write("hdd", AT, &sector(1));
    let second = life.write("ssd", PLACE, &sector(2));
    let dangling = |life: &Life| life.cause(&sector(9), &sector(9), 1);
    assert_eq!(dangling(&life), Cause::Unknown, "nothing was lost");
    life.lose("ssd", second, PLACE..PLACE + 1, None);
    assert_eq!(dangling(&life), Cause::DanglingKey);
    assert_eq!(life.cause(&sector(0), &sector(1), 1), Cause::DanglingKey, "old data of the place");
    life.write("ssd", 8, &journal_dirty(1, AT..AT + 1, PLACE));
    assert_eq!(dangling(&life), Cause::Unknown, "its key was in the journal");
}

#[test]
fn what_is_only_in_the_cache_was_on_its_way_to_the_disk() {
    let mut life = Life::new();
    life.write("ssd", PLACE, &sector(3));
    assert_eq!(life.cause(&sector(3), &sector(0), 1), Cause::DiskBehind);
}

#[test]
fn a_dirty_key_of_a_clean_device_is_unmarked() {
    const DIRTY: u64 = 1 << 36;
    let mut life = Life::new();
    life.write("ssd", PLACE, &sector(3));
    let mut entry = journal(1, AT..AT + 8);
    let word = (8 << 20) | DIRTY;
    entry[240..248].copy_from_slice(&u64::to_le_bytes(word));
    life.write("ssd", 8, &entry);
    assert_eq!(life.cause(&sector(3), &sector(0), 1), Cause::Unmarked);
    // Written back, and lost below: the key may be clean by then.
    let request = life.write("hdd", AT, &sector(3));
    assert_eq!(life.cause(&sector(3), &sector(0), 1), Cause::Unknown, "nothing was lost");
    life.lose("hdd", request, AT..AT + 1, None);
    assert_eq!(life.cause(&sector(3), &sector(0), 1), Cause::WritebackLost);
}

#[test]
fn two_writes_at_once_explain_nothing() {
    let mut life = Life::new();
    let first = life.issue("hdd", AT, &sector(1));
    life.write("hdd", AT, &sector(2));
    life.event("hdd", Kind::Media, first, AT, &sector(1));
    assert_eq!(life.cause(&sector(2), &sector(1), 1), Cause::Overlap);
}

#[test]
fn without_all_events_or_the_place_nothing_is_known() {
    let mut life = Life::new();
    life.write("hdd", AT, &sector(1));
    let nowhere = Mismatch { sector: AT, place: None, front: &sector(0), back: &sector(1) };
    assert_eq!(life.ledger.explain(nowhere, &life.cut, &life.ssd, 1), Cause::Unknown);
    life.ledger.missed = 1;
    assert_eq!(life.cause(&sector(0), &sector(1), 1), Cause::Unknown);
}

#[test]
fn a_torn_set_is_one_of_which_a_part_is_there() {
    let mut set = vec![0; 4 * SECTOR];
    set[8..16].copy_from_slice(&(BSET_MAGIC ^ SET_MAGIC).to_le_bytes());
    let mut life = Life::new();
    let (whole, gone) = (life.write("ssd", 64, &set), life.write("ssd", 128, &set));
    let torn = life.write("ssd", 256, &set);
    life.lose("ssd", gone, 128..132, None);
    assert!(life.ledger.torn_sets(&life.cut).is_empty());
    life.lose("ssd", torn, 257..260, Some(256..257));
    assert_eq!(life.ledger.torn_sets(&life.cut), [256]);
    assert_ne!(whole, torn);
}

#[test]
fn what_came_before_is_what_the_disk_held() {
    let event = |seq, disk: &str, kind, op, sector, sectors| Event {
        seq,
        at_ns: 0,
        disk: Arc::from(disk),
        kind,
        request: seq,
        op: Some(op),
        sector,
        sectors,
        fua: false,
        content: 0,
        error: 0,
    };
    let two = [sector(5), sector(6)].concat();
    let seen = |event, payload: &[u8]| {
        Seen::new(event, Some(Arc::new(payload.to_vec())), Devices::default())
    };
    let mut ledger = Ledger::new(10, Media::default());
    ledger.follow(&seen(event(1, "hdd", Kind::Media, Op::Write, AT, 2), &two));
    ledger.follow(&Seen::new(
        event(2, "hdd", Kind::Media, Op::Trim, AT + 1, 1),
        None,
        Devices::default(),
    ));
    for (disk, kind) in [("ssd", Kind::Media), ("hdd", Kind::Issue), ("hdd", Kind::Complete)] {
        ledger.follow(&seen(
            event(9, disk, kind, Op::Write, AT, 2),
            &[sector(7), sector(7)].concat(),
        ));
    }
    assert!(ledger.changes.is_empty() && ledger.data.is_empty());
    assert_eq!(ledger.before.read(AT..AT + 2), [sector(5), sector(0)].concat());
    ledger.follow(&seen(event(10, "hdd", Kind::Issue, Op::Write, AT, 1), &sector(8)));
    assert_eq!((ledger.changes.len(), ledger.since(), ledger.missed), (1, 10, 0));
    // A payload that is gone, and events before it.
    let missed = 3;
    let gone = event(14, "hdd", Kind::Issue, Op::Write, AT, 1);
    ledger.follow(&Seen { missed, ..Seen::new(gone, None, Devices::default()) });
    assert_eq!(ledger.missed, 4);
}

/// What the description says of the newest key that is left.
#[test]
fn a_sector_is_described_by_its_versions_and_keys() {
    let mut life = Life::new();
    life.write("hdd", AT, &sector(1));
    let told = |life: &Life, front: u8, back: u8| {
        let (front, back) = (sector(front), sector(back));
        let mismatch = Mismatch { sector: AT, place: Some(PLACE), front: &front, back: &back };
        life.ledger.describe(mismatch, &life.cut, &life.ssd)
    };
    assert_eq!(
        told(&life, 7, 1),
        "the cache returns no version of this sector, the disk holds version 1 of 1; 0 writes of \
         it were lost in the cut, 0 keys over it are in the journal"
    );
    life.write("ssd", 8, &journal(1, AT..AT + 8));
    assert!(
        told(&life, 0, 1)
            .ends_with("1 keys over it are in the journal, the newest an invalidation")
    );
    life.write("ssd", PLACE, &sector(2));
    life.write("ssd", 10, &journal_dirty(2, AT..AT + 1, PLACE));
    for (front, back, newest) in [
        (2, 1, "of what it returns"),
        (1, 2, "of what the disk holds"),
        (1, 1, "of something else"),
    ] {
        let told = told(&life, front, back);
        assert!(
            told.ends_with(&format!("2 keys over it are in the journal, the newest {newest}")),
            "{told}"
        );
    }
}

/// A discard is a version, too: zeroes, and only where it was.
#[test]
fn a_discard_leaves_zeroes() {
    let mut life = Life::new();
    life.write("hdd", AT, &sector(1));
    life.requests += 1;
    life.events += 1;
    let event = Event {
        seq: life.events,
        at_ns: 0,
        disk: Arc::from("hdd"),
        kind: Kind::Issue,
        request: life.requests,
        op: Some(Op::Trim),
        sector: AT,
        sectors: 1,
        fua: false,
        content: 0,
        error: 0,
    };
    life.ledger.take(&Seen::new(event.clone(), None, Devices::default()));
    life.ledger.take(&Seen::new(
        Event { seq: life.events + 1, kind: Kind::Media, ..event },
        None,
        Devices::default(),
    ));
    assert_eq!(life.ledger.missed, 0);
    assert_eq!(life.cause(&sector(1), &sector(0), 1), Cause::Unjournaled, "zeroes are version 2");
    let versions = life.ledger.versions(AT);
    assert_eq!(life.ledger.version_of(&versions, AT, &sector(0)), Some(2));
    assert_eq!(life.ledger.version_of(&versions, AT, &sector(1)), Some(1));
    assert_eq!(life.ledger.versions(AT + 1).len(), 0);
}

/// Cache and disk agree on something else than was promised: no window explains it.
#[test]
fn the_same_version_on_both_sides_is_unknown() {
    let mut life = Life::new();
    let request = life.write("hdd", AT, &sector(1));
    assert_eq!(life.cause(&sector(0), &sector(0), 1), Cause::Unknown);
    life.lose("hdd", request, AT..AT + 1, None);
    assert_eq!(life.cause(&sector(1), &sector(1), 1), Cause::Unknown);
}

/// Only dirty keys over this very sector make it one that was written back.
#[test]
fn a_dirty_neighbour_and_a_clean_key_are_no_writeback() {
    let mut life = Life::new();
    let request = life.write("hdd", AT, &sector(1));
    life.lose("hdd", request, AT..AT + 1, None);
    life.write("ssd", 8, &journal_dirty(1, AT + 1..AT + 2, PLACE));
    life.write("ssd", 12, &journal(2, AT..AT + 1));
    assert_eq!(life.cause(&sector(1), &sector(0), 1), Cause::DiskBehind);
}

/// A journaled key of other data of the sector does not make the lost ones durable.
#[test]
fn only_a_key_that_points_at_lost_data_says_that_they_were_durable() {
    let mut life = Life::new();
    let data = life.write("ssd", PLACE, &sector(1));
    life.lose("ssd", data, PLACE..PLACE + 1, None);
    life.write("ssd", 8, &journal_dirty(1, AT..AT + 1, PLACE + 1));
    assert_eq!(life.cause(&sector(9), &sector(9), 1), Cause::DanglingKey);
}

/// A key of the same write is not of a newer one, whatever it points at.
#[test]
fn two_sectors_of_one_write_to_the_cache_have_one_age() {
    let mut life = Life::new();
    life.write("ssd", PLACE, &[sector(1), sector(2)].concat());
    life.write("ssd", 8, &journal_dirty(1, AT..AT + 1, PLACE + 1));
    let request = life.write("hdd", AT, &sector(1));
    life.lose("hdd", request, AT..AT + 1, None);
    assert_eq!(life.cause(&sector(1), &sector(0), 1), Cause::WritebackLost);
}

#[test]
fn a_key_that_begins_before_the_sector_points_behind_its_pointer() {
    let mut life = Life::new();
    life.write("ssd", 8, &journal_dirty(1, AT - 2..AT + 6, PLACE));
    let keys = life.ledger.keys_left(&life.ssd, AT);
    assert_eq!(place_of(keys[0].1, AT), Some(PLACE + 2));
}

#[test]
fn a_sector_is_lost_by_its_disk_and_its_request() {
    let mut life = Life::new();
    life.lose("ssd", 7, AT..AT + 1, None);
    assert!(lost(&life.cut, "ssd", 7, AT));
    assert!(!lost(&life.cut, "hdd", 7, AT) && !lost(&life.cut, "ssd", 8, AT));
}
