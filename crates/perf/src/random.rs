// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where requests go: random, by seed, and never twice.

use wire::Extent;

/// Blocks at random places, no two of which overlap or touch.
#[derive(Debug)]
pub(super) struct Blocks {
    rng: fastrand::Rng,
    slots: u64,
    taken: std::collections::HashSet<u64>,
}

impl Blocks {
    /// Sectors of a 4 KiB block.
    pub const BLOCK: u32 = 8;
    /// Blocks begin at multiples of so many sectors.
    const STRIDE: u64 = 16;
    /// The first MiB primes the cache, and the last is for lone writes.
    const MARGIN: u64 = 2048;

    /// On a device of so many sectors.
    pub fn new(sectors: u64, seed: u64) -> Self {
        let slots = sectors.saturating_sub(2 * Self::MARGIN) / Self::STRIDE;
        Self { rng: fastrand::Rng::with_seed(seed), slots, taken: std::collections::HashSet::new() }
    }

    /// Blocks that have not been given out before.
    ///
    /// # Panics
    /// When the device has not half so many free places; the callers ask for
    /// thousands of millions.
    pub fn take(&mut self, count: u32) -> Vec<Extent> {
        assert!(
            self.taken.len() as u64 + u64::from(count) <= self.slots / 2,
            "a device of {} places is too small for {count} blocks",
            self.slots
        );
        let mut extents = Vec::with_capacity(count as usize);
        while extents.len() < count as usize {
            let slot = self.rng.u64(..self.slots);
            if self.taken.insert(slot) {
                let sector = Self::MARGIN + slot * Self::STRIDE;
                extents.push(Extent { sector, sectors: Self::BLOCK });
            }
        }
        extents
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_block_is_given_out_twice_and_a_seed_repeats_itself() {
        let draw = |seed| {
            let mut blocks = Blocks::new(1 << 21, seed);
            let mut all = blocks.take(1000);
            all.extend(blocks.take(1000));
            all
        };
        let first = draw(7);
        let mut sectors: Vec<u64> = first.iter().map(|e| e.sector).collect();
        sectors.sort_unstable();
        assert!(sectors.windows(2).all(|w| w[1] - w[0] >= 16));
        assert!(sectors[0] >= 2048 && sectors[1999] + 8 <= (1 << 21) - 2048);
        assert_eq!(first, draw(7));
        assert_ne!(first, draw(8));
    }
}
