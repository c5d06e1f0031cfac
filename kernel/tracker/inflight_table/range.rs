// SPDX-License-Identifier: GPL-2.0

//! Ranges of sectors, and how one is a slot's word.

/// Sectors of 512 bytes in a chunk of 32 MB, as a shift.
pub const CHUNK_SHIFT: u32 = 16;

/// Bits of a word that hold the length.
const LEN_BITS: u32 = CHUNK_SHIFT + 1;
/// In a word: the range is in chunks, rounded outwards, not in sectors.
const IN_CHUNKS: u64 = 1 << LEN_BITS;
/// In a word: the range has another one, for the granule before.
pub const SECOND: u64 = 1 << (LEN_BITS + 1);
/// The start of the range is above these bits.
const START_SHIFT: u32 = LEN_BITS + 2;

/// A range of sectors that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    first: u64,
    last: u64,
}

/// What the numbers in a word count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Sectors: nothing is rounded.
    Sector,
    /// Chunks of 32 MB.
    Chunk,
}

impl Range {
    /// The range of `sectors` sectors from `sector` on; `None` when that is none at all.
    #[inline]
    pub fn new(sector: u64, sectors: u32) -> Option<Self> {
        let more = sectors.checked_sub(1)?;

        Some(Self {
            first: sector,
            last: sector.saturating_add(u64::from(more)),
        })
    }

    /// The number of sectors.
    #[inline]
    pub fn sectors(self) -> u64 {
        self.last.wrapping_sub(self.first).wrapping_add(1)
    }

    /// First and last unit of `1 << shift` sectors that the range touches.
    #[inline]
    pub fn units(self, shift: u32) -> (u64, u64) {
        (
            self.first.wrapping_shr(shift),
            self.last.wrapping_shr(shift),
        )
    }

    /// The range as a slot's word.
    ///
    /// Never zero, as the length is not. `None` when it does not fit, which takes a device of more
    /// than 16 PB, or a length that belongs to another level.
    #[inline]
    pub fn pack(self, unit: Unit) -> Option<u64> {
        let (shift, flag) = match unit {
            Unit::Sector => (0, 0),
            Unit::Chunk => (CHUNK_SHIFT, IN_CHUNKS),
        };
        let (first, last) = self.units(shift);
        let len = Self { first, last }.sectors();

        (len < 1 << LEN_BITS && first < 1 << (u64::BITS - START_SHIFT))
            .then_some(first << START_SHIFT | flag | len)
    }

    /// Whether the range overlaps the one in a slot's word, and in which unit that is known; a free
    /// slot overlaps nothing.
    #[inline]
    pub fn overlap(self, word: u64) -> Option<Unit> {
        if word == 0 {
            return None;
        }
        let (unit, shift) = if word & IN_CHUNKS == 0 {
            (Unit::Sector, 0)
        } else {
            (Unit::Chunk, CHUNK_SHIFT)
        };
        let start = word >> START_SHIFT;
        let end = start + (word & ((1 << LEN_BITS) - 1));
        let (first, last) = self.units(shift);

        (first < end && start <= last).then_some(unit)
    }
}
