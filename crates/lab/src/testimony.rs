// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the guest was asked to write and what it said of it, and the numbers by
//! which this is told apart.

use judge::history::{History, Told};
use judge::witness::Witness;

pub struct Testimony {
    /// Number in every stamp of this case.
    pub run: u64,
    pub witness: Witness,
    /// What the witness was told, by event: see [`History`].
    pub history: History,
    /// The next ones of writes and of flushes, each used once in a case.
    seq: u64,
    flush: u64,
}

impl Testimony {
    pub fn new(run: u64) -> Self {
        let (witness, history) = (Witness::new(), History::default());
        Self { run, witness, history, seq: 1, flush: 1 }
    }

    /// Tells the witness, at an event of the disks.
    pub fn add(&mut self, event: u64, told: Told) {
        told.to(&mut self.witness);
        self.history.push(event, told);
    }

    /// Forgets what was written; no number is used again.
    pub fn forget(&mut self) {
        self.witness = Witness::new();
        self.history = History::default();
    }

    /// The first of `count` sequence numbers for stamps.
    pub fn take_seqs(&mut self, count: u64) -> u64 {
        self.seq += count;
        self.seq - count
    }

    pub fn take_flush(&mut self) -> u64 {
        self.flush += 1;
        self.flush - 1
    }
}
