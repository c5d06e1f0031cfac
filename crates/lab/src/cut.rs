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
    /// nothing open survives on the backing device; `seed` chooses what a random
    /// cut leaves. The witness is for the caller to tell, once it knows all
    /// that the guest had reported.
    pub fn cut(
        &mut self,
        kind: CutKind,
        open: OpenWrites,
        lose: Option<&str>,
        seed: impl FnOnce() -> u64,
    ) -> CutReport {
        let but = |block| {
            let Range { start: first, end } = on_backing(self.block(block));
            Policy::KeepBut { disk: self.rig.index(Disk::Hdd.name()), first, end }
        };
        let policy = lose.map(but).unwrap_or_else(|| match open {
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
