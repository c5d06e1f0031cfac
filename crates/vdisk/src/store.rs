// SPDX-License-Identifier: MIT OR Apache-2.0
//! One disk's content: what it returns, what a power cut must leave, and the
//! changes in between whose fate is open.
//!
//! Changes to one sector are ordered by when the disk applied them. A change
//! is *certified* when the crash model promises it (design, section 5); from
//! then on no older change to the same sectors can come back. A cut may leave,
//! sector by sector, the newest certified change or any later one.

use crate::cut::{Policy, Survival, without};
use crate::media::{Media, SECTOR};
use crate::rng::Rng;
use std::ops::Range;
use std::sync::Arc;

/// The new content of a changed range.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Whole sectors.
    Data(Arc<Vec<u8>>),
    /// Zeroes (trim and write-zeroes).
    Zero,
}

/// A change that reached the disk, or is on its way there.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub request: u64,
    pub range: Range<u64>,
    pub body: Body,
    pub fua: bool,
}

impl Change {
    fn part(&self, part: &Range<u64>) -> Option<&[u8]> {
        let Body::Data(data) = &self.body else { return None };
        let at = |sector: u64| (sector - self.range.start) as usize * SECTOR;
        Some(&data[at(part.start)..at(part.end)])
    }

    /// The change cut to what took effect, a beginning of it.
    pub fn cut_to(mut self, sectors: u64) -> Self {
        if sectors < self.range.end - self.range.start {
            self.range.end = self.range.start + sectors;
            if let Body::Data(data) = &self.body {
                self.body = Body::Data(Arc::new(data[..sectors as usize * SECTOR].to_vec()));
            }
        }
        self
    }

    /// What became of it, of which `live` was open and `kept` is there still.
    fn fate(
        &self,
        live: &[Range<u64>],
        kept: Vec<Range<u64>>,
        applied: bool,
        acknowledged: bool,
    ) -> Survival {
        Survival {
            disk: String::new(),
            request: self.request,
            sector: self.range.start,
            sectors: self.range.end - self.range.start,
            applied,
            acknowledged,
            lost: without(live, &kept),
            kept,
        }
    }

    /// Puts `part` of this change on `media`.
    pub fn apply(&self, media: &mut Media, part: &Range<u64>, twin: Option<&Media>) {
        if let Body::Data(data) = &self.body
            && *part == self.range
            && media.write_page(part.start, data, twin)
        {
            return;
        }
        match self.part(part) {
            Some(data) => media.write_sharing(part.start, data, twin),
            None => media.zero(part.clone()),
        }
    }
}

/// An applied change that is not certified yet.
#[derive(Clone, Debug)]
struct Pending {
    change: Change,
    /// Sectors where no newer change is certified; in order, not empty.
    live: Vec<Range<u64>>,
    /// Sequence number of its completion.
    completed: Option<u64>,
}

fn subtract(live: &mut Vec<Range<u64>>, hole: &Range<u64>) {
    if !live.iter().any(|part| part.start < hole.end && hole.start < part.end) {
        return;
    }
    let old = std::mem::take(live);
    for part in old {
        let left = part.start..part.end.min(hole.start);
        let right = part.start.max(hole.end)..part.end;
        live.extend([left, right].into_iter().filter(|piece| !piece.is_empty()));
    }
}

fn less(live: &[Range<u64>], hole: Range<u64>) -> Vec<Range<u64>> {
    let mut rest = live.to_vec();
    subtract(&mut rest, &hole);
    rest
}

/// Deliberate faults of the model: the durability tests must catch each.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    None,
    FlushCoversInFlight,
    FlushCoversLater,
    FlushForgets,
    FuaIgnored,
    CacheOffForgets,
    OldOverNew,
    ReadsDurable,
}

#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub volatile: bool,
    /// Above this many bytes of open changes the oldest completed ones are
    /// written out, as a disk with a full cache does.
    pub cache_bytes: u64,
    current: Media,
    durable: Media,
    pending: Vec<Pending>,
    pending_bytes: u64,
    #[cfg(test)]
    pub bug: Bug,
}

impl Store {
    pub fn new(volatile: bool, cache_bytes: u64) -> Self {
        Self {
            volatile,
            cache_bytes,
            current: Media::default(),
            durable: Media::default(),
            pending: Vec::new(),
            pending_bytes: 0,
            #[cfg(test)]
            bug: Bug::None,
        }
    }

    /// What reads return now.
    pub fn current(&self) -> &Media {
        #[cfg(test)]
        if self.bug == Bug::ReadsDurable {
            return &self.durable;
        }
        &self.current
    }

    /// What a power cut now must leave at least.
    pub fn durable(&self) -> &Media {
        &self.durable
    }

    /// `change` reaches the cache, or the media where there is no cache.
    pub fn apply(&mut self, change: Change) {
        change.apply(&mut self.current, &change.range, None);
        let live = vec![change.range.clone()];
        if let Body::Data(data) = &change.body {
            self.pending_bytes += data.len() as u64;
        }
        self.pending.push(Pending { change, live, completed: None });
    }

    /// The change of `request` is answered at event `seq`. One that failed
    /// is promised nothing, but part of it may be there.
    pub fn complete(&mut self, request: u64, seq: u64, good: bool) {
        let Some(at) = self.pending.iter().rposition(|p| p.change.request == request) else {
            return;
        };
        self.pending[at].completed = Some(seq);
        let promised = good && (self.pending[at].change.fua || !self.volatile);
        #[cfg(test)]
        let promised = match self.bug {
            Bug::FuaIgnored => !self.volatile,
            Bug::CacheOffForgets => self.pending[at].change.fua,
            _ => promised,
        };
        if promised {
            self.certify_one(at);
        } else if self.pending_bytes > self.cache_bytes {
            self.write_out();
        }
    }

    /// A flush that was issued at event `issued` is acknowledged.
    pub fn flushed(&mut self, issued: u64) {
        #[cfg(test)]
        match self.bug {
            Bug::FlushCoversInFlight => return self.certify(|_| true),
            Bug::FlushCoversLater => return self.certify(|p| p.completed.is_some()),
            Bug::FlushForgets => return,
            _ => (),
        }
        self.certify(|p| p.completed.is_some_and(|seq| seq < issued));
    }

    fn certify_one(&mut self, at: usize) {
        let done = self.pending.remove(at);
        self.settle(&done);
        #[cfg(test)]
        if self.bug == Bug::OldOverNew {
            return;
        }
        for part in &done.live {
            self.pending[..at].iter_mut().for_each(|p| subtract(&mut p.live, part));
        }
        self.drop_dead();
    }

    fn certify(&mut self, promised: impl Fn(&Pending) -> bool) {
        let all = std::mem::take(&mut self.pending);
        let mut kept: Vec<Pending> = Vec::new();
        for pending in all {
            if promised(&pending) {
                self.settle(&pending);
                for part in &pending.live {
                    kept.iter_mut().for_each(|older| subtract(&mut older.live, part));
                }
            } else {
                kept.push(pending);
            }
        }
        self.pending = kept;
        self.drop_dead();
    }

    fn settle(&mut self, pending: &Pending) {
        if let Body::Data(data) = &pending.change.body {
            self.pending_bytes -= data.len() as u64;
        }
        for part in &pending.live {
            pending.change.apply(&mut self.durable, part, Some(&self.current));
        }
    }

    /// Completed changes of which nothing can come back any more.
    fn drop_dead(&mut self) {
        let bytes = &mut self.pending_bytes;
        self.pending.retain(|p| {
            let keep = !p.live.is_empty() || p.completed.is_none();
            if let (false, Body::Data(data)) = (keep, &p.change.body) {
                *bytes -= data.len() as u64;
            }
            keep
        });
    }

    fn write_out(&mut self) {
        let mut over = self.pending_bytes - self.cache_bytes / 2;
        let mut last = 0;
        for pending in &self.pending {
            let (Some(seq), Body::Data(data)) = (pending.completed, &pending.change.body) else {
                continue;
            };
            last = last.max(seq);
            over = over.saturating_sub(data.len() as u64);
            if over == 0 {
                break;
            }
        }
        self.certify(|p| p.completed.is_some_and(|seq| seq <= last));
    }

    /// Content put there by the lab itself: durable at once, in all copies.
    pub fn poke(&mut self, sector: u64, data: &[u8]) {
        let range = sector..sector + (data.len() / SECTOR) as u64;
        self.pending.iter_mut().for_each(|p| subtract(&mut p.live, &range));
        self.drop_dead();
        self.current.write(sector, data);
        self.durable.write_sharing(sector, data, Some(&self.current));
    }

    /// Cuts the power. `in_flight` are issued changes that had not been
    /// applied. Says what became of every open change.
    pub fn cut(&mut self, policy: Policy, in_flight: &[Change], rng: &mut Rng) -> Vec<Survival> {
        let applied = std::mem::take(&mut self.pending);
        let mut fates = Vec::with_capacity(applied.len() + in_flight.len());
        let mut image = self.durable.clone();
        for pending in &applied {
            let kept = match policy {
                Policy::KeepAll | Policy::KeepInFlight => pending.live.clone(),
                Policy::KeepBut { first, end, .. } => less(&pending.live, first..end),
                Policy::DropAll => Vec::new(),
                Policy::Torn => {
                    let Range { start, end } = pending.change.range;
                    less(&pending.live, start.midpoint(end + 1)..end)
                }
                Policy::Seeded(_) => rng.some_of(&pending.live),
            };
            for part in &kept {
                pending.change.apply(&mut image, part, Some(&self.current));
            }
            let acknowledged = pending.completed.is_some();
            fates.push(pending.change.fate(&pending.live, kept, true, acknowledged));
        }
        for change in in_flight {
            let whole = [change.range.clone()];
            let kept = match policy {
                Policy::KeepInFlight => whole.to_vec(),
                Policy::KeepAll | Policy::KeepBut { .. } | Policy::DropAll | Policy::Torn => {
                    Vec::new()
                }
                Policy::Seeded(_) => rng.some_of(&whole),
            };
            kept.iter().for_each(|part| change.apply(&mut image, part, None));
            fates.push(change.fate(&whole, kept, false, false));
        }
        self.pending_bytes = 0;
        self.current = image.clone();
        self.durable = image;
        fates
    }

    /// The machine is reset: nothing more is acknowledged, the cache stays.
    /// Changes on their way to the cache are gone, or kept with
    /// [`Policy::KeepInFlight`].
    pub fn reset(&mut self, policy: Policy, in_flight: &[Change], seq: u64) -> Vec<Survival> {
        let mut fates = Vec::new();
        for pending in &mut self.pending {
            // Nobody saw it complete, but it is in the cache like any other.
            let acknowledged = pending.completed.is_some();
            pending.completed.get_or_insert(seq);
            let live = pending.live.clone();
            fates.push(pending.change.fate(&live, live.clone(), true, acknowledged));
        }
        for change in in_flight {
            let whole = [change.range.clone()];
            let keep = policy == Policy::KeepInFlight;
            if keep {
                self.apply(change.clone());
                self.complete(change.request, seq, true);
            }
            let kept = if keep { whole.to_vec() } else { Vec::new() };
            fates.push(change.fate(&whole, kept, false, false));
        }
        if !self.volatile {
            self.certify(|_| true);
        }
        fates
    }

    /// The applied changes whose fate is open, oldest first, and of each the
    /// sectors where it may still show.
    pub fn open(&self) -> impl Iterator<Item = (&Change, &[Range<u64>], Option<u64>)> {
        self.pending.iter().map(|p| (&p.change, &p.live[..], p.completed))
    }

    /// Whether completing `request` well promises something new.
    pub fn completing_promises(&self, request: u64) -> bool {
        let found = self.pending.iter().rfind(|p| p.change.request == request);
        found.is_some_and(|p| (p.change.fua || !self.volatile) && !p.live.is_empty())
    }

    /// Whether a flush issued at event `issued` promises something new.
    pub fn flush_promises(&self, issued: u64) -> bool {
        self.pending.iter().any(|p| p.completed.is_some_and(|seq| seq < issued))
    }

    /// A disk that holds `image`, all of it durable.
    pub fn replace(&mut self, image: Media) {
        self.pending.clear();
        self.pending_bytes = 0;
        self.durable = image.clone();
        self.current = image;
    }

    /// The content of another disk, with what is open in it.
    pub fn take_content(&mut self, other: &Store) {
        let (volatile, cache_bytes) = (self.volatile, self.cache_bytes);
        *self = Self { volatile, cache_bytes, ..other.clone() };
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
