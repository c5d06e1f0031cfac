// SPDX-License-Identifier: MIT OR Apache-2.0
//! The witness as it stood at any event of the disks' sequence.
//!
//! A crash state belongs to an instant, and what binds there is what had been
//! acknowledged and flushed by then, not what came later in the recording.

use crate::decode::overlap;
use crate::witness::Witness;
use serde::{Deserialize, Serialize};
use wire::Extent;

/// One thing that the witness is told; see [`Witness`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Told {
    Issued { seq: u64, extent: Extent, fua: bool },
    DiscardIssued { seq: u64, extent: Extent },
    Acked { seq: u64 },
    FlushIssued { id: u64 },
    FlushAcked { id: u64 },
}

impl Told {
    /// Tells it.
    pub fn to(self, witness: &mut Witness) {
        match self {
            Self::Issued { seq, extent, fua } => witness.issued(seq, extent, fua),
            Self::DiscardIssued { seq, extent } => witness.discard_issued(seq, extent),
            Self::Acked { seq } => witness.acked(seq),
            Self::FlushIssued { id } => witness.flush_issued(id),
            Self::FlushAcked { id } => witness.flush_acked(id),
        }
    }
}

/// Everything the witness was told, with the newest event of the disks at that
/// moment: what is about to be issued is noted before its first event, what is
/// acknowledged after its last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History(Vec<(u64, Told)>);

impl History {
    /// Notes what was told when `event` was the newest. Events must not
    /// decrease.
    pub fn push(&mut self, event: u64, told: Told) {
        self.0.push((event, told));
    }

    /// How much had been told before event `before`: instants with the same
    /// number have the same witness.
    #[must_use]
    pub fn version(&self, before: u64) -> usize {
        self.0.partition_point(|(at, _)| *at < before)
    }

    /// The witness after a power cut that came right before event `before`.
    #[must_use]
    pub fn witness_at_cut(&self, before: u64) -> Witness {
        let mut witness = Witness::new();
        for (_, told) in &self.0[..self.version(before)] {
            told.to(&mut witness);
        }
        witness.power_cut();
        witness
    }

    /// The newest event when the last write to any sector of `block` was about to be issued;
    /// 0 where there was none.
    #[must_use]
    pub fn last_issue(&self, block: Extent) -> u64 {
        let ours = |(_, told): &&(u64, Told)| match told {
            Told::Issued { extent, .. } | Told::DiscardIssued { extent, .. } => {
                overlap(&extent.range(), &block.range())
            }
            _ => false,
        };
        self.0.iter().rev().find(ours).map_or(0, |(event, _)| *event)
    }

    /// Tells it all, without a cut at the end.
    pub fn tell(&self, witness: &mut Witness) {
        self.0.iter().for_each(|(_, told)| told.to(witness));
    }

    /// What is known of write `seq`.
    #[must_use]
    pub fn write(&self, seq: u64) -> Option<Promise> {
        let mut promise = None;
        for (at, told) in &self.0 {
            match *told {
                Told::Issued { seq: this, extent, fua } if this == seq => {
                    promise =
                        Some(Promise { extent, fua, issued: *at, acked: None, flushed: None });
                }
                Told::Acked { seq: this } if this == seq => {
                    if let Some(promise) = &mut promise {
                        promise.acked = Some(*at);
                    }
                }
                Told::FlushAcked { id } => {
                    if let Some(promise) =
                        promise.as_mut().filter(|promise| promise.flushed.is_none())
                        && self.covers(id, seq)
                    {
                        promise.flushed = Some(*at);
                    }
                }
                _ => {}
            }
        }
        promise
    }

    /// Event by which the newest write to `sector` that a cut before event
    /// `before` must not lose was flushed.
    #[must_use]
    pub fn flushed_by(&self, before: u64, sector: u64) -> Option<u64> {
        let there = |told: &(u64, Told)| match told.1 {
            Told::Issued { seq, extent, .. } => {
                let range = extent.range();
                range.contains(&sector).then_some(seq)
            }
            _ => None,
        };
        let writes = self.0.iter().filter_map(there).filter_map(|seq| self.write(seq));
        let promised = writes.filter_map(|promise| {
            let by_fua = promise.acked.filter(|_| promise.fua);
            [by_fua, promise.flushed].into_iter().flatten().min()
        });
        promised.filter(|at| *at < before).max()
    }

    /// Whether flush `id` was issued after write `seq` was acknowledged.
    fn covers(&self, id: u64, seq: u64) -> bool {
        let since_acked = self.0.iter().skip_while(|(_, told)| *told != Told::Acked { seq });
        since_acked.map(|(_, told)| *told).any(|told| told == Told::FlushIssued { id })
    }
}

/// When a write's promises were made, by event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Where, on the bcache device.
    pub extent: Extent,
    /// Asked for FUA.
    pub fua: bool,
    /// Newest event before it was submitted.
    pub issued: u64,
    /// Newest event when it was acknowledged.
    pub acked: Option<u64>,
    /// Newest event when a flush that covers it was acknowledged.
    pub flushed: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Extent = Extent { sector: 8, sectors: 8 };

    /// A: issued at event 10, acknowledged at 20, flushed from 21 to 30; B:
    /// issued at 40, acknowledged at 50.
    fn history() -> History {
        let mut history = History::default();
        history.push(10, Told::Issued { seq: 1, extent: AT, fua: false });
        history.push(20, Told::Acked { seq: 1 });
        history.push(21, Told::FlushIssued { id: 1 });
        history.push(30, Told::FlushAcked { id: 1 });
        history.push(40, Told::Issued { seq: 2, extent: AT, fua: false });
        history.push(50, Told::Acked { seq: 2 });
        history
    }

    fn allowed(before: u64) -> (Vec<u64>, bool) {
        let allowed = history().witness_at_cut(before).allowed(8);
        (allowed.seqs, allowed.blank)
    }

    #[test]
    fn the_last_write_to_a_block_is_the_newest_that_touches_it() {
        let at = |sector| history().last_issue(Extent { sector, sectors: 1 });
        assert_eq!([at(7), at(8), at(15), at(16)], [0, 40, 40, 0]);
    }

    #[test]
    fn only_what_was_promised_before_the_instant_binds() {
        assert_eq!(allowed(10), (vec![], true));
        assert_eq!(allowed(11), (vec![1], true));
        assert_eq!(allowed(25), (vec![1], true), "acknowledged, flush under way");
        assert_eq!(allowed(30), (vec![1], true), "not acknowledged before event 30");
        assert_eq!(allowed(31), (vec![1], false));
        assert_eq!(allowed(41), (vec![1, 2], false));
        assert_eq!(allowed(99), (vec![1, 2], false), "B was never flushed");
    }

    #[test]
    fn instants_with_the_same_witness_share_a_version() {
        let history = history();
        assert_eq!(history.version(31), history.version(40));
        assert_ne!(history.version(30), history.version(31));
    }

    #[test]
    fn a_write_tells_its_life() {
        let a = history().write(1).unwrap();
        assert_eq!((a.issued, a.acked, a.flushed), (10, Some(20), Some(30)));
        assert_eq!(history().write(2).unwrap().flushed, None);
        assert_eq!(history().flushed_by(30, 8), None);
        assert_eq!(history().flushed_by(31, 8), Some(30));
        assert_eq!(history().flushed_by(31, 16), None);
        assert!(history().write(3).is_none());
    }

    /// A flush that was under way when a write was acknowledged does not cover it.
    #[test]
    fn a_flush_covers_what_was_acknowledged_before_it() {
        let mut history = History::default();
        history.push(10, Told::Issued { seq: 1, extent: AT, fua: false });
        history.push(11, Told::FlushIssued { id: 1 });
        history.push(12, Told::Acked { seq: 1 });
        history.push(13, Told::FlushAcked { id: 1 });
        assert_eq!(history.write(1).unwrap().flushed, None);
        history.push(14, Told::FlushIssued { id: 2 });
        history.push(15, Told::FlushAcked { id: 2 });
        assert_eq!(history.write(1).unwrap().flushed, Some(15));
    }

    #[test]
    fn a_witness_that_is_told_all_has_seen_no_cut() {
        let mut witness = Witness::new();
        history().tell(&mut witness);
        assert_eq!(witness.allowed(8).seqs, [2], "acknowledged, though never flushed");
    }
}
