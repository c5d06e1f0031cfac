// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which block a time line is about.

use crate::decode::{Devices, Seen, disk, on_bcache, sectors};
use evidence::{Case, Fact, Observation};
use scenario::{Disk, layout};
use std::collections::BTreeMap;
use std::ops::Range;
use vdisk::log::Log;
use vdisk::{Event, Kind, Op};

/// A range of the bcache device, in sectors of 512 B, and the names that the
/// scenario gave to the writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Focus {
    /// The sectors.
    pub range: Range<u64>,
    /// Version names by the number in the stamp.
    pub names: BTreeMap<u64, String>,
}

/// Longer ranges are cut: a time line is about a block.
const LONGEST: u64 = 1 << 12;

impl Focus {
    /// One block of 4 KiB.
    #[must_use]
    pub fn block(case: &Case, sector: u64) -> Self {
        let first = sector & !7;
        Self { range: first..first.saturating_add(8), names: names(case) }
    }

    /// What the oracle found, else the last write that has a name, else the
    /// first request of the backing device that was held.
    #[must_use]
    pub fn find(case: &Case, log: &Log) -> Option<Self> {
        let names = names(case);
        let range = finding(case).or_else(|| named(log, &names)).or_else(|| held(log))?;
        let end = range.end.min(range.start.saturating_add(LONGEST));
        Some(Self { range: range.start..end, names })
    }

    /// As the backing device counts.
    #[must_use]
    pub fn on_backing(&self) -> Range<u64> {
        let shift = |sector: u64| sector.saturating_add(layout::DATA_OFFSET);
        shift(self.range.start)..shift(self.range.end)
    }

    /// A write's name, with its number.
    #[must_use]
    pub fn name(&self, seq: u64) -> String {
        match self.names.get(&seq) {
            Some(name) => format!("{name} (write #{seq})"),
            None => format!("write #{seq}"),
        }
    }
}

fn facts(case: &Case) -> impl Iterator<Item = &Fact> {
    case.observations.iter().filter_map(Observation::fact)
}

fn names(case: &Case) -> BTreeMap<u64, String> {
    let each = facts(case).filter_map(|fact| match fact {
        Fact::Write { name, number } => Some((*number, name.clone())),
        _ => None,
    });
    each.collect()
}

fn finding(case: &Case) -> Option<Range<u64>> {
    facts(case).find_map(|fact| match fact {
        Fact::Finding { sector, sectors, .. } => Some(*sector..sector.checked_add(*sectors)?),
        _ => None,
    })
}

/// Where on the backing device the last named write went.
fn named(log: &Log, names: &BTreeMap<u64, String>) -> Option<Range<u64>> {
    let (last, devices) = (*names.keys().max()?, Devices::of_log(log));
    for life in &log.lives {
        for event in &life.events {
            if event.kind != Kind::Issue || event.op != Some(Op::Write) || disk(event) == Disk::Ssd
            {
                continue;
            }
            let seen = Seen::of_log(log, life, event, devices).ok();
            let seen = seen.and_then(|seen| seen.written);
            let stamp = seen.and_then(|written| written.stamp(sectors(event).start));
            if stamp.is_some_and(|(seq, _)| seq == last) {
                return Some(of_backing(event));
            }
        }
    }
    None
}

fn held(log: &Log) -> Option<Range<u64>> {
    let mut events = log.lives.iter().flat_map(|life| &life.events);
    let held =
        events.find(|event| matches!(event.kind, Kind::Held(_)) && disk(event) != Disk::Ssd)?;
    Some(of_backing(held))
}

fn of_backing(event: &Event) -> Range<u64> {
    on_bcache(sectors(event))
}
