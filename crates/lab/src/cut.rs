// SPDX-License-Identifier: MIT OR Apache-2.0
//! Takes the machine down at one instant of the disks' common sequence.

use crate::session::Session;
use evidence::Cut;
use judge::decode::on_backing;
use scenario::{Disk, OpenWrites, Place};
use std::ops::Range;
use vdisk::{CutKind, CutReport, Policy};

impl Session<'_> {
    /// Freezes both disks, then ends the machine. `lose` is the place of which
    /// nothing open survives on that disk; `seed` chooses what a random cut
    /// leaves. The witness is for the caller to tell, once it knows all that the
    /// guest had reported.
    pub fn cut(
        &mut self,
        kind: CutKind,
        open: OpenWrites,
        lose: Option<(&Place, Disk)>,
        seed: impl FnOnce() -> u64,
    ) -> CutReport {
        let place = lose.and_then(|(place, disk)| {
            let range = match (place, disk) {
                (Place::Sectors(at), _) => Some(at.sector..at.sector + u64::from(at.sectors)),
                (Place::Block(name), Disk::Hdd) => Some(on_backing(self.block(name))),
                (Place::Block(name), Disk::Ssd) => {
                    let block = self.block(name);
                    self.watch.on(&self.rig).newest_copy(block)
                }
            };
            range.map(|range| (disk, range))
        });
        let but = |(disk, Range { start: first, end }): (Disk, Range<u64>)| Policy::KeepBut {
            disk: self.rig.index(disk.name()),
            first,
            end,
        };
        let policy = place.map(but).unwrap_or_else(|| match open {
            OpenWrites::Drop => Policy::DropAll,
            OpenWrites::Keep => Policy::KeepAll,
            OpenWrites::Torn => Policy::Torn,
            OpenWrites::Random => Policy::Seeded(seed()),
        });
        let report = self.power_off(kind, policy);
        self.notes.cuts.push(Cut {
            kind: kind.to_string(),
            at_event: report.at_event,
            writes_lost: report.lost.len() as u64,
        });
        report
    }
}
