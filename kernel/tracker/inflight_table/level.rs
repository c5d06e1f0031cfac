// SPDX-License-Identifier: GPL-2.0

//! Granules of several sizes, and where in a table they hash to.

use super::range::{
    Range,
    Unit, //
};

/// A size of granules. Those that are smaller come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// 16 KiB: a block or a few.
    Small,
    /// 256 KiB: most of what a file system writes at once.
    Medium,
    /// 4 MiB.
    Large,
    /// 32 MB, a chunk.
    Huge,
    /// 4 GiB: discards. Ranges are rounded outwards to chunks there.
    Wide,
}

impl Level {
    /// The levels that a check always looks at.
    pub const NEAR: [Self; 2] = [Self::Small, Self::Medium];
    /// Those that it looks at only when something is recorded there.
    pub const FAR: [Self; 3] = [Self::Large, Self::Huge, Self::Wide];

    /// Sectors of 512 bytes in a granule, as a shift.
    #[inline]
    pub const fn shift(self) -> u32 {
        match self {
            Self::Small => 5,
            Self::Medium => 9,
            Self::Large => 13,
            Self::Huge => 16,
            Self::Wide => 23,
        }
    }

    /// What ranges of this level are recorded in.
    pub fn unit(self) -> Unit {
        if self == Self::Wide {
            Unit::Chunk
        } else {
            Unit::Sector
        }
    }

    /// The near level of a range, if it has one.
    #[inline]
    pub fn near(range: Range) -> Option<Self> {
        Self::NEAR.into_iter().find(|level| level.holds(range))
    }

    /// The level of a range. Longer than a wide granule is no bio, as its length in bytes has 32
    /// bits.
    pub fn of(range: Range) -> Option<Self> {
        let far = || Self::FAR.into_iter().find(|level| level.holds(range));
        Self::near(range).or_else(far)
    }

    /// Whether a check always looks at this level.
    pub fn is_near(self) -> bool {
        Self::NEAR.contains(&self)
    }

    /// Whether a range is no longer than a granule.
    #[inline]
    fn holds(self, range: Range) -> bool {
        range.sectors() <= 1u64.wrapping_shl(self.shift())
    }

    /// First and last granule that a range touches.
    #[inline]
    pub fn granules(self, range: Range) -> (Granule, Granule) {
        let (first, last) = range.units(self.shift());
        let granule = |number| Granule {
            number,
            level: self,
        };

        (granule(first), granule(last))
    }
}

/// One of the pieces that a level cuts the device into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granule {
    /// Which one, from the start of the device.
    pub number: u64,
    /// Of which size.
    pub level: Level,
}

/// As many buckets may hold what is recorded for one granule.
pub const WAYS: usize = 8;

/// The golden ratio, as a fraction of 64 bits: its multiples spread neighbours best.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Granule {
    /// Spreads granules such that neighbours are far apart (Fibonacci hashing).
    #[inline(always)]
    pub fn hash(self) -> u32 {
        (self.key().wrapping_mul(GOLDEN) >> 32) as u32
    }

    /// Another one for each `way`, such that granules that share one do not share the next.
    pub fn rehash(self, way: usize) -> u32 {
        let key = self.key().wrapping_add((way as u64).wrapping_mul(GOLDEN));
        let mixed = (key ^ key >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);

        ((mixed ^ mixed >> 32).wrapping_mul(GOLDEN) >> 32) as u32
    }

    /// The level shifts what the upper bits of a product will be.
    #[inline(always)]
    fn key(self) -> u64 {
        self.number ^ (self.level as u64) << 56
    }
}

/// Scales a hash to one of `len` places; what is left is a hash that tells those apart who share
/// a place.
#[inline(always)]
pub fn scale(hash: u32, len: usize) -> (usize, u32) {
    let product = u64::from(hash).wrapping_mul(len as u64);

    ((product >> 32) as usize, product as u32)
}
