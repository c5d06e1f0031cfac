// SPDX-License-Identifier: MIT OR Apache-2.0
//! bcache's cache device as seen in the writes that reach it: journal entries
//! (`struct jset`) and sets of btree keys (`struct bset`).
//!
//! Layout from `drivers/md/bcache/bcache_ondisk.h`. Both begin with a checksum
//! and a magic number that is the set's own (the first 8 bytes of its UUID)
//! xor a constant, so data that merely looks alike cannot be taken for one.

use std::ops::Range;

const JSET_MAGIC: u64 = 0x2452_35c1_a362_5032;
const BSET_MAGIC: u64 = 0x9013_5c78_b99e_07f5;

/// Bytes before the keys in a `jset`, and in a `bset`.
const JSET_HEADER: usize = 240;
const BSET_HEADER: usize = 32;

/// A btree key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// First sector (512 B), as the backing device counts: `data_offset` is in.
    pub first: u64,
    /// One past the last sector.
    pub end: u64,
    /// How many copies in the cache; none is an invalidation.
    pub pointers: u32,
    /// Not yet on the backing device.
    pub dirty: bool,
}

impl Key {
    /// Whether the key covers any sector of the range.
    #[must_use]
    pub fn overlaps(&self, range: &Range<u64>) -> bool {
        self.first < range.end && range.start < self.end
    }
}

/// What a write to the cache device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SsdWrite {
    /// A journal entry.
    Journal {
        /// `jset.seq`.
        seq: u64,
        /// `jset.last_seq`: older entries are not replayed any more.
        last_seq: u64,
        /// The entry's keys.
        keys: Vec<Key>,
    },
    /// A set of keys appended to a btree node.
    Set {
        /// The set's keys.
        keys: Vec<Key>,
    },
    /// Cached data, superblock, priorities.
    Other,
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// Recognises a write to the cache device of set `uuid` (16 bytes, as on disk).
/// Keys beyond the bytes given are left out.
#[must_use]
pub fn decode(bytes: &[u8], uuid: &[u8; 16]) -> SsdWrite {
    let header = || {
        let set = word(uuid, 0)?;
        let (magic, seq) = (word(bytes, 8)?, word(bytes, 16)?);
        let count = usize::try_from(word(bytes, 24)? >> 32).ok()?;
        if magic == set ^ JSET_MAGIC {
            let last_seq = word(bytes, 32)?;
            let keys = decode_keys(bytes.get(JSET_HEADER..)?, count);
            Some(SsdWrite::Journal { seq, last_seq, keys })
        } else if magic == set ^ BSET_MAGIC {
            Some(SsdWrite::Set { keys: decode_keys(bytes.get(BSET_HEADER..)?, count) })
        } else {
            None
        }
    };
    header().unwrap_or(SsdWrite::Other)
}

/// `count` is in 64-bit words: a key has two, and one more per pointer and for
/// a data checksum (`bkey_u64s`).
fn decode_keys(bytes: &[u8], count: usize) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut at = 0;
    while at < count {
        let (Some(high), Some(low)) = (word(bytes, at * 8), word(bytes, at * 8 + 8)) else { break };
        let pointers = (high >> 60) & 7;
        let size = (high >> 20) & 0xffff;
        keys.push(Key {
            first: low.saturating_sub(size),
            end: low,
            pointers: pointers as u32,
            dirty: (high >> 36) & 1 == 1,
        });
        at += 2 + pointers as usize;
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: [u8; 16] = *b"lab\0\0\0\x40\0\x80\0\0\0bcac";

    /// Builds what `struct bset` and `struct bkey` look like in memory.
    fn set(magic: u64, header: usize, keys: &[(u64, u64, u64)]) -> Vec<u8> {
        let mut bytes = vec![0; header];
        bytes[8..16].copy_from_slice(&(word(&UUID, 0).unwrap() ^ magic).to_le_bytes());
        bytes[16..24].copy_from_slice(&7u64.to_le_bytes());
        let words: u64 = keys.iter().map(|(_, _, pointers)| 2 + pointers).sum();
        bytes[24..32].copy_from_slice(&(words << 32 | 1).to_le_bytes());
        if header == JSET_HEADER {
            bytes[32..40].copy_from_slice(&5u64.to_le_bytes());
        }
        for (offset, size, pointers) in keys {
            let high = 1 << 63 | pointers << 60 | size << 20;
            bytes.extend_from_slice(&high.to_le_bytes());
            bytes.extend_from_slice(&offset.to_le_bytes());
            (0..*pointers).for_each(|_| bytes.extend_from_slice(&[9; 8]));
        }
        bytes
    }

    fn key(first: u64, end: u64, pointers: u32) -> Key {
        Key { first, end, pointers, dirty: false }
    }

    #[test]
    fn a_set_with_and_without_pointers() {
        let bytes = set(BSET_MAGIC, BSET_HEADER, &[(24, 8, 1), (40, 8, 0)]);
        let keys = vec![key(16, 24, 1), key(32, 40, 0)];
        assert_eq!(decode(&bytes, &UUID), SsdWrite::Set { keys });
    }

    #[test]
    fn a_journal_entry_and_its_last_seq() {
        let bytes = set(JSET_MAGIC, JSET_HEADER, &[(24, 8, 0)]);
        let keys = vec![key(16, 24, 0)];
        assert_eq!(decode(&bytes, &UUID), SsdWrite::Journal { seq: 7, last_seq: 5, keys });
    }

    #[test]
    fn another_sets_magic_short_and_cut_writes_are_harmless() {
        let bytes = set(BSET_MAGIC, BSET_HEADER, &[(24, 8, 1), (40, 8, 0)]);
        assert_eq!(decode(&bytes, &[1; 16]), SsdWrite::Other);
        assert_eq!(decode(&bytes[..20], &UUID), SsdWrite::Other);
        let SsdWrite::Set { keys } = decode(&bytes[..60], &UUID) else { panic!() };
        assert_eq!(keys.len(), 1);
    }

    #[test]
    fn overlap_is_exact_at_both_ends() {
        let key = key(16, 24, 0);
        assert!(key.overlaps(&(23..24)) && key.overlaps(&(0..17)));
        assert!(!key.overlaps(&(24..32)) && !key.overlaps(&(8..16)));
    }
}
