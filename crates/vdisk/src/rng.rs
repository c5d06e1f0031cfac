// SPDX-License-Identifier: MIT OR Apache-2.0
//! Small seeded random numbers: a seed gives the same cut on every machine
//! and in every version, so the generator is part of the contract.

use std::ops::Range;

/// SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A number below `limit`, which must not be 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// What survives of some ranges of sectors: all of them, none, or (one
    /// time in four) a torn part, cut at sector granularity.
    pub fn some_of(&mut self, parts: &[Range<u64>]) -> Vec<Range<u64>> {
        match self.below(8) {
            0..3 => parts.to_vec(),
            3..6 => Vec::new(),
            // A prefix or a suffix: how a transfer is interrupted.
            6 => parts
                .iter()
                .filter_map(|part| {
                    let at = part.start + self.below(part.end - part.start + 1);
                    let kept = if self.below(2) == 0 { part.start..at } else { at..part.end };
                    (!kept.is_empty()).then_some(kept)
                })
                .collect(),
            // Any sectors at all.
            _ => self.sectors_of(parts),
        }
    }

    fn sectors_of(&mut self, parts: &[Range<u64>]) -> Vec<Range<u64>> {
        let mut kept: Vec<Range<u64>> = Vec::new();
        for part in parts {
            // Long ranges (trims of gigabytes) are torn in at most 4096 steps.
            let step = ((part.end - part.start) / 4096).max(1);
            let mut at = part.start;
            while at < part.end {
                let stop = (at + step).min(part.end);
                if self.below(2) == 0 {
                    match kept.last_mut().filter(|last| last.end == at) {
                        Some(last) => last.end = stop,
                        None => kept.push(at..stop),
                    }
                }
                at = stop;
            }
        }
        kept
    }
}
