// SPDX-License-Identifier: MIT OR Apache-2.0

//! How often a tracker keeps a read miss out of the cache that overlaps no write in flight.

use crate::{inflight_table::range::Range, rivals::Tracker};

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

/// Sectors of a gigabyte.
pub const GB: u64 = 1 << 21;

/// How many writes of how many sectors are in flight, and their name.
pub const LOADS: &[(usize, u32, &str)] = &[
    (1, 8, "1 × 4 KiB"),
    (32, 8, "32 × 4 KiB"),
    (256, 8, "256 × 4 KiB"),
    (1024, 8, "1024 × 4 KiB"),
    (4096, 8, "4096 × 4 KiB"),
    (1024, 256, "1024 × 128 KiB"),
    (64, 2048, "64 × 1 MiB"),
    (4, 1 << 18, "4 × 128 MiB"),
];

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
        let mut place = |sectors: u32| random.below((load.device - u64::from(sectors)) / 8 + 1) * 8;
        let range = |sector, sectors| Range::new(sector, sectors).expect("a load has no empty one");
        let mut starts: Vec<u64> = (0..load.writes).map(|_| place(load.write)).collect();
        starts.sort_unstable();
        let tokens: Vec<_> =
            starts.iter().map(|&start| tracker.record(range(start, load.write))).collect();
        for _ in 0..1000 {
            let start = place(load.read);
            let found = tracker.check(range(start, load.read));
            // The last write that begins before the read's end ends last, as all are of one length.
            let before = starts.partition_point(|&write| write < start + u64::from(load.read));
            if before > 0 && start < starts[before - 1] + u64::from(load.write) {
                assert!(found, "an overlap went unnoticed");
                continue;
            }
            asked += 1;
            skipped += u64::from(found);
        }
        for (start, token) in starts.into_iter().zip(tokens) {
            tracker.clear(range(start, load.write), token);
        }
    }
    skipped as f64 / asked as f64
}
