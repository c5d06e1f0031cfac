// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a scenario has given names to, and not yet waited for.

use scenario::Counter;
use std::collections::BTreeMap;
use vdisk::HoldId;
use vm::Pending;

/// By the names in the scenario's file.
#[derive(Default)]
pub struct Named {
    /// The number in the stamps of each version.
    pub versions: BTreeMap<String, u64>,
    pub background: BTreeMap<String, Background>,
    /// Reads that were started and not yet waited for.
    pub reads: BTreeMap<String, Pending>,
    pub holds: BTreeMap<String, HoldId>,
    /// Counters of the tracker as they were last read.
    pub counters: BTreeMap<Counter, u64>,
    /// How many pieces of the filler blocks are used up.
    pub filler_at: u64,
}

/// A write that was started and not yet waited for.
pub struct Background {
    pub pending: Pending,
    pub seq: u64,
    /// Position in the disks' event sequence before it was submitted.
    pub started_at: u64,
}

impl Named {
    /// The machine is gone, and with it all that was under way.
    pub fn forget_requests(&mut self) {
        self.background.clear();
        self.reads.clear();
        self.holds.clear();
    }

    /// Event position from which an invalidation counts: the start of the
    /// oldest write that is still on its way.
    pub fn on_the_way(&self) -> Option<u64> {
        self.background.values().map(|write| write.started_at).min()
    }
}
