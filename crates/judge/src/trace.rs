// SPDX-License-Identifier: MIT OR Apache-2.0
//! The trace of a recording in bcache's terms: what each write to the disks was.

use crate::decode::{Devices, Seen, Written, disk, sectors};
use scenario::Disk;
use scenario::layout;
use std::collections::HashMap;
use vdisk::crash::CrashState;
use vdisk::log::{Life, Log};
use vdisk::{Kind as EventKind, Op};

/// One write, trim or write-zeroes request.
#[derive(Clone, Debug)]
pub struct Write {
    /// The request's number.
    pub request: u64,
    /// The disk that it went to.
    pub disk: Disk,
    /// First sector on that disk, as [`wire::volume`] counts.
    pub sector: u64,
    /// Sectors.
    pub sectors: u64,
    /// Event of its issue.
    pub issued: u64,
    /// Time of its issue.
    pub issued_ns: u64,
    /// Event of its completion.
    pub completed: Option<u64>,
    /// What it carried.
    pub what: Written,
}

/// What became of a write in a crash state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The cut came before it was issued.
    NotYet,
    /// It is there, or something newer that overwrote it.
    Kept,
    /// Part of it is gone.
    Torn,
    /// All of it is gone.
    Lost,
}

/// What a crash state has lost, by request: whether all of it.
#[derive(Clone, Debug, Default)]
pub struct Losses(HashMap<u64, bool>);

impl Losses {
    /// Of a state.
    #[must_use]
    pub fn of(state: &CrashState) -> Self {
        let each = state.lost().into_iter();
        Self(each.map(|lost| (lost.change.request(), lost.lost == lost.change.live)).collect())
    }

    /// For tests: these requests, whole.
    #[cfg(test)]
    pub fn whole(requests: &[u64]) -> Self {
        Self(requests.iter().map(|request| (*request, true)).collect())
    }

    /// For tests: these requests, in part.
    #[cfg(test)]
    pub fn partly(requests: &[u64]) -> Self {
        Self(requests.iter().map(|request| (*request, false)).collect())
    }

    /// What became of `item` in a cut before event `before`.
    #[must_use]
    pub fn fate(&self, item: &Write, before: u64) -> Fate {
        match self.0.get(&item.request) {
            _ if item.issued >= before => Fate::NotYet,
            None => Fate::Kept,
            Some(true) => Fate::Lost,
            Some(false) => Fate::Torn,
        }
    }
}

/// All of a recording's writes, and the scenario's steps between them.
#[derive(Debug, Default)]
pub struct Trace {
    /// In the order of their issue.
    pub writes: Vec<Write>,
    /// Event and text of the lab's own remarks.
    pub marks: Vec<(u64, String)>,
    /// Event and time (ns).
    pub times: Vec<(u64, u64)>,
}

impl Trace {
    /// Reads a life of the disks; a payload that cannot be read counts as zeroes.
    #[must_use]
    pub fn read(log: &Log, life: &Life, devices: Devices) -> Self {
        let mut trace = Self::default();
        let mut places = HashMap::new();
        for event in &life.events {
            trace.times.push((event.seq, event.at_ns));
            match (&event.kind, event.op) {
                (EventKind::Mark(_, text), _) => trace.marks.push((event.seq, text.to_string())),
                (EventKind::Issue, Some(Op::Write | Op::Trim | Op::WriteZeroes)) => {
                    let seen = Seen::of_log(log, life, event, devices).ok();
                    let what = seen.and_then(|seen| seen.written);
                    let sectors = sectors(event);
                    places.insert(event.request, trace.writes.len());
                    trace.writes.push(Write {
                        request: event.request,
                        disk: disk(event),
                        sector: sectors.start,
                        sectors: event.sectors,
                        issued: event.seq,
                        issued_ns: event.at_ns,
                        completed: None,
                        what: what.unwrap_or(Written::Zeroes),
                    });
                }
                (EventKind::Complete, _) if event.error == 0 => {
                    if let Some(&at) = places.get(&event.request) {
                        trace.writes[at].completed = Some(event.seq);
                    }
                }
                _ => {}
            }
        }
        trace
    }

    /// Time of the newest event before event `before`, in nanoseconds.
    #[must_use]
    pub fn time_before(&self, before: u64) -> u64 {
        let after = self.times.partition_point(|(seq, _)| *seq < before);
        // The cut's own event tells best how long nothing had happened.
        let at = if self.times.get(after).is_some() { after } else { after.saturating_sub(1) };
        self.times.get(at).map_or(0, |(_, ns)| *ns)
    }

    /// Whether a cut before event `before` that lost `losses` left part of a
    /// set of btree keys.
    #[must_use]
    pub fn tears_a_set(&self, losses: &Losses, before: u64) -> bool {
        self.writes.iter().any(|item| {
            matches!(item.what, Written::Set { .. }) && losses.fate(item, before) == Fate::Torn
        })
    }

    /// Journal entries that say that `sector` (of the bcache device) is not
    /// cached, issued after event `since`.
    pub fn invalidations(&self, sector: u64, since: u64) -> impl Iterator<Item = &Write> {
        let on_backing = sector + layout::DATA_OFFSET;
        self.writes.iter().filter(move |item| match &item.what {
            Written::Journal { keys, .. } => {
                item.issued > since
                    && keys.iter().any(|key| key.pointers.is_empty() && key.covers(on_backing))
            }
            _ => false,
        })
    }
}
