// SPDX-License-Identifier: MIT OR Apache-2.0

//! Chunks alone.

use std::sync::atomic::{AtomicU32, Ordering::*};

use super::tracker::{Tracker, chunks};
use crate::inflight_table::range::{CHUNK_SHIFT, Range};

/// A flat array with a counter for each chunk: nothing is simpler, or takes more memory.
pub struct Flat(Vec<AtomicU32>);

impl Flat {
    /// For a device of that many sectors.
    pub fn new(sectors: u64) -> Self {
        Self((0..=sectors >> CHUNK_SHIFT).map(|_| AtomicU32::new(0)).collect())
    }
}

impl Tracker for Flat {
    type Token = ();
    fn record(&self, range: Range) {
        for chunk in chunks(range) {
            self.0[chunk].fetch_add(1, SeqCst);
        }
    }
    fn clear(&self, range: Range, (): ()) {
        for chunk in chunks(range) {
            self.0[chunk].fetch_sub(1, Release);
        }
    }
    fn check(&self, range: Range) -> bool {
        chunks(range).any(|chunk| self.0[chunk].load(Acquire) != 0)
    }
}
