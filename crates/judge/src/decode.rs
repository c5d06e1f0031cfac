// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the disks' events mean in bcache's terms, decoded here and nowhere
//! else: journal entries, sets of btree keys, stamped data.

use scenario::layout::{DATA_OFFSET, SET_MAGIC};
use scenario::{Disk, Volume};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use vdisk::bcache_format::{Key, Written as Format, recognise};
use vdisk::log::{Life, Log, LogError};
use vdisk::{Event, Op};
use wire::{Content, Extent, SECTOR, classify, volume};

/// Where nobody knows to which sector of the cache device a payload goes: all
/// but its superblock is known by a magic number.
pub const ANYWHERE: u64 = u64::MAX;

/// What a write to a disk carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
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
    /// Bucket priorities and generations.
    Priorities,
    /// A superblock, or what else is in front of the users' data.
    Superblock,
    /// Users' data, with what of it the lab has stamped.
    Data(Vec<Stamped>),
    /// Nothing but zeroes: a discard, or a payload that is not known any more.
    Zeroes,
}

/// Neighbouring sectors of one stamped write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// Sequence number in the stamps.
    pub seq: u64,
    /// The first of these sectors on the bcache device.
    pub first: u64,
    /// Where they are on the disk; from 0 where that is [`ANYWHERE`].
    pub place: Range<u64>,
}

impl Stamped {
    /// These sectors on the bcache device.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.first..self.first + (self.place.end - self.place.start)
    }
}

impl Written {
    /// Of a write of `payload` to `sector` of `disk`, where `devices` are the cache set's.
    #[must_use]
    pub fn of(disk: Disk, sector: u64, payload: &[u8], devices: Devices) -> Self {
        let in_one_row = |mut keys: Vec<Key>| {
            keys.iter_mut().for_each(|key| key.end += devices.begin(key.inode));
            keys
        };
        if disk == Disk::Ssd {
            match recognise(SET_MAGIC, sector, payload) {
                Format::Journal(entry) => {
                    let (seq, last_seq, keys) = (entry.seq, entry.last_seq, in_one_row(entry.keys));
                    return Self::Journal { seq, last_seq, keys };
                }
                Format::Node(node) => return Self::Set { keys: in_one_row(node.keys) },
                // Data in the next bucket may be merged behind them, in one request.
                Format::Priorities { .. } if stamps(sector, payload).is_empty() => {
                    return Self::Priorities;
                }
                Format::Superblock(_) => return Self::Superblock,
                Format::Priorities { .. } | Format::Other => {}
            }
        }
        let stamps = stamps(sector, payload);
        if disk != Disk::Ssd && volume::within(sector) < DATA_OFFSET && stamps.is_empty() {
            return Self::Superblock;
        }
        Self::Data(stamps)
    }

    /// Number and sector (of the bcache device) of the stamp that a write to
    /// `sector` of a disk begins with.
    #[must_use]
    pub fn stamp(&self, sector: u64) -> Option<(u64, u64)> {
        let Self::Data(stamps) = self else { return None };
        stamps.first().filter(|first| first.place.start == sector).map(|at| (at.seq, at.first))
    }
}

/// Whether a payload for the SSD begins with priorities, whatever comes behind.
#[must_use]
pub fn begins_with_priorities(payload: &[u8]) -> bool {
    matches!(recognise(SET_MAGIC, ANYWHERE, payload), Format::Priorities { .. })
}

/// The stamped sectors of a payload that goes to `sector`.
fn stamps(sector: u64, payload: &[u8]) -> Vec<Stamped> {
    let sector = if sector == ANYWHERE { 0 } else { sector };
    let mut found: Vec<Stamped> = Vec::new();
    for (bytes, place) in payload.chunks_exact(SECTOR).zip(sector..) {
        // No stamp is at home there.
        let Content::Misplaced { seq, sector: home, .. } = classify(bytes, u64::MAX) else {
            continue;
        };
        match found.last_mut() {
            Some(last) if (last.seq, last.place.end, last.range().end) == (seq, place, home) => {
                last.place.end += 1;
            }
            _ => found.push(Stamped { seq, first: home, place: place..place + 1 }),
        }
    }
    found
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |f: &mut fmt::Formatter<'_>, keys: &[Key]| {
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
            Self::Priorities => f.write_str("bucket priorities"),
            Self::Superblock => f.write_str("superblock"),
            Self::Data(stamps) => match stamps.first() {
                Some(at) => write!(f, "data of write #{}, sector {} of bcache", at.seq, at.first),
                None => f.write_str("data that the lab did not stamp"),
            },
            Self::Zeroes => f.write_str("zeroes"),
        }
    }
}

/// The bcache devices of a cache set, which numbers them from 0 as it comes to know them
/// (`uuid_find_empty`); that is the lab's order. One that was detached gets another number
/// when it is attached again: so with one backing device all keys are its own.
#[derive(Clone, Copy, Debug)]
pub struct Devices {
    backing: u64,
    flash: bool,
}

impl Default for Devices {
    fn default() -> Self {
        Self { backing: 1, flash: false }
    }
}

impl Devices {
    /// Of a scenario.
    #[must_use]
    pub fn new(volumes: &[Volume]) -> Self {
        let backing = Volume::backed(volumes).count() as u64;
        Self { backing, flash: volumes.contains(&Volume::Flash) }
    }

    /// Of a log, which says nothing of flash-only volumes: their keys count as the first
    /// device's.
    #[must_use]
    pub fn of_log(log: &Log) -> Self {
        Self { backing: (log.disks.len() as u64).saturating_sub(1), flash: false }
    }

    /// What is added to a key's sectors where [`volume`] counts them, `data_offset` in.
    fn begin(self, inode: u32) -> u64 {
        let number = u64::from(inode);
        if number < self.backing {
            volume::of(number, 0)
        } else if self.flash && number == self.backing {
            // Nothing is in front of its data.
            volume::of(Volume::Flash.number(), DATA_OFFSET)
        } else {
            0
        }
    }
}

/// An event and what it carried, as far as its reader wants to know.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What happened, where [`volume`] counts the sectors of a backing device.
    pub event: Event,
    /// The content of a write.
    pub payload: Option<Arc<Vec<u8>>>,
    /// The same, decoded.
    pub written: Option<Written>,
    /// Events right before it that were forgotten before anybody looked.
    pub missed: u64,
}

impl Seen {
    /// An event with the payload of its request.
    #[must_use]
    pub fn new(mut event: Event, payload: Option<Arc<Vec<u8>>>, devices: Devices) -> Self {
        event.sector = sectors(&event).start;
        let written =
            payload.as_ref().map(|data| Written::of(disk(&event), event.sector, data, devices));
        Self { event, payload, written, missed: 0 }
    }

    /// A write's event in a log.
    ///
    /// # Errors
    /// The payload cannot be read.
    pub fn of_log(
        log: &Log,
        life: &Life,
        event: &Event,
        devices: Devices,
    ) -> Result<Self, LogError> {
        let written = event.op == Some(Op::Write);
        let payload = if written { Some(log.payload(life, event.request)?) } else { None };
        Ok(Self::new(event.clone(), payload, devices))
    }

    /// The sectors of its disk.
    #[must_use]
    pub fn sectors(&self) -> Range<u64> {
        self.event.sector..self.event.sector.saturating_add(self.event.sectors)
    }
}

/// The disk that an event is of.
#[must_use]
pub fn disk(event: &Event) -> Disk {
    match &*event.disk {
        "ssd" => Disk::Ssd,
        "hdd2" => Disk::Hdd2,
        _ => Disk::Hdd,
    }
}

/// A disk's sectors in an event of the log; those of backing devices as [`volume`] counts.
#[must_use]
pub fn sectors(event: &Event) -> Range<u64> {
    let first = volume::of(u64::from(disk(event) == Disk::Hdd2), event.sector);
    first..first.saturating_add(event.sectors)
}

/// Whether two ranges have a sector in common.
#[must_use]
pub fn overlap(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start < b.end && b.start < a.end
}

/// Whether a key covers any sector of the range, which is of the backing
/// device.
#[must_use]
pub fn concerns(key: &Key, range: &Range<u64>) -> bool {
    overlap(&(key.start()..key.end), range)
}

/// A block of the bcache device as btree keys and the backing device count it:
/// `data_offset` is in, as `cached_dev_submit_bio` adds it before anything
/// looks at the btree.
#[must_use]
pub fn on_backing(block: Extent) -> Range<u64> {
    let Range { start, end } = block.range();
    start + DATA_OFFSET..end + DATA_OFFSET
}

/// Sectors of the backing device as the bcache device counts them.
#[must_use]
pub fn on_bcache(sectors: Range<u64>) -> Range<u64> {
    sectors.start.saturating_sub(DATA_OFFSET)..sectors.end.saturating_sub(DATA_OFFSET)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use vdisk::bcache_format::{JSET_MAGIC, PSET_MAGIC};
    use wire::Stamp;

    /// Seen once in 252 cases: the block layer had merged two writes to neighbouring
    /// buckets, and the data in the second one were overlooked.
    #[test]
    fn data_that_are_merged_behind_priorities_are_seen() {
        let mut payload = vec![0; 2 * SECTOR];
        payload[8..16].copy_from_slice(&(PSET_MAGIC ^ SET_MAGIC).to_le_bytes());
        assert_eq!(Written::of(Disk::Ssd, 5888, &payload, Devices::default()), Written::Priorities);
        payload[SECTOR..].copy_from_slice(&stamped(7, 65536));
        let behind = Stamped { seq: 7, first: 65536, place: 5889..5890 };
        assert_eq!(
            Written::of(Disk::Ssd, 5888, &payload, Devices::default()),
            Written::Data(vec![behind])
        );
        assert!(begins_with_priorities(&payload));
    }

    /// A journal entry as the kernel lays it out, with one key without pointers.
    pub(crate) fn journal_of(seq: u64, inode: u64, key: Range<u64>) -> Vec<u8> {
        let mut bytes = vec![0; 2 * SECTOR];
        let mut put = |at: usize, word: u64| bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        put(8, JSET_MAGIC ^ SET_MAGIC);
        put(16, seq);
        // `version` and `keys`, 32 bits each, share the word at 24.
        put(24, 2 << 32);
        put(240, (key.end - key.start) << 20 | inode);
        put(248, key.end);
        bytes
    }

    /// A sector of write `seq` that was meant for `home` of the bcache device.
    fn stamped(seq: u64, home: u64) -> [u8; SECTOR] {
        let mut sector = [0; SECTOR];
        Stamp { run: 1, sector: home, seq, writer: 0 }.write_to(&mut sector);
        sector
    }

    #[test]
    fn sectors_are_joined_where_write_home_and_place_go_on() {
        const FIRST: u64 = DATA_OFFSET + 100;
        let blank = [0; SECTOR];
        let payload = [
            stamped(7, 100),
            stamped(7, 101),
            stamped(8, 102),
            stamped(8, 104),
            blank,
            stamped(8, 105),
            stamped(8, 106),
            stamped(8, 107),
        ]
        .concat();
        let data = |seq, first, place: Range<u64>| Stamped {
            seq,
            first,
            place: FIRST + place.start..FIRST + place.end,
        };
        let all = [data(7, 100, 0..2), data(8, 102, 2..3), data(8, 104, 3..4), data(8, 105, 5..8)];
        let written = Written::of(Disk::Hdd, FIRST, &payload, Devices::default());
        assert_eq!(written, Written::Data(all.to_vec()));
        assert_eq!(all.map(|stamps| stamps.range()), [100..102, 102..103, 104..105, 105..108]);
        assert_eq!(written.stamp(FIRST), Some((7, 100)));
        assert_eq!(written.stamp(FIRST + 1), None);
        assert_eq!(Written::Superblock.stamp(FIRST), None);
        assert!(!begins_with_priorities(&payload));
    }

    #[test]
    fn in_front_of_the_data_is_the_superblock_of_a_backing_device() {
        let of =
            |disk, sector, payload: &[u8]| Written::of(disk, sector, payload, Devices::default());
        let data = |payload: &Written| matches!(payload, Written::Data(_));
        let blank = [0; SECTOR];
        for (disk, begin) in [(Disk::Hdd, 0), (Disk::Hdd2, volume::of(1, 0))] {
            assert_eq!(of(disk, begin + DATA_OFFSET - 1, &blank), Written::Superblock);
            assert_eq!(of(disk, begin + DATA_OFFSET, &blank), Written::Data(Vec::new()));
            assert!(data(&of(disk, begin, &stamped(7, 100))), "users' data are that anywhere");
        }
        assert_eq!(of(Disk::Ssd, 0, &blank), Written::Data(Vec::new()));
    }

    #[test]
    fn what_a_write_carried_is_said_in_words() {
        let key = |pointers| Key { inode: 0, end: 16, sectors: 8, dirty: false, pointers };
        let place = vdisk::bcache_format::Pointer { device: 0, sector: 64, generation: 0 };
        let keys = vec![key(vec![place]), key(Vec::new())];
        let journal = |keys| Written::Journal { seq: 5, last_seq: 4, keys };
        let stamps = vec![Stamped { seq: 7, first: 100, place: 0..1 }];
        for (written, words) in [
            (
                journal(keys.clone()),
                "journal entry 5 (last_seq 4), 2 keys, 1 of them invalidations",
            ),
            (journal(keys[..1].to_vec()), "journal entry 5 (last_seq 4), 1 keys"),
            (Written::Set { keys }, "btree set, 2 keys, 1 of them invalidations"),
            (Written::Data(stamps), "data of write #7, sector 100 of bcache"),
            (Written::Data(Vec::new()), "data that the lab did not stamp"),
        ] {
            assert_eq!(written.to_string(), words);
        }
    }

    #[test]
    fn a_key_concerns_what_it_covers() {
        let key = Key { inode: 0, end: 16, sectors: 8, dirty: false, pointers: Vec::new() };
        for (range, is) in [(0..8, false), (0..9, true), (15..20, true), (16..20, false)] {
            assert_eq!(concerns(&key, &range), is, "{range:?}");
        }
    }

    #[test]
    fn keys_are_counted_by_device_in_the_order_in_which_the_set_met_them() {
        let begins = |devices: Devices| [0, 1, 2].map(|inode| devices.begin(inode));
        let second = volume::of(1, 0);
        assert_eq!(begins(Devices::new(&[Volume::Hdd])), [0, 0, 0], "attached again");
        assert_eq!(begins(Devices::new(&[Volume::Hdd, Volume::Hdd2])), [0, second, 0]);
        let flash = Devices::new(&[Volume::Hdd, Volume::Flash]);
        assert_eq!(begins(flash), [0, second + DATA_OFFSET, 0], "without data_offset");
    }

    #[test]
    fn a_key_of_the_second_device_is_counted_behind_the_first() {
        let two = Devices::new(&[Volume::Hdd, Volume::Hdd2]);
        let end = |inode| match Written::of(Disk::Ssd, ANYWHERE, &journal_of(5, inode, 8..16), two)
        {
            Written::Journal { seq: 5, keys, .. } => keys[0].end,
            other => panic!("{other:?}"),
        };
        assert_eq!((end(0), end(1)), (16, volume::of(1, 16)));
    }

    #[test]
    fn what_a_second_disk_is_sent_is_counted_behind_the_first() {
        let event = |disk: &str| Event {
            seq: 1,
            at_ns: 0,
            disk: Arc::from(disk),
            kind: vdisk::Kind::Issue,
            request: 1,
            op: Some(Op::Write),
            sector: 24,
            sectors: 8,
            fua: false,
            content: 0,
            error: 0,
        };
        let two = Devices::new(&[Volume::Hdd, Volume::Hdd2]);
        let sectors = |disk| Seen::new(event(disk), None, two).sectors();
        assert_eq!((sectors("hdd"), sectors("ssd")), (24..32, 24..32));
        let second = sectors("hdd2");
        assert_eq!(second, volume::of(1, 24)..volume::of(1, 32));
        assert_eq!(second, on_backing(Extent { sector: volume::of(1, 8), sectors: 8 }));
    }
}
