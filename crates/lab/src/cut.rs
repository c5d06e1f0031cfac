// SPDX-License-Identifier: MIT OR Apache-2.0
//! Takes the machine down at one instant of the disks' common sequence.

use crate::session::Session;
use evidence::Cut;
use scenario::layout::DATA_OFFSET;
use scenario::{Disk, OpenWrites, Place};
use std::ops::Range;
use vdisk::{CutKind, CutReport, Policy};

impl Session<'_> {
    /// A place as a disk sees it. A block is on its own backing device.
    pub(crate) fn on_disk(&self, disk: Disk, place: &Place) -> (Disk, Range<u64>) {
        match place {
            Place::Sectors(at) => (disk, at.range()),
            Place::Block(name) => {
                let at = self.scenario.blocks[name];
                let own = at.on.backing().filter(|_| disk != Disk::Ssd);
                let (Range { start, end }, shift) = (at.range(), own.map_or(0, |_| DATA_OFFSET));
                (own.unwrap_or(disk), start + shift..end + shift)
            }
        }
    }

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
            let (Place::Block(name), Disk::Ssd) = (place, disk) else {
                return Some(self.on_disk(disk, place));
            };
            let block = self.block(name);
            Some((disk, self.watch.on(&self.rig).newest_copy(block)?))
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
