// SPDX-License-Identifier: MIT OR Apache-2.0
//! Takes the machine down at one instant of the disks' common sequence.

use crate::session::Session;
use evidence::Cut;
use scenario::OpenWrites;
use vdisk::{CutKind, CutReport, Policy};

impl Session<'_> {
    /// Freezes both disks, then ends the machine. `seed` chooses what a random
    /// cut leaves. The witness is for the caller to tell, once it knows all
    /// that the guest had reported.
    pub fn cut(
        &mut self,
        kind: CutKind,
        open: OpenWrites,
        seed: impl FnOnce() -> u64,
    ) -> CutReport {
        let policy = match open {
            OpenWrites::Drop => Policy::DropAll,
            OpenWrites::Keep => Policy::KeepAll,
            OpenWrites::Random => Policy::Seeded(seed()),
        };
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
