// SPDX-License-Identifier: MIT OR Apache-2.0
//! Takes the machine down at one instant of the disks' common sequence.

use crate::session::Session;
use evidence::Cut;
use judge::decode::on_backing;
use scenario::{Disk, OpenWrites};
use std::ops::Range;
use vdisk::{CutKind, CutReport, Policy};

impl Session<'_> {
    /// Freezes both disks, then ends the machine. `lose` names the block of which
    /// nothing open survives on that disk; `seed` chooses what a random cut
    /// leaves. The witness is for the caller to tell, once it knows all that the
    /// guest had reported.
    pub fn cut(
        &mut self,
        kind: CutKind,
        open: OpenWrites,
        lose: Option<(&str, Disk)>,
        seed: impl FnOnce() -> u64,
    ) -> CutReport {
        let place = lose.and_then(|(block, disk)| {
            let block = self.block(block);
            let range = match disk {
                Disk::Hdd => Some(on_backing(block)),
                Disk::Ssd => self.watch.on(&self.rig).newest_copy(block),
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
        let report = self.rig.cut(kind, policy);
        self.machine_down();
        self.notes.cuts.push(Cut {
            kind: kind.to_string(),
            at_event: report.at_event,
            writes_lost: report.lost.len() as u64,
        });
        report
    }
}
