// SPDX-License-Identifier: GPL-2.0

//! The rejected design: a fixed table of counters, two for each fine granule of a write.
//!
//! A counting Bloom filter over granules of 64 KiB. Ranges of more than a megabyte count into
//! coarse cells, per hashed 32 MB chunk, and those of more than two chunks into one for everything.
//! It cannot be full, but it can only say "perhaps", gets there sooner, and pays two locked
//! instructions for each granule both ways. Kept for the comparison; see the tracker's README.

use kernel::sync::atomic::{
    Acquire,
    Atomic,
    Full,
    Release, //
};

use super::inflight_range::{
    Overlap,
    Range, //
};

/// Sectors of 512 bytes in a granule of 64 KiB, as a shift.
const FINE_SHIFT: u32 = 7;
/// Sectors of 512 bytes in a chunk of 32 MB, as a shift.
const CHUNK_SHIFT: u32 = 16;
/// The most granules that a range counts into one by one.
const MOST: u64 = 17;

const FINE: usize = 512;
const COARSE: usize = 256;

/// The counters of the writes in flight to one backing device: 3 KiB and a bit.
pub struct Cells {
    fine: [Atomic<u32>; FINE],
    coarse: [Atomic<u32>; COARSE],
    everywhere: Atomic<u32>,
    /// Records that are not in `fine`.
    beyond: Atomic<u32>,
}

/// Both cells of a granule in a table of `len`, a power of two.
fn hashes(granule: u64, len: usize) -> [usize; 2] {
    let h = granule.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    [
        (h >> 48) as usize & (len - 1),
        (h >> 32) as usize & (len - 1),
    ]
}

impl Cells {
    /// An empty table.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            fine: core::array::from_fn(|_| Atomic::new(0)),
            coarse: core::array::from_fn(|_| Atomic::new(0)),
            everywhere: Atomic::new(0),
            beyond: Atomic::new(0),
        }
    }

    /// Calls `f` for each counter of the range, then for `beyond` if that counts too.
    fn each(&self, range: Range, f: impl Fn(&Atomic<u32>)) {
        let (first, last) = range.units(FINE_SHIFT);
        if last - first < MOST {
            for granule in first..=last {
                hashes(granule, FINE)
                    .into_iter()
                    .for_each(|i| f(&self.fine[i]));
            }
            return;
        }
        let (first, last) = range.units(CHUNK_SHIFT);
        if last - first < 2 {
            for chunk in first..=last {
                hashes(chunk, COARSE)
                    .into_iter()
                    .for_each(|i| f(&self.coarse[i]));
            }
        } else {
            f(&self.everywhere);
        }
        f(&self.beyond);
    }

    /// Records a write.
    pub fn record(&self, range: Range) {
        self.each(range, |cell| {
            cell.fetch_add(1, Full);
        });
    }

    /// Clears a write.
    pub fn clear(&self, range: Range) {
        self.each(range, |cell| {
            cell.fetch_sub(1, Release);
        });
    }

    /// Looks for writes in flight that may overlap the range.
    pub fn check(&self, range: Range) -> Overlap {
        let set = |cells: &[Atomic<u32>], granule| {
            hashes(granule, cells.len())
                .iter()
                .all(|&i| cells[i].load(Acquire) != 0)
        };
        let (first, last) = range.units(FINE_SHIFT);
        if (first..=last).any(|granule| set(&self.fine, granule)) {
            return Overlap::Possible;
        }
        if self.beyond.load(Acquire) == 0 {
            return Overlap::None;
        }
        let (first, last) = range.units(CHUNK_SHIFT);
        if self.everywhere.load(Acquire) != 0
            || (first..=last).any(|chunk| set(&self.coarse, chunk))
        {
            return Overlap::Possible;
        }
        Overlap::None
    }
}
