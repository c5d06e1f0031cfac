// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a crash state is as it is, from the trace of the recorded run.

use crate::history::History;
use crate::trace::{Fate, Losses, Trace, Write};
use scenario::Cause;
use std::cmp::Ordering;
use wire::Content;

/// The journal writes itself after 100 ms; an invalidation that was due five
/// times as long and is not even on its way is not meant to come.
const JOURNAL_DELAY_NS: u64 = 500_000_000;

/// Number of the write that a sector holds; 0 for never written.
fn version(content: Option<Content>) -> Option<u64> {
    match content? {
        Content::Stamped { seq, .. } => Some(seq),
        Content::Blank => Some(0),
        _ => None,
    }
}

/// Why bcache returns `front` for `sector` while the disk holds `back`, after
/// a cut before event `before` that lost `losses`.
#[must_use]
pub fn cause(
    trace: &Trace,
    history: &History,
    losses: &Losses,
    before: u64,
    sector: u64,
    (front, back): (Option<Content>, Option<Content>),
) -> Option<Cause> {
    let (front, back) = (version(front)?, version(back)?);
    match front.cmp(&back) {
        Ordering::Equal => return None,
        Ordering::Greater => return Some(Cause::DiskBehind),
        Ordering::Less => {}
    }
    let newer = history.write(back)?;
    let mut known = false;
    for write in trace.invalidations(sector, newer.issued) {
        match losses.fate(write, before) {
            Fate::Kept => return Some(Cause::LateFill),
            Fate::Lost | Fate::Torn => known = true,
            Fate::NotYet => {}
        }
    }
    if known {
        return Some(Cause::Unjournaled);
    }
    let submitted = trace.writes.iter().find(|write| write.issued > newer.issued)?.issued_ns;
    let waited = trace.time_before(before).saturating_sub(submitted);
    Some(if waited > JOURNAL_DELAY_NS {
        Cause::UnjournaledDeferred
    } else {
        Cause::UnjournaledPending
    })
}

/// Why a flushed write to `sector` is gone after a cut before event `before`
/// that lost `losses`, where that can be told: an invalidation, issued after
/// the flush, that survived.
#[must_use]
pub fn loss(
    trace: &Trace,
    history: &History,
    losses: &Losses,
    before: u64,
    sector: u64,
) -> Option<Cause> {
    let flushed = history.flushed_by(before, sector)?;
    let kept = |write: &Write| losses.fate(write, before) == Fate::Kept;
    trace.invalidations(sector, flushed).any(kept).then_some(Cause::DirtyInvalidated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Written;
    use crate::history::Told;
    use scenario::layout::DATA_OFFSET;
    use vdisk::bcache_format::Key;
    use wire::Extent;

    const A: Option<Content> = Some(Content::Stamped { run: 1, seq: 1, writer: 0 });
    const B: Option<Content> = Some(Content::Stamped { run: 1, seq: 2, writer: 0 });

    /// B's data is request 7, issued at event 12; its invalidation is in the
    /// journal entry that request 8 carries, issued at event 20.
    fn trace(invalidated: bool) -> (Trace, History) {
        let mut history = History::default();
        let extent = Extent { sector: 64, sectors: 8 };
        history.push(10, Told::Issued { seq: 2, extent, fua: false });
        let key = Key {
            inode: 0,
            end: 64 + DATA_OFFSET + 8,
            sectors: 8,
            dirty: false,
            pointers: Vec::new(),
        };
        let write = |request, issued, what| Write {
            request,
            disk: scenario::Disk::Ssd,
            sector: 0,
            sectors: 8,
            issued,
            issued_ns: issued * 1_000_000,
            completed: None,
            what,
        };
        let mut trace = Trace::default();
        trace.writes.push(write(7, 12, Written::Data(Vec::new())));
        if invalidated {
            trace.writes.push(write(
                8,
                20,
                Written::Journal { seq: 5, last_seq: 3, keys: vec![key] },
            ));
        }
        trace.times = vec![(12, 12_000_000), (20, 20_000_000), (30, 2_000_000_000)];
        (trace, history)
    }

    fn why(invalidated: bool, lost: &[u64], before: u64, front: Option<Content>) -> Option<Cause> {
        let (trace, history) = trace(invalidated);
        let other = if front == A { B } else { A };
        cause(&trace, &history, &Losses::whole(lost), before, 64, (front, other))
    }

    #[test]
    fn the_invalidations_fate_names_the_cause() {
        assert_eq!(why(true, &[], 30, A), Some(Cause::LateFill));
        assert_eq!(why(true, &[8], 30, A), Some(Cause::Unjournaled));
        assert_eq!(why(true, &[], 20, A), Some(Cause::UnjournaledPending));
        assert_eq!(why(false, &[], 30, A), Some(Cause::UnjournaledDeferred));
        assert_eq!(why(true, &[], 30, B), Some(Cause::DiskBehind));
    }

    #[test]
    fn a_flushed_write_is_lost_by_an_invalidation_that_survived() {
        let (trace, mut history) = trace(true);
        let lost = |history: &History, lost: &[u64], before| {
            loss(&trace, history, &Losses::whole(lost), before, 64)
        };
        assert_eq!(lost(&history, &[], 30), None, "nothing was promised");
        let extent = Extent { sector: 64, sectors: 8 };
        history = History::default();
        history.push(2, Told::Issued { seq: 1, extent, fua: false });
        history.push(4, Told::Acked { seq: 1 });
        history.push(4, Told::FlushIssued { id: 1 });
        history.push(6, Told::FlushAcked { id: 1 });
        history.push(10, Told::Issued { seq: 2, extent, fua: false });
        assert_eq!(lost(&history, &[], 30), Some(Cause::DirtyInvalidated));
        assert_eq!(lost(&history, &[8], 30), None, "the invalidation is gone as well");
        assert_eq!(lost(&history, &[], 20), None, "it was not issued yet");
        assert_eq!(loss(&trace, &history, &Losses::default(), 30, 80), None);
    }

    #[test]
    fn a_set_is_torn_when_part_of_it_is_there() {
        let (mut trace, _) = trace(true);
        trace.writes[0].what = Written::Set { keys: Vec::new() };
        let torn = Losses::partly(&[7]);
        assert!(trace.tears_a_set(&torn, 30));
        assert!(!trace.tears_a_set(&torn, 12), "it was not issued yet");
        assert!(!trace.tears_a_set(&Losses::whole(&[7]), 30), "nothing of it is there");
        assert!(!trace.tears_a_set(&Losses::partly(&[8]), 30), "that is a journal entry");
    }

    #[test]
    fn an_invalidation_of_another_sector_does_not_count() {
        let (trace, history) = trace(true);
        let found = cause(&trace, &history, &Losses::default(), 30, 72, (A, B));
        assert_eq!(found, Some(Cause::UnjournaledDeferred));
    }
    #[test]
    fn equal_contents_have_no_cause_and_zeroes_are_the_oldest() {
        let (trace, history) = trace(true);
        let found =
            |front, back| cause(&trace, &history, &Losses::default(), 30, 64, (front, back));
        assert_eq!(found(B, B), None);
        assert_eq!(found(Some(Content::Blank), B), Some(Cause::LateFill));
        assert_eq!(found(B, Some(Content::Blank)), Some(Cause::DiskBehind));
        assert_eq!(found(Some(Content::Torn), B), None);
        assert_eq!(found(A, None), None);
    }

    /// The journal's delay counts from the first request after the submission.
    #[test]
    fn an_invalidation_is_deferred_once_it_is_later_than_any_journal_write() {
        let at = |earlier: Option<u64>, cut_ns| {
            let (mut trace, history) = trace(false);
            if let Some(issued) = earlier {
                let write = Write { issued, issued_ns: 0, ..trace.writes[0].clone() };
                trace.writes.insert(0, write);
            }
            trace.times = vec![(30, cut_ns)];
            cause(&trace, &history, &Losses::default(), 30, 64, (A, B))
        };
        let (pending, deferred) = (Cause::UnjournaledPending, Cause::UnjournaledDeferred);
        assert_eq!(at(None, 12_000_000 + JOURNAL_DELAY_NS), Some(pending));
        assert_eq!(at(None, 12_000_001 + JOURNAL_DELAY_NS), Some(deferred));
        assert_eq!(at(Some(10), 12_000_000 + JOURNAL_DELAY_NS), Some(pending));
        assert_eq!(at(Some(11), 12_000_000 + JOURNAL_DELAY_NS), Some(deferred));
    }
}
