// SPDX-License-Identifier: MIT OR Apache-2.0

//! Every interleaving, and every value that the memory model lets a load see, of a few threads
//! that record, clear and check. The table is the kernel's source once more, on loom's atomics.

extern crate self as kernel;

#[path = "../src/sync.rs"]
mod sync;

mod raw {
    pub use loom::sync::atomic::AtomicU64;
}

#[rustfmt::skip]
#[allow(dead_code)]
#[path = "../../../kernel/tracker/inflight_table/mod.rs"]
mod inflight_table;

#[path = "../src/empty.rs"]
mod empty;

use empty::empty;
use inflight_table::{
    check::Overlap,
    range::{CHUNK_SHIFT, Range},
    table::Table,
};
use loom::{
    cell::UnsafeCell,
    sync::{Arc, Mutex},
    thread,
};

/// As small as it gets: loom's time grows with every atomic touched.
type Tiny = Table<1, 1>;

const LONG: u32 = (1 << CHUNK_SHIFT) + 1;

fn empty_table() -> Tiny {
    empty()
}

fn range(sector: u64, sectors: u32) -> Range {
    Range::new(sector, sectors).expect("not empty")
}

fn check(f: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(f);
}

/// The leaf and its lock, as far as they matter: who came last, the invalidation or a placeholder.
#[derive(Default)]
struct Leaf {
    invalidated: bool,
}

/// What the hooks do, with a disk that loom watches for races: a backing read that is not ordered
/// after the write that it did not find in flight is reported, as a stale read would be.
///
/// `others` writes beside are in flight all the time.
fn miss_beside_write<const BUCKETS: usize>(sectors: u32, others: u64) {
    check(move || {
        let table = Arc::new(empty::<BUCKETS, 1>());
        for n in 0..others {
            table.record(range(8 + n, 1));
        }
        let leaf = Arc::new(Mutex::new(Leaf::default()));
        let disk = Arc::new(UnsafeCell::new(0));

        let writer = {
            let (table, leaf, disk) = (table.clone(), leaf.clone(), disk.clone());
            thread::spawn(move || {
                let own = range(0, sectors);
                let place = table.record(own);
                leaf.lock().expect("no panic").invalidated = true;
                // SAFETY: loom panics if anybody reads meanwhile.
                disk.with_mut(|data| unsafe { *data = 1 });
                table.clear(own, place);
            })
        };

        // Only a placeholder planted after the invalidation survives.
        let survives = leaf.lock().expect("no panic").invalidated;
        if survives && table.check(range(0, 8)) == Overlap::None {
            // SAFETY: loom panics if the writer may still write.
            let data = disk.with(|data| unsafe { *data });
            assert_eq!(data, 1, "old data would be cached");
        }
        writer.join().expect("no panic");
    });
}

#[test]
fn a_miss_beside_a_short_write() {
    miss_beside_write::<1>(8, 0);
}

#[test]
fn a_miss_beside_a_long_write() {
    miss_beside_write::<1>(LONG, 0);
}

/// Whose home is taken.
#[test]
fn a_miss_beside_a_stray() {
    miss_beside_write::<1>(8, 1);
}

/// Whose home's bucket is full.
#[test]
fn a_miss_beside_one_that_has_spilled() {
    miss_beside_write::<3>(8, 7);
}

/// Who finds no slot at all.
#[test]
fn a_miss_beside_a_counted_write() {
    miss_beside_write::<1>(8, 7);
}

/// Two writers after one slot: both are found, and none is left.
#[test]
fn two_writers_and_a_check() {
    check(|| {
        let table = Arc::new(empty_table());
        let other = {
            let table = table.clone();
            thread::spawn(move || {
                let place = table.record(range(0, 8));
                assert_eq!(table.check(range(0, 1)), Overlap::Exact);
                table.clear(range(0, 8), place);
            })
        };
        let place = table.record(range(4, 8));
        assert_eq!(table.check(range(11, 1)), Overlap::Exact);
        assert_eq!(table.check(range(12, 1)), Overlap::None);
        table.clear(range(4, 8), place);
        other.join().expect("no panic");
        assert!(table.is_empty());
        assert_eq!(table.check(range(0, 16)), Overlap::None);
    });
}

/// A cache being attached: no leaf lock orders the writer that finds none before the reader that
/// finds one, but their full barriers do. (`loom` has no order of `SeqCst` operations on different
/// places, so the barrier that `Full` implies in the kernel is written out.)
#[test]
fn a_write_older_than_the_cache() {
    use loom::sync::atomic::{AtomicU32, Ordering, fence};

    check(|| {
        let table = Arc::new(empty_table());
        let attached = Arc::new(AtomicU32::new(0));
        let writer = {
            let (table, attached) = (table.clone(), attached.clone());
            thread::spawn(move || {
                let _in_flight = table.record(range(0, 8));
                fence(Ordering::SeqCst);
                attached.load(Ordering::Relaxed) == 0
            })
        };
        attached.store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let found = table.check(range(0, 8)) != Overlap::None;
        let uncached = writer.join().expect("no panic");
        assert!(found || !uncached, "an uncached write went unnoticed");
    });
}

/// The other way round must fail, or these models show nothing.
#[test]
#[should_panic(expected = "old data would be cached")]
fn clearing_early_is_found() {
    check(|| {
        let table = Arc::new(empty_table());
        let leaf = Arc::new(Mutex::new(Leaf::default()));
        let disk = Arc::new(Mutex::new(0));
        let writer = {
            let (table, leaf, disk) = (table.clone(), leaf.clone(), disk.clone());
            thread::spawn(move || {
                let place = table.record(range(0, 8));
                leaf.lock().expect("no panic").invalidated = true;
                table.clear(range(0, 8), place);
                *disk.lock().expect("no panic") = 1;
            })
        };
        let survives = leaf.lock().expect("no panic").invalidated;
        if survives && table.check(range(0, 8)) == Overlap::None {
            assert_eq!(*disk.lock().expect("no panic"), 1, "old data would be cached");
        }
        writer.join().expect("no panic");
    });
}
