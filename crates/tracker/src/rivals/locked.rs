// SPDX-License-Identifier: MIT OR Apache-2.0

//! What takes locks.

use std::{
    cell::UnsafeCell,
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::*},
};

use super::tracker::{Tracker, chunks};
use crate::inflight_table::range::{CHUNK_SHIFT, Range};

/// A lock that spins, as the kernel's does when nobody else has it.
#[derive(Default)]
struct Spin<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is only reached through `with`, by one thread at a time.
unsafe impl<T: Send> Sync for Spin<T> {}

impl<T> Spin<T> {
    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        while self.taken.compare_exchange_weak(false, true, Acquire, Relaxed).is_err() {
            while self.taken.load(Relaxed) {
                std::hint::spin_loop();
            }
        }
        // SAFETY: whoever has set `taken` is alone until it is unset.
        let result = f(unsafe { &mut *self.value.get() });
        self.taken.store(false, Release);
        result
    }
}

/// Counters for 1024 chunks and how many of them are in use: a page.
#[derive(Default)]
struct Page {
    counts: Option<Box<[u32; 1024]>>,
    used: u32,
}

/// Counters per chunk in pages that come on demand, each page under a lock: the C tracker.
pub struct Pages(Vec<Spin<Page>>);

impl Pages {
    /// For a device of that many sectors.
    pub fn new(sectors: u64) -> Self {
        Self((0..=sectors >> (CHUNK_SHIFT + 10)).map(|_| Spin::default()).collect())
    }
}

impl Tracker for Pages {
    type Token = ();
    fn record(&self, range: Range) {
        for chunk in chunks(range) {
            self.0[chunk >> 10].with(|page| {
                page.counts.get_or_insert_with(|| Box::new([0; 1024]))[chunk & 1023] += 1;
                page.used += 1;
            });
        }
    }
    fn clear(&self, range: Range, (): ()) {
        for chunk in chunks(range) {
            self.0[chunk >> 10].with(|page| {
                if let Some(counts) = &mut page.counts {
                    counts[chunk & 1023] -= 1;
                    page.used -= 1;
                }
            });
        }
    }
    fn check(&self, range: Range) -> bool {
        chunks(range).any(|chunk| {
            self.0[chunk >> 10]
                .with(|page| page.counts.as_ref().is_some_and(|counts| counts[chunk & 1023] != 0))
        })
    }
}

/// A tree of ranges under one lock: exact, whatever the load.
///
/// Keyed by start; ranges are limited to [`Tree::MOST`] sectors so that a look-up knows how far
/// back to begin, which spares it the augmentation of a real interval tree, in its favour.
#[derive(Default)]
pub struct Tree(Spin<BTreeMap<(u64, u64), ()>>, AtomicU32);

impl Tree {
    /// The longest range that it can hold.
    pub const MOST: u64 = 1 << CHUNK_SHIFT;
}

impl Tracker for Tree {
    type Token = u64;
    fn record(&self, range: Range) -> u64 {
        let id = u64::from(self.1.fetch_add(1, Relaxed));
        let end = range.units(0).1 - range.units(0).0 + 1;
        self.0.with(|tree| tree.insert((range.units(0).0, id << 20 | end), ()));
        id << 20 | end
    }
    fn clear(&self, range: Range, token: u64) {
        self.0.with(|tree| tree.remove(&(range.units(0).0, token)));
    }
    fn check(&self, range: Range) -> bool {
        let (first, last) = range.units(0);
        self.0.with(|tree| {
            let near = (first.saturating_sub(Self::MOST), 0)..=(last, u64::MAX);
            tree.range(near).any(|(&(start, token), ())| start + (token & 0xfffff) > first)
        })
    }
}

/// Ranges in lists, hashed by chunk, a lock for each list: exact, as long as lists may grow.
pub struct Lists(Vec<Spin<Vec<Range>>>);

impl Default for Lists {
    fn default() -> Self {
        // Room beforehand stands for links that live in the requests.
        let list = || Spin { taken: AtomicBool::new(false), value: Vec::with_capacity(64).into() };
        Self((0..64).map(|_| list()).collect())
    }
}

impl Lists {
    fn list(&self, chunk: usize) -> &Spin<Vec<Range>> {
        let hash = (chunk as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
        &self.0[hash as usize]
    }
}

impl Tracker for Lists {
    type Token = ();
    fn record(&self, range: Range) {
        for chunk in chunks(range) {
            self.list(chunk).with(|list| list.push(range));
        }
    }
    fn clear(&self, range: Range, (): ()) {
        for chunk in chunks(range) {
            self.list(chunk).with(|list| {
                if let Some(at) = list.iter().position(|&other| other == range) {
                    list.swap_remove(at);
                }
            });
        }
    }
    fn check(&self, range: Range) -> bool {
        let (first, last) = range.units(0);
        chunks(range).any(|chunk| {
            self.list(chunk).with(|list| {
                list.iter().any(|other| other.units(0).0 <= last && first <= other.units(0).1)
            })
        })
    }
}
