// SPDX-License-Identifier: GPL-2.0

//! Ranges of sectors: as 64-bit words, and where in a table they hash to.

/// Sectors of 512 bytes in a chunk of 32 MB, as a shift.
pub const CHUNK_SHIFT: u32 = 16;

/// Bits of a slot that hold the length; the others hold the start.
pub(super) const LEN_BITS: u32 = CHUNK_SHIFT + 1;

/// A range of sectors that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    first: u64,
    last: u64,
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

    #[inline]
    pub(super) fn len(self) -> u64 {
        self.last.wrapping_sub(self.first).wrapping_add(1)
    }

    /// First and last unit of `1 << shift` sectors that the range touches.
    #[inline]
    pub(super) fn units(self, shift: u32) -> (u64, u64) {
        (
            self.first.wrapping_shr(shift),
            self.last.wrapping_shr(shift),
        )
    }

    /// The range as a slot's word, rounded outwards to units of `1 << shift` sectors.
    ///
    /// Never zero, as the length is not. `None` when it does not fit, which takes a device of more
    /// than 64 PB, or a length that belongs to another level.
    #[inline]
    pub(super) fn pack(self, shift: u32) -> Option<u64> {
        let (first, last) = self.units(shift);
        let len = Self { first, last }.len();

        (len < 1 << LEN_BITS && first < 1 << (u64::BITS - LEN_BITS))
            .then_some(first << LEN_BITS | len)
    }

    /// Whether the range overlaps the one in a slot's word; a free slot overlaps nothing.
    #[inline]
    pub(super) fn overlaps(self, word: u64, shift: u32) -> bool {
        let start = word >> LEN_BITS;
        let end = start + (word & ((1 << LEN_BITS) - 1));
        let (first, last) = self.units(shift);

        first < end && start <= last
    }
}

/// What a check has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// No write in flight overlaps the range.
    None,
    /// A write in flight overlaps the range.
    Exact,
    /// A write in flight may overlap the range: the table was too full to tell.
    Possible,
}

/// Spreads granules, which mostly come as neighbours, over `len` (a power of two) places.
#[inline(always)]
pub(super) fn hash(granule: u64, len: usize) -> usize {
    // Fibonacci hashing; the product scales it to `len`.
    let spread = (granule.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32;

    ((u64::from(spread) * u64::from(len as u32)) >> 32) as usize
}

/// Whether `found` holds for any place, out of `len`, that a granule of the range hashes to.
#[inline]
pub(super) fn any_of(len: usize, range: Range, shift: u32, found: impl Fn(usize) -> bool) -> bool {
    let (first, last) = range.units(shift);

    if first == last {
        found(hash(first, len))
    } else if last.wrapping_sub(first) < len as u64 {
        (first..=last).any(|granule| found(hash(granule, len)))
    } else {
        // More granules than places: each place once, so that no range takes long.
        (0..len).any(found)
    }
}
