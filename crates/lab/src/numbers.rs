// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers of writes and flushes, each used once in a case.

/// The next ones.
pub struct Numbers {
    seq: u64,
    flush: u64,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { seq: 1, flush: 1 }
    }
}

impl Numbers {
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
