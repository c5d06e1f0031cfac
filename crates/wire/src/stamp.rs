// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stamp that makes every 512-byte sector name its own author.
//!
//! Layout, little endian:
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | [`MAGIC`] |
//! | 8..16 | run: which run of the lab wrote it |
//! | 16..24 | sector: where on the bcache device it belongs (512 B units) |
//! | 24..32 | seq: the write's sequence number within the run |
//! | 32..36 | writer: which actor of the scenario |
//! | 36..40 | zero |
//! | 40..504 | filler, derived from all of the above |
//! | 504..512 | xxh64 of bytes 0..504 |
//!
//! The filler depends on every header field, so that no two stamps share a
//! half sector: a sector torn inside its 512 bytes cannot pass for whole.

use crate::message::{Content, Run};
use xxhash_rust::xxh64::xxh64;

/// Size of a sector, the unit of every address in the lab, in bytes.
pub const SECTOR: usize = 512;

const MAGIC: u64 = u64::from_le_bytes(*b"bcachlab");
const SUM_AT: usize = SECTOR - 8;
const SUM_SEED: u64 = 0x6263_6163_6865;

/// What one sector says about the write that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Identifies the run; a block of an earlier run on a reused disk is alien.
    pub run: u64,
    /// Address on the bcache device, in 512 B sectors.
    pub sector: u64,
    /// Sequence number of the write within the run; never reused.
    pub seq: u64,
    /// Which actor of the scenario wrote it.
    pub writer: u32,
}

impl Stamp {
    /// Fills one sector with this stamp.
    pub fn write_to(&self, sector: &mut [u8; SECTOR]) {
        sector[0..8].copy_from_slice(&MAGIC.to_le_bytes());
        sector[8..16].copy_from_slice(&self.run.to_le_bytes());
        sector[16..24].copy_from_slice(&self.sector.to_le_bytes());
        sector[24..32].copy_from_slice(&self.seq.to_le_bytes());
        sector[32..36].copy_from_slice(&self.writer.to_le_bytes());
        sector[36..40].fill(0);
        let mut word = xxh64(&sector[8..40], SUM_SEED) | 1;
        for chunk in sector[40..SUM_AT].chunks_exact_mut(8) {
            // An odd multiplier permutes the 64-bit values: no short cycles.
            word = word.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29) | 1;
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        let sum = xxh64(&sector[..SUM_AT], SUM_SEED);
        sector[SUM_AT..].copy_from_slice(&sum.to_le_bytes());
    }
}

fn le64(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0u8; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// Says what one sector, read from `address` (512 B sectors), holds.
///
/// # Panics
/// If `bytes` is not exactly one sector long.
#[must_use]
pub fn classify(bytes: &[u8], address: u64) -> Content {
    assert_eq!(bytes.len(), SECTOR, "classify takes one sector");
    if le64(bytes, 0) != MAGIC {
        return if *bytes == [0; SECTOR] { Content::Blank } else { Content::Unstamped };
    }
    if le64(bytes, SUM_AT) != xxh64(&bytes[..SUM_AT], SUM_SEED) {
        return Content::Torn;
    }
    let mut writer = [0u8; 4];
    writer.copy_from_slice(&bytes[32..36]);
    let (run, sector, seq) = (le64(bytes, 8), le64(bytes, 16), le64(bytes, 24));
    let writer = u32::from_le_bytes(writer);
    if sector == address {
        Content::Stamped { run, seq, writer }
    } else {
        Content::Misplaced { run, seq, writer, sector }
    }
}

/// Classifies a whole buffer read from `first` (512 B sectors) and joins
/// neighbours that say the same, so a sweep of a gigabyte stays a short list.
#[must_use]
pub fn classify_all(bytes: &[u8], first: u64) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (sector, address) in bytes.chunks_exact(SECTOR).zip(first..) {
        let content = classify(sector, address);
        match runs.last_mut() {
            Some(last) if last.continues_with(&content, address) => last.sectors += 1,
            _ => runs.push(Run { first: address, sectors: 1, content }),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamped(seq: u64, sector: u64) -> [u8; SECTOR] {
        let mut bytes = [0u8; SECTOR];
        Stamp { run: 7, sector, seq, writer: 1 }.write_to(&mut bytes);
        bytes
    }

    #[test]
    fn a_stamp_reads_back() {
        assert_eq!(classify(&stamped(3, 80), 80), Content::Stamped { run: 7, seq: 3, writer: 1 });
    }

    #[test]
    fn a_stamp_elsewhere_is_misplaced_and_zeroes_are_blank() {
        assert!(matches!(classify(&stamped(3, 80), 81), Content::Misplaced { sector: 80, .. }));
        assert_eq!(classify(&[0; SECTOR], 5), Content::Blank);
        assert_eq!(classify(&[9; SECTOR], 5), Content::Unstamped);
    }

    proptest! {
        #[test]
        fn any_flipped_bit_past_the_magic_is_torn(bit in 64usize..SECTOR * 8) {
            let mut bytes = stamped(3, 80);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(classify(&bytes, 80), Content::Torn);
        }

        #[test]
        fn two_halves_of_different_writes_are_torn(cut in 32usize..SECTOR, a in 1u64..9, b in 9u64..99) {
            let (old, new) = (stamped(a, 80), stamped(b, 80));
            let mut bytes = old;
            bytes[..cut].copy_from_slice(&new[..cut]);
            prop_assert_eq!(classify(&bytes, 80), Content::Torn);
        }
    }

    #[test]
    fn neighbours_are_joined() {
        let mut bytes = Vec::new();
        for sector in 10..14 {
            bytes.extend_from_slice(&stamped(1, sector));
        }
        bytes.extend_from_slice(&[0; SECTOR * 2]);
        let runs = classify_all(&bytes, 10);
        assert_eq!(runs.len(), 2);
        assert_eq!((runs[0].first, runs[0].sectors), (10, 4));
        assert_eq!((runs[1].first, runs[1].sectors), (14, 2));
    }
}
