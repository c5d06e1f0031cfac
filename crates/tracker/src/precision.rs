// SPDX-License-Identifier: MIT OR Apache-2.0

//! How often a tracker keeps a read miss out of the cache that overlaps no write in flight.

use crate::{inflight_range::Range, rivals::Tracker};

/// A load: so many random writes of one size in flight on a device of one size.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Sectors of the device.
    pub device: u64,
    /// Writes in flight.
    pub writes: usize,
    /// Sectors of a write.
    pub write: u32,
    /// Sectors of a read.
    pub read: u32,
}

/// A small generator of random numbers (splitmix64), so that figures can be had again.
pub struct Random(pub u64);

impl Random {
    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// The share of reads overlapping nothing that `tracker` takes for overlapping, over many draws.
///
/// # Panics
/// When it misses an overlap: then no share matters.
pub fn needless(tracker: &impl Tracker, load: Load, seed: u64) -> f64 {
    let mut random = Random(seed);
    let (mut asked, mut skipped) = (0u64, 0u64);
    for _ in 0..100 {
        // Aligned to 4 KiB, as a file system's writes are.
        let mut place = |sectors: u32| {
            let sector = random.below((load.device - u64::from(sectors)) / 8 + 1) * 8;
            Range::new(sector, sectors).expect("a load has no empty ranges")
        };
        let writes: Vec<_> = (0..load.writes)
            .map(|_| {
                let range = place(load.write);
                (range, tracker.record(range))
            })
            .collect();
        for _ in 0..1000 {
            let read = place(load.read);
            let (first, last) = read.units(0);
            let found = tracker.check(read);
            if writes.iter().any(|(w, _)| w.units(0).0 <= last && first <= w.units(0).1) {
                assert!(found, "an overlap went unnoticed");
                continue;
            }
            asked += 1;
            skipped += u64::from(found);
        }
        for (range, token) in writes {
            tracker.clear(range, token);
        }
    }
    skipped as f64 / asked as f64
}
