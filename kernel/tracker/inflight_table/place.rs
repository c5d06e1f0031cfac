// SPDX-License-Identifier: GPL-2.0

//! Where a write is recorded: what clearing it takes.

/// The place of a range in one granule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Its home slot, by number.
    Home(u16),
    /// Another slot of its home's bucket.
    Stray(u16),
    /// A slot of another bucket.
    Spilled(u16),
    /// A counter, by number.
    Counted(u16),
    /// The counter of the whole device.
    Everywhere,
    /// None: the range lies in one granule.
    Nowhere,
}

/// A record's place for its first granule, and for its last if that is another one.
///
/// Copied freely, as C keeps it, but to be cleared once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(pub [u16; 2]);

/// Bits of a half that hold a number.
const NUMBER_BITS: u32 = 13;
/// Slots and counters have numbers below this one.
pub const NUMBERS: usize = (1 << NUMBER_BITS) - 2;

const STRAY: u16 = 1 << NUMBER_BITS;
const SPILLED: u16 = 2 << NUMBER_BITS;
const COUNTED: u16 = 3 << NUMBER_BITS;
const KIND: u16 = 3 << NUMBER_BITS;
/// In the first half: there is more to clear than a home slot.
const MORE: u16 = 4 << NUMBER_BITS;

const EVERYWHERE: u16 = COUNTED | NUMBERS as u16;
const NOWHERE: u16 = EVERYWHERE + 1;

impl Half {
    fn pack(self) -> u16 {
        match self {
            Self::Home(number) => number,
            Self::Stray(number) => STRAY | number,
            Self::Spilled(number) => SPILLED | number,
            Self::Counted(number) => COUNTED | number,
            Self::Everywhere => EVERYWHERE,
            Self::Nowhere => NOWHERE,
        }
    }

    fn unpack(half: u16) -> Self {
        let half = half & !MORE;
        let number = half & !KIND;
        match half & KIND {
            0 => Self::Home(number),
            STRAY => Self::Stray(number),
            SPILLED => Self::Spilled(number),
            _ if half == EVERYWHERE => Self::Everywhere,
            _ if half == NOWHERE => Self::Nowhere,
            _ => Self::Counted(number),
        }
    }
}

impl Place {
    /// Of what is not recorded.
    pub const NOWHERE: Self = Self([NOWHERE; 2]);

    /// The usual one: a home slot, at a near level, and nothing else.
    #[inline]
    pub fn home(number: usize) -> Self {
        Self([number as u16, NOWHERE])
    }

    /// The home slot, if that is all.
    #[inline]
    pub fn only_home(self) -> Option<usize> {
        let number = usize::from(self.0[0]);
        (number < NUMBERS).then_some(number)
    }

    /// Any other one.
    pub fn new(first: Half, second: Half) -> Self {
        Self([first.pack() | MORE, second.pack()])
    }

    /// Both halves.
    pub fn halves(self) -> [Half; 2] {
        self.0.map(Half::unpack)
    }

    /// Whether one of the halves is this slot.
    pub fn has_slot(self, slot: usize) -> bool {
        self.halves().into_iter().any(|half| match half {
            Half::Home(number) | Half::Stray(number) | Half::Spilled(number) => {
                usize::from(number) == slot
            }
            _ => false,
        })
    }

    /// How many of the halves are this one.
    pub fn count(self, half: Half) -> u64 {
        self.halves()
            .into_iter()
            .map(|other| u64::from(other == half))
            .fold(0, u64::wrapping_add)
    }
}
