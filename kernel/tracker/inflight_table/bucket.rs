// SPDX-License-Identifier: GPL-2.0

//! A cache line of slots, with a header that says where else to look.

use kernel::sync::atomic::{
    Acquire,
    Atomic,
    Full,
    Relaxed,
    Release, //
};

/// Slots in a bucket: with the header they fill a cache line.
pub const SLOTS: usize = 7;
/// Words in a bucket. The first is the header.
pub const WORDS: usize = SLOTS + 1;

/// A header counts the strays of its bucket in its lower half, and in the upper one those who have
/// their home here and spilled. There are fewer of either than slots and processors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Away {
    /// Elsewhere in its home's bucket.
    Stray,
    /// In another bucket.
    Spilled,
}

impl Away {
    const fn one(self) -> u64 {
        match self {
            Self::Stray => 1,
            Self::Spilled => 1 << 32,
        }
    }

    /// Whether a header counts any of these.
    pub fn is_in(self, header: u64) -> bool {
        match self {
            Self::Stray => header as u32 != 0,
            Self::Spilled => header >> 32 != 0,
        }
    }
}

/// Slots that are looked at together, and their header.
#[repr(C, align(64))]
pub struct Bucket(pub [Atomic<u64>; WORDS]);

impl Bucket {
    /// The counts of those who are not at home.
    #[inline]
    pub fn header(&self) -> &Atomic<u64> {
        &self.0[0]
    }

    /// Counts one more who is not at home, before it is there.
    pub fn leave_home(&self, away: Away) {
        self.header().fetch_add(away.one(), Full);
    }

    /// Counts one less, after it has gone.
    pub fn forget(&self, away: Away) {
        self.header().fetch_sub(away.one(), Release);
    }

    /// The slots, each with its word's number in the bucket.
    pub fn slots(&self) -> impl Iterator<Item = (usize, &Atomic<u64>)> {
        self.0.iter().enumerate().skip(1)
    }

    /// Puts a word into a free slot and returns its number in the bucket.
    ///
    /// A slot that somebody else takes first is passed over. Two writers cannot keep each other
    /// from progress, and a bucket that only looks full is as good as a full one.
    pub fn claim(&self, word: u64) -> Option<usize> {
        self.slots().find_map(|(number, slot)| {
            // The load saves a locked instruction on a slot that is taken.
            let free = slot.load(Relaxed) == 0 && slot.cmpxchg(0, word, Full).is_ok();
            free.then_some(number)
        })
    }

    /// Whether `hit` holds for a slot's word, by the word's number in the bucket.
    pub fn any(&self, hit: impl Fn(usize, u64) -> bool) -> bool {
        self.slots()
            .any(|(number, slot)| hit(number, slot.load(Acquire)))
    }
}
