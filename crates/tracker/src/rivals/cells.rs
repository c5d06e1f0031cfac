// SPDX-License-Identifier: MIT OR Apache-2.0

//! A table of counters, two for each fine granule of a write.
//!
//! A counting Bloom filter over granules of 64 KiB. Ranges of more than a megabyte count into
//! coarse cells, per hashed 32 MB chunk, and those of more than two chunks into one for everything.
//! It cannot be full, but it can only say "perhaps", gets there sooner, and pays two locked
//! instructions for each granule both ways.

use std::sync::atomic::{AtomicU32, Ordering::*};

use super::tracker::Tracker;
use crate::inflight_table::range::{CHUNK_SHIFT, Range};

/// Sectors of 512 bytes in a granule of 64 KiB, as a shift.
const FINE_SHIFT: u32 = 7;
/// The most granules that a range counts into one by one.
const MOST: u64 = 17;

const COARSE: usize = 256;

/// The counters of the writes in flight to one backing device.
pub struct Cells {
    fine: Vec<AtomicU32>,
    coarse: [AtomicU32; COARSE],
    everywhere: AtomicU32,
    /// Records that are not in `fine`.
    beyond: AtomicU32,
}

/// Both cells of a granule in a table of `len`, a power of two.
fn hashes(granule: u64, len: usize) -> [usize; 2] {
    let h = granule.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    [(h >> 48) as usize & (len - 1), (h >> 32) as usize & (len - 1)]
}

impl Cells {
    /// Fine counters that take 64 KiB.
    pub const LARGE: usize = 1 << 14;

    /// An empty table of that many fine counters, a power of two.
    pub fn new(fine: usize) -> Self {
        Self {
            fine: (0..fine).map(|_| AtomicU32::new(0)).collect(),
            coarse: core::array::from_fn(|_| AtomicU32::new(0)),
            everywhere: AtomicU32::new(0),
            beyond: AtomicU32::new(0),
        }
    }

    /// Calls `f` for each counter of the range, then for `beyond` if that counts too.
    fn each(&self, range: Range, f: impl Fn(&AtomicU32)) {
        let (first, last) = range.units(FINE_SHIFT);
        if last - first < MOST {
            for granule in first..=last {
                hashes(granule, self.fine.len()).into_iter().for_each(|i| f(&self.fine[i]));
            }
            return;
        }
        let (first, last) = range.units(CHUNK_SHIFT);
        if last - first < 2 {
            for chunk in first..=last {
                hashes(chunk, COARSE).into_iter().for_each(|i| f(&self.coarse[i]));
            }
        } else {
            f(&self.everywhere);
        }
        f(&self.beyond);
    }
}

impl Tracker for Cells {
    type Token = ();
    fn record(&self, range: Range) {
        self.each(range, |cell| {
            cell.fetch_add(1, SeqCst);
        });
    }

    fn clear(&self, range: Range, (): ()) {
        self.each(range, |cell| {
            cell.fetch_sub(1, Release);
        });
    }

    fn check(&self, range: Range) -> bool {
        let set = |cells: &[AtomicU32], granule| {
            hashes(granule, cells.len()).iter().all(|&i| cells[i].load(Acquire) != 0)
        };
        let (first, last) = range.units(FINE_SHIFT);
        if (first..=last).any(|granule| set(&self.fine, granule)) {
            return true;
        }
        if self.beyond.load(Acquire) == 0 {
            return false;
        }
        let (first, last) = range.units(CHUNK_SHIFT);
        self.everywhere.load(Acquire) != 0 || (first..=last).any(|chunk| set(&self.coarse, chunk))
    }
}
