// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host's memory of what the guest wrote: issued, acknowledged, flushed.
//!
//! What the guest forgets in a cut, the witness still knows. Time is how many
//! writes were acknowledged, so "issued after that one was acknowledged" is an exact
//! statement.

use crate::ranges::joined;
use scenario::CacheMode;
use std::collections::BTreeMap;
use vdisk::CutKind;
use wire::Extent;

/// A moment: how many writes had been acknowledged.
type Tick = u64;

/// One write to the bcache device.
#[derive(Clone, Copy, Debug)]
pub struct WriteRecord {
    /// Sequence number in its stamp.
    pub seq: u64,
    /// Range, in 512 B sectors of the bcache device.
    pub extent: Extent,
    /// When it was handed over.
    issued: Tick,
    /// When it could no longer change the disk, itself counted: acknowledged,
    /// or cut short.
    ended: Option<Tick>,
    /// Acknowledged, and no cut since in which that may have been forgotten.
    binding: bool,
    /// Acknowledged and flushed, or acknowledged with FUA.
    durable: bool,
    fua: bool,
    /// Not a write: leaves zeroes, or what was there.
    discard: bool,
}

/// Everything written in one case.
#[derive(Debug, Default)]
pub struct Witness {
    /// How many writes have been acknowledged.
    over: Tick,
    writes: Vec<WriteRecord>,
    by_seq: BTreeMap<u64, usize>,
    /// What each flush under way will have made durable.
    flushes: BTreeMap<u64, Vec<usize>>,
}

/// What one sector may hold.
#[derive(Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Sequence numbers of the permitted versions.
    pub seqs: Vec<u64>,
    /// Whether never-written is permitted too.
    pub blank: bool,
}

impl Witness {
    /// Nothing written yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A write is about to be submitted.
    pub fn issued(&mut self, seq: u64, extent: Extent, fua: bool) {
        self.by_seq.insert(seq, self.writes.len());
        self.writes.push(WriteRecord {
            seq,
            extent,
            issued: self.over,
            ended: None,
            binding: false,
            durable: false,
            fua,
            discard: false,
        });
    }

    /// A discard is about to be submitted, with a sequence number as a write's.
    pub fn discard_issued(&mut self, seq: u64, extent: Extent) {
        self.issued(seq, extent, false);
        if let Some(write) = self.writes.last_mut() {
            write.discard = true;
        }
    }

    /// The guest's kernel acknowledged it.
    pub fn acked(&mut self, seq: u64) {
        let Some(&index) = self.by_seq.get(&seq) else { return };
        let write = &mut self.writes[index];
        if write.ended.is_none() {
            self.over += 1;
            write.ended = Some(self.over);
            // A discard promises nothing.
            write.binding = !write.discard;
            write.durable = write.fua;
        }
    }

    /// A flush, identified by `id`, is about to be submitted: it covers every
    /// write that has been acknowledged.
    pub fn flush_issued(&mut self, id: u64) {
        let acked = self.writes.iter().enumerate().filter(|(_, write)| write.binding);
        self.flushes.insert(id, acked.map(|(index, _)| index).collect());
    }

    /// It was acknowledged: what it covers is durable from now on.
    pub fn flush_acked(&mut self, id: u64) {
        for index in self.flushes.remove(&id).unwrap_or_default() {
            self.writes[index].durable = true;
        }
    }

    /// The machine went down in a power cut: only durable writes bind.
    pub fn power_cut(&mut self) {
        self.end(false);
    }

    /// The machine went down. After a reset, which leaves the disks their
    /// caches, acknowledged writes bind as well: every cache mode but writeback
    /// acknowledges from the backing device.
    pub fn cut(&mut self, kind: CutKind, mode: CacheMode) {
        self.end(kind == CutKind::Reset && mode != CacheMode::Writeback);
    }

    /// Writes in flight are over, one way or the other.
    fn end(&mut self, acked_survive: bool) {
        // What binds and was issued by now was over before. So no tick is
        // needed to tell it from what ends here.
        self.flushes.clear();
        for write in &mut self.writes {
            write.ended.get_or_insert(self.over);
            write.binding &= write.durable || acked_survive;
        }
    }

    /// The writes that touch `sector`, oldest first.
    fn touching(&self, sector: u64) -> impl Iterator<Item = &WriteRecord> {
        self.writes.iter().filter(move |write| write.extent.range().contains(&sector))
    }

    /// What `sector` may hold now: every version that no binding write, issued
    /// after that version was over, has replaced.
    #[must_use]
    pub fn allowed(&self, sector: u64) -> Allowed {
        let binding: Vec<Tick> =
            self.touching(sector).filter(|w| w.binding).map(|w| w.issued).collect();
        let replaced = |ended: Tick| binding.iter().any(|&issued| issued >= ended);
        let possible = |discards: bool| {
            self.touching(sector).filter(move |write| {
                write.discard == discards && !write.ended.is_some_and(replaced)
            })
        };
        Allowed {
            seqs: possible(false).map(|write| write.seq).collect(),
            blank: !replaced(0) || possible(true).next().is_some(),
        }
    }

    /// Whether write `seq` exists and covers `sector`.
    #[must_use]
    pub fn wrote(&self, seq: u64, sector: u64) -> bool {
        self.touching(sector).any(|write| write.seq == seq)
    }

    /// Every range ever written or discarded, sorted and joined, in 512 B sectors.
    #[must_use]
    pub fn footprint(&self) -> Vec<(u64, u64)> {
        self.ranges(|_| true)
    }

    /// Every range ever written, sorted and joined, in 512 B sectors: what has
    /// something to be judged by. A discard, which may be of 4 GiB, promises
    /// nothing of a sector that was never written.
    #[must_use]
    pub fn written(&self) -> Vec<(u64, u64)> {
        self.ranges(|write| !write.discard)
    }

    fn ranges(&self, wanted: impl Fn(&WriteRecord) -> bool) -> Vec<(u64, u64)> {
        let writes = self.writes.iter().filter(|write| wanted(write));
        joined(writes.map(|w| (w.extent.sector, w.extent.range().end)).collect(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Extent = Extent { sector: 8, sectors: 8 };

    fn acked(witness: &mut Witness, seq: u64) {
        witness.issued(seq, AT, false);
        witness.acked(seq);
    }

    fn seqs(witness: &Witness) -> Vec<u64> {
        witness.allowed(8).seqs
    }

    #[test]
    fn an_acknowledged_write_replaces_what_was_over_before_it_was_issued() {
        let mut witness = Witness::new();
        assert!(witness.allowed(8).blank);
        acked(&mut witness, 1);
        acked(&mut witness, 2);
        assert_eq!(witness.allowed(8), Allowed { seqs: vec![2], blank: false });
        assert!(witness.allowed(16).blank);
    }

    #[test]
    fn a_write_in_flight_allows_old_and_new_until_it_is_acknowledged() {
        let mut witness = Witness::new();
        acked(&mut witness, 1);
        witness.issued(2, AT, false);
        assert_eq!(seqs(&witness), [1, 2]);
        witness.acked(2);
        assert_eq!(seqs(&witness), [2]);
    }

    #[test]
    fn overlapping_writes_may_land_in_either_order() {
        let mut witness = Witness::new();
        witness.issued(1, AT, false);
        witness.issued(2, AT, false);
        witness.acked(2);
        witness.acked(1);
        assert_eq!(seqs(&witness), [1, 2]);
    }

    #[test]
    fn a_discard_permits_zeroes_until_a_later_write_replaces_them() {
        let mut witness = Witness::new();
        acked(&mut witness, 1);
        assert!(!witness.allowed(8).blank);
        witness.discard_issued(2, AT);
        assert_eq!(witness.allowed(8), Allowed { seqs: vec![1], blank: true });
        witness.acked(2);
        assert_eq!(witness.allowed(8), Allowed { seqs: vec![1], blank: true });
        acked(&mut witness, 3);
        assert_eq!(witness.allowed(8), Allowed { seqs: vec![3], blank: false });
    }

    #[test]
    fn a_discard_alone_leaves_nothing_to_judge() {
        let mut witness = Witness::new();
        acked(&mut witness, 1);
        witness.discard_issued(2, Extent { sector: 0, sectors: 8_388_607 });
        assert_eq!(witness.written(), [(8, 16)]);
        assert_eq!(witness.footprint(), [(0, 8_388_607)]);
    }

    #[test]
    fn after_a_power_cut_only_flushed_writes_bind() {
        let mut witness = Witness::new();
        acked(&mut witness, 1);
        witness.flush_issued(1);
        witness.flush_acked(1);
        acked(&mut witness, 2);
        witness.power_cut();
        assert_eq!(witness.allowed(8), Allowed { seqs: vec![1, 2], blank: false });
        acked(&mut witness, 3);
        assert_eq!(seqs(&witness), [3]);
    }

    #[test]
    fn a_flush_covers_only_what_was_acknowledged_before_it_was_issued() {
        let mut witness = Witness::new();
        witness.issued(1, AT, false);
        witness.flush_issued(1);
        witness.acked(1);
        witness.flush_acked(1);
        witness.power_cut();
        assert!(witness.allowed(8).blank);
    }

    #[test]
    fn a_reset_keeps_acknowledged_writes_and_fua_is_durable_at_once() {
        let mut witness = Witness::new();
        acked(&mut witness, 1);
        witness.cut(CutKind::Reset, CacheMode::Writethrough);
        assert!(!witness.allowed(8).blank);
        let mut witness = Witness::new();
        witness.issued(1, AT, true);
        witness.acked(1);
        witness.power_cut();
        assert_eq!(witness.allowed(8), Allowed { seqs: vec![1], blank: false });
    }
    #[test]
    fn a_write_is_known_by_its_number_and_place() {
        let mut witness = Witness::new();
        acked(&mut witness, 1);
        assert!(witness.wrote(1, 8) && witness.wrote(1, 15));
        assert!(!witness.wrote(2, 8) && !witness.wrote(1, 7) && !witness.wrote(1, 16));
    }

    /// What is acknowledged or flushed without ever having been issued, or a
    /// second time, changes nothing.
    #[test]
    fn what_makes_no_sense_changes_nothing() {
        let mut witness = Witness::new();
        acked(&mut witness, 1);
        witness.acked(7);
        witness.flush_acked(7);
        witness.issued(2, AT, false);
        witness.acked(1);
        assert_eq!(seqs(&witness), [1, 2], "issued before it was over for the second time");
    }

    #[test]
    fn a_cut_ends_flushes_under_way_and_only_a_reset_without_writeback_keeps_more() {
        let bound = |cut: fn(&mut Witness)| {
            let mut witness = Witness::new();
            acked(&mut witness, 1);
            witness.flush_issued(1);
            cut(&mut witness);
            witness.flush_acked(1);
            witness.power_cut();
            !witness.allowed(8).blank
        };
        assert!(bound(|_| ()), "flushed");
        assert!(!bound(Witness::power_cut));
        for (kind, mode, kept) in [
            (CutKind::Reset, CacheMode::Writearound, true),
            (CutKind::Reset, CacheMode::Writeback, false),
            (CutKind::Power, CacheMode::Writearound, false),
        ] {
            let mut witness = Witness::new();
            acked(&mut witness, 1);
            witness.cut(kind, mode);
            assert_eq!(witness.allowed(8).blank, !kept, "{kind:?} {mode:?}");
        }
    }
}
