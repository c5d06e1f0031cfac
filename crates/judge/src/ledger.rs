// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was done to each sector in one life of the machine, from the disks'
//! events alone: every version that went to the backing device, every key that
//! went to the journal, every write of data to the cache device.
//!
//! With it, what a cut left is explained exactly, fio's blocks as well as
//! stamped ones: which version the cache returns, which one the disk holds,
//! and what became of the writes and keys in between.

use crate::decode::{Devices, Seen, Written, disk, overlap};
use scenario::{Cause, Disk};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::path::PathBuf;
use vdisk::bcache_format::Key;
use vdisk::log::{Log, LogError};
use vdisk::{CutReport, Event, Kind, Media, Op, Survival};

/// Bytes of a sector.
const SECTOR: usize = wire::SECTOR;

/// A change of the backing device; sectors of that device, `data_offset` in.
#[derive(Debug)]
struct Change {
    request: u64,
    sectors: Range<u64>,
    /// Of each sector; empty for a discard.
    prints: Vec<u64>,
    /// The event at which it took effect.
    landed: Option<u64>,
    /// Another change of the same sectors was on its way at the same time.
    overlapped: bool,
}

/// A journal entry, from its issue on.
#[derive(Debug)]
struct Entry {
    /// The event of its issue.
    event: u64,
    seq: u64,
    sector: u64,
    payload: Vec<u8>,
    keys: Vec<Key>,
}

/// A write of data (no journal, no btree) to the cache device.
#[derive(Debug)]
struct CacheData {
    /// The event of its issue.
    event: u64,
    request: u64,
    sectors: Range<u64>,
    /// Of each sector.
    prints: Vec<u64>,
}

impl CacheData {
    /// The print of what went to `place`, which must be one of its sectors.
    fn print_at(&self, place: u64) -> u64 {
        self.prints[(place - self.sectors.start) as usize]
    }
}

/// One life of the machine.
#[derive(Debug, Default)]
pub struct Ledger {
    since: u64,
    /// What the backing device held at the beginning.
    before: Media,
    changes: Vec<Change>,
    on_the_way: HashMap<u64, usize>,
    entries: Vec<Entry>,
    data: Vec<CacheData>,
    /// Requests that wrote sets of btree keys.
    sets: HashSet<u64>,
    /// Contents that were seen on the backing device, or on their way there.
    homes: HashSet<u64>,
    /// Events or payloads that were forgotten before they were looked at:
    /// nothing can be explained then.
    pub missed: u64,
}

/// A sector of which cache and disk do not agree, or which is not as promised.
#[derive(Clone, Copy, Debug)]
pub struct Mismatch<'a> {
    /// On the backing device.
    pub sector: u64,
    /// Sector of the cache device that the cache returns; `None`: bcache
    /// returns what the backing device holds.
    pub place: Option<u64>,
    /// What bcache returns.
    pub front: &'a [u8],
    /// What the backing device holds.
    pub back: &'a [u8],
}

/// Tells contents apart; a collision would need luck, not malice.
fn print(sector: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    sector.hash(&mut hasher);
    hasher.finish()
}

fn prints(payload: &[u8]) -> Vec<u64> {
    payload.chunks_exact(SECTOR).map(print).collect()
}

impl Ledger {
    /// From event `since` on, when the backing device held `before` and
    /// nothing was on its way to a disk.
    pub fn new(since: u64, before: Media) -> Self {
        Self { since, before, ..Self::default() }
    }

    /// The first event that it knows.
    #[must_use]
    pub fn since(&self) -> u64 {
        self.since
    }

    /// As it was for the first life of a log: what came before event `since`
    /// is what the disks held, the rest is followed.
    ///
    /// # Errors
    /// The log cannot be read, or is of other disks.
    pub fn of_log(log: &Log, since: u64) -> Result<Self, LogError> {
        let missing = || LogError::Foreign(PathBuf::new());
        let life = log.lives.first().ok_or_else(missing)?;
        let disk = log.disks.iter().position(|disk| &*disk.name == "hdd").ok_or_else(missing)?;
        let devices = Devices::of_log(log);
        let mut ledger = Self::new(since, log.beginning(life)?.swap_remove(disk));
        for event in &life.events {
            let seen = match Self::wants(event) || event.kind == Kind::Media {
                true => Seen::of_log(log, life, event, devices)?,
                false => Seen::new(event.clone(), None, devices),
            };
            ledger.follow(&seen);
        }
        Ok(ledger)
    }

    /// The next event of a log from its beginning.
    fn follow(&mut self, seen: &Seen) {
        if seen.event.seq >= self.since {
            self.take(seen);
        } else if seen.event.kind == Kind::Media && disk(&seen.event) != Disk::Ssd {
            match (seen.event.op, &seen.payload) {
                (Some(Op::Write), Some(data)) => self.before.write(seen.event.sector, data),
                (Some(Op::Trim | Op::WriteZeroes), _) => self.before.zero(seen.sectors()),
                _ => {}
            }
        }
    }

    /// Whether an event's payload is wanted.
    #[must_use]
    pub fn wants(event: &Event) -> bool {
        event.kind == Kind::Issue && event.op == Some(Op::Write)
    }

    /// Looks at the next event, without a gap before it.
    pub fn take(&mut self, seen: &Seen) {
        let event = &seen.event;
        self.missed += seen.missed + u64::from(Self::wants(event) && seen.payload.is_none());
        if !event.op.is_some_and(Op::changes) {
            return;
        }
        match (disk(event), &event.kind) {
            (Disk::Ssd, Kind::Issue) => self.cache_write(seen),
            (_, Kind::Issue) => self.change(seen),
            // A request's number is unique among all disks'.
            (_, Kind::Media) => {
                if let Some(at) = self.on_the_way.remove(&event.request) {
                    self.changes[at].landed = Some(event.seq);
                }
            }
            _ => {}
        }
    }

    fn change(&mut self, seen: &Seen) {
        let (request, sectors) = (seen.event.request, seen.sectors());
        let prints = seen.payload.as_ref().map_or_else(Vec::new, |data| prints(data));
        self.homes.extend(&prints);
        let mut overlapped = false;
        for &at in self.on_the_way.values() {
            let other = &mut self.changes[at];
            if overlap(&other.sectors, &sectors) {
                other.overlapped = true;
                overlapped = true;
            }
        }
        self.on_the_way.insert(request, self.changes.len());
        self.changes.push(Change { request, sectors, prints, landed: None, overlapped });
    }

    fn cache_write(&mut self, seen: &Seen) {
        let (event, request) = (seen.event.seq, seen.event.request);
        let Some(payload) = &seen.payload else { return };
        match &seen.written {
            Some(Written::Journal { seq, keys, .. }) => self.entries.push(Entry {
                event,
                seq: *seq,
                sector: seen.event.sector,
                payload: payload.to_vec(),
                keys: keys.clone(),
            }),
            Some(Written::Set { .. }) => {
                self.sets.insert(request);
            }
            Some(Written::Data(_)) => {
                let (sectors, prints) = (seen.sectors(), prints(payload));
                self.data.push(CacheData { event, request, sectors, prints });
            }
            _ => {}
        }
    }

    /// The versions of one sector, oldest first: the print that a write left
    /// (`None` for a discard), and the request. Version 0 is what was there.
    fn versions(&self, sector: u64) -> Vec<&Change> {
        let mut all: Vec<&Change> =
            self.changes.iter().filter(|change| change.sectors.contains(&sector)).collect();
        // Those that never landed are the newest; the sort keeps their order.
        all.sort_by_key(|change| change.landed.unwrap_or(u64::MAX));
        all
    }

    /// Number of the newest version with this content.
    fn version_of(&self, versions: &[&Change], sector: u64, content: &[u8]) -> Option<usize> {
        let wanted = print(content);
        let written = versions.iter().rposition(|change| match change.prints.is_empty() {
            true => content.iter().all(|&byte| byte == 0),
            false => change.prints[(sector - change.sectors.start) as usize] == wanted,
        });
        let before = || print(&self.before.read(sector..sector + 1)) == wanted;
        written.map(|at| at + 1).or_else(|| before().then_some(0))
    }

    /// Keys over `sector`, oldest first, in journal entries that the cut left
    /// whole on `ssd`. Entries are written one at a time (`journal_try_write`),
    /// each with a flush before it: of all but the newest nothing can be
    /// missing, though its place may have been used again.
    fn keys_left(&self, ssd: &Media, sector: u64) -> Vec<(&Entry, &Key)> {
        let newest = self.entries.iter().map(|entry| entry.seq).max().unwrap_or(0);
        let left = self.entries.iter().filter(|entry| {
            let end = entry.sector + (entry.payload.len() / SECTOR) as u64;
            entry.seq < newest || ssd.read(entry.sector..end) == entry.payload
        });
        let keys = left.flat_map(|entry| entry.keys.iter().map(move |key| (entry, key)));
        keys.filter(|(_, key)| key.covers(sector)).collect()
    }

    /// The last data that went to `place` before event `before`.
    fn stored(&self, place: u64, before: u64) -> Option<&CacheData> {
        let mut latest_first = self.data.iter().rev();
        latest_first.find(|data| data.event < before && data.sectors.contains(&place))
    }

    /// What `key` says that the cache has of `sector`: the last data that went
    /// to its place before the key went to the journal (`bch_data_insert_start`
    /// writes them first). `None`: the key has no pointer, or its data are older
    /// than the ledger.
    fn pointed_at(&self, (entry, key): (&Entry, &Key), sector: u64) -> Option<(u64, u64)> {
        let place = place_of(key, sector)?;
        self.stored(place, entry.event).map(|data| (data.event, data.print_at(place)))
    }

    /// Whether the newest key left is of newer data than those at `place`,
    /// which the cache returns.
    fn is_passed_over(&self, mismatch: Mismatch<'_>, place: u64, ssd: &Media) -> bool {
        let keys = self.keys_left(ssd, mismatch.sector);
        let named = keys.last().and_then(|&newest| self.pointed_at(newest, mismatch.sector));
        let (Some((when, what)), Some(since)) = (named, self.stored(place, u64::MAX)) else {
            return false;
        };
        when > since.event && what != print(mismatch.front)
    }

    /// Whether the journal, as the cut left it, is behind the disk: what the
    /// cache returns is version `cache` of `sector`, content `front`, and no
    /// key is left of anything newer.
    ///
    /// A key with a pointer says itself which content it is of. There may be
    /// more of them than versions (writeback writes only the newest back) or
    /// fewer (`write_dirty_finish` journals nothing), so they are not counted.
    /// A key without one is the mark of one bypass write, of which each version
    /// has `passes`; read misses, which fill the cache between them, journal
    /// nothing.
    fn is_behind(
        &self,
        (sector, front, cache): (u64, &[u8], usize),
        ssd: &Media,
        passes: usize,
    ) -> bool {
        let keys = self.keys_left(ssd, sector);
        match keys.last() {
            Some(&newest) if !newest.1.pointers.is_empty() => {
                self.pointed_at(newest, sector).is_some_and(|(_, what)| what == print(front))
            }
            _ => keys.len() < passes * (cache + 1),
        }
    }

    /// Whether a write to `sector` went to the cache only.
    fn went_dirty(&self, sector: u64) -> bool {
        let mut keys = self.entries.iter().flat_map(|entry| &entry.keys);
        keys.any(|key| key.dirty && key.covers(sector))
    }

    /// The last data that went to `place`, if the cut took them and the cache
    /// returns what was there before.
    fn lost_under_key(
        &self,
        mismatch: Mismatch<'_>,
        place: u64,
        cut: &CutReport,
    ) -> Option<&CacheData> {
        let data = self.stored(place, u64::MAX)?;
        let gone =
            lost(cut, "ssd", data.request, place) && data.print_at(place) != print(mismatch.front);
        gone.then_some(data)
    }

    /// Whether a key of `data` is left in the journal, each of whose entries
    /// has a flush before it: then they were durable.
    fn is_journaled(&self, data: &CacheData, (sector, place): (u64, u64), ssd: &Media) -> bool {
        let mut keys = self.keys_left(ssd, sector).into_iter();
        keys.any(|(entry, key)| entry.event > data.event && place_of(key, sector) == Some(place))
    }

    /// Why cache and disk are as they are. `ssd` is the cache device right
    /// after the cut; `passes` how often the arm journals a key for a write.
    pub fn explain(
        &self,
        mismatch: Mismatch<'_>,
        cut: &CutReport,
        ssd: &Media,
        passes: usize,
    ) -> Cause {
        let Some(place) = mismatch.place.filter(|_| self.missed == 0) else {
            return Cause::Unknown;
        };
        let versions = self.versions(mismatch.sector);
        let cache = self.version_of(&versions, mismatch.sector, mismatch.front);
        let disk = self.version_of(&versions, mismatch.sector, mismatch.back);
        if let Some(data) = self.lost_under_key(mismatch, place, cut) {
            let durable = self.is_journaled(data, (mismatch.sector, place), ssd);
            return if durable { Cause::Unknown } else { Cause::DanglingKey };
        }
        if versions.iter().any(|change| change.overlapped) {
            return Cause::Overlap;
        }
        match (cache, disk) {
            // Whatever the disk holds: data of a durable key went missing.
            (Some(_), _) if self.is_passed_over(mismatch, place, ssd) => Cause::LateFill,
            (Some(cache), Some(disk)) if cache > disk => {
                let request = versions[cache - 1].request;
                let gone = lost(cut, "hdd", request, mismatch.sector);
                match (gone, self.went_dirty(mismatch.sector)) {
                    (true, true) => Cause::WritebackLost,
                    (true, false) => Cause::DiskBehind,
                    (false, _) => Cause::Unknown,
                }
            }
            (Some(cache), Some(disk)) if cache < disk => {
                if self.is_behind((mismatch.sector, mismatch.front, cache), ssd, passes) {
                    Cause::Unjournaled
                } else {
                    Cause::LateFill
                }
            }
            (None, Some(_)) => {
                let put = self.stored(place, u64::MAX);
                if put.is_some() && self.went_dirty(mismatch.sector) {
                    Cause::Unmarked
                } else if put.is_some() && !self.homes.contains(&print(mismatch.front)) {
                    // Written to the cache, and not yet on its way to the disk.
                    Cause::DiskBehind
                } else {
                    Cause::Unknown
                }
            }
            _ => Cause::Unknown,
        }
    }

    /// What the ledger knows of a sector, for people.
    pub fn describe(&self, mismatch: Mismatch<'_>, cut: &CutReport, ssd: &Media) -> String {
        let versions = self.versions(mismatch.sector);
        let number = |content: &[u8]| match self.version_of(&versions, mismatch.sector, content) {
            Some(number) => format!("version {number} of {}", versions.len()),
            None => "no version of this sector".to_owned(),
        };
        let taken = versions
            .iter()
            .filter(|change| lost(cut, "hdd", change.request, mismatch.sector))
            .count();
        let keys = self.keys_left(ssd, mismatch.sector);
        let newest = match keys.last() {
            None => String::new(),
            Some((_, key)) if key.pointers.is_empty() => ", the newest an invalidation".to_owned(),
            Some(&newest) => match self.pointed_at(newest, mismatch.sector) {
                Some((_, there)) if there == print(mismatch.front) => {
                    ", the newest of what it returns"
                }
                Some((_, there)) if there == print(mismatch.back) => {
                    ", the newest of what the disk holds"
                }
                _ => ", the newest of something else",
            }
            .to_owned(),
        };
        format!(
            "the cache returns {}, the disk holds {}; {taken} writes of it were lost in the cut, \
             {} keys over it are in the journal{newest}",
            number(mismatch.front),
            number(mismatch.back),
            keys.len(),
        )
    }

    /// Sets of btree keys of which the cut left a part only: first sector.
    pub fn torn_sets(&self, cut: &CutReport) -> Vec<u64> {
        let torn = |fate: &&Survival| {
            fate.disk == "ssd" && !fate.kept.is_empty() && self.sets.contains(&fate.request)
        };
        cut.lost.iter().filter(torn).map(|fate| fate.sector).collect()
    }
}

/// Where the cache device has what `key` says of `sector`; `None` for a key
/// without a pointer.
fn place_of(key: &Key, sector: u64) -> Option<u64> {
    key.pointers.first().map(|pointer| pointer.sector + (sector - key.start()))
}

/// Whether the cut took `sector` of a request's change.
fn lost(cut: &CutReport, disk: &str, request: u64, sector: u64) -> bool {
    let ours = |fate: &&Survival| fate.disk == disk && fate.request == request;
    cut.lost.iter().filter(ours).flat_map(|fate| &fate.lost).any(|range| range.contains(&sector))
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
