// SPDX-License-Identifier: GPL-2.0

//! Writes on their way to the backing device, counted per 32 MB chunk.
//!
//! A write counts itself into every chunk that it touches before it can reach the btree, and out
//! again when both its backing write and its index update are done. A read miss that has planted
//! its placeholder looks at the chunks of its range: a count that is not zero means that what it
//! is about to read may be old, so it must not go into the cache.
//!
//! Chunks are hashed into a fixed table. Two chunks that share a counter cost a fill that could
//! have been made, never one that should not: so the table needs no memory that depends on the
//! size of the device, nothing is allocated on the write path, and nothing can fail there.
//!
//! # Ordering
//!
//! A placeholder that survives was planted after the invalidation, or the invalidation would have
//! removed it. Both take the write lock of the same btree leaf, so everything before the
//! invalidation, the record included, is visible after the placeholder: counting up needs no
//! ordering of its own for that. It is fully ordered for another reader, of a cache that is being
//! attached: `cached_dev_get()` of a write that finds no cache must not be overtaken by its record.
//!
//! Counting down releases, and the check acquires: who sees zero sends its read after the write
//! that was there has completed.
//!
//! # Overflow
//!
//! A counter has 32 bits. Each write in flight owns a `struct search` or a bio of its own, hundreds
//! of bytes, and counts once per counter and chunk; memory is gone long before the counter is full.

use kernel::{
    bindings,
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Release, //
    },
};

/// Sectors of 512 bytes in a chunk of 32 MB, as a shift.
const CHUNK_SHIFT: u32 = 16;

/// Counters in the table, as a shift: 1024 of them, 4 KiB.
const TABLE_SHIFT: u32 = 10;

const TABLE_LEN: usize = 1 << TABLE_SHIFT;

/// The in-flight counts of one backing device.
#[repr(transparent)]
struct Chunks {
    counts: [Atomic<u32>; TABLE_LEN],
}

// SAFETY: `Atomic<u32>` has the size, alignment and bit validity of `u32`, for which zero is valid.
unsafe impl Zeroable for Chunks {}

/// The table's counters for a range, each as often as chunks of the range share it.
fn cells(sector: u64, sectors: u32) -> impl Iterator<Item = usize> {
    let end = sector.saturating_add(u64::from(sectors));
    // An empty range gives no chunk: `first` is then beyond the last.
    let first = sector >> CHUNK_SHIFT;
    let beyond = if sectors == 0 {
        first
    } else {
        ((end - 1) >> CHUNK_SHIFT) + 1
    };

    (first..beyond).map(|chunk| {
        // Fibonacci hashing: neighbours, the usual case, spread over the whole table.
        (chunk.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - TABLE_SHIFT)) as usize
    })
}

impl Chunks {
    fn record(&self, sector: u64, sectors: u32) {
        for i in cells(sector, sectors) {
            self.counts[i].fetch_add(1, Full);
        }
    }

    fn clear(&self, sector: u64, sectors: u32) {
        for i in cells(sector, sectors) {
            self.counts[i].fetch_sub(1, Release);
        }
    }

    fn overlaps(&self, sector: u64, sectors: u32) -> bool {
        cells(sector, sectors).any(|i| self.counts[i].load(Acquire) != 0)
    }
}

/// Creates the tracker of a backing device; null when there is no memory. May sleep.
///
/// # Safety
///
/// Always safe to call.
// Required to be unsafe due to the `#[export]` annotation.
#[export]
pub unsafe extern "C" fn bch_inflight_alloc(_sectors: u64) -> *mut bindings::bch_inflight {
    match KBox::<Chunks>::zeroed(GFP_KERNEL) {
        Ok(chunks) => KBox::into_raw(chunks).cast(),
        Err(_) => core::ptr::null_mut(),
    }
}

/// Frees a tracker.
///
/// # Safety
///
/// `t` is null or comes from `bch_inflight_alloc()`, and nobody uses it any more.
#[export]
pub unsafe extern "C" fn bch_inflight_free(t: *mut bindings::bch_inflight) {
    if !t.is_null() {
        // SAFETY: By the contract of this function, `t` is a `KBox` given away above.
        drop(unsafe { KBox::from_raw(t.cast::<Chunks>()) });
    }
}

/// Records a write. Any context.
///
/// # Safety
///
/// `t` comes from `bch_inflight_alloc()` and lives; `w` is valid for writes and holds no record.
#[export]
pub unsafe extern "C" fn bch_inflight_record(
    t: *mut bindings::bch_inflight,
    w: *mut bindings::bch_inflight_write,
    sector: u64,
    sectors: u32,
) {
    // SAFETY: By the contract of this function.
    let (chunks, w) = unsafe { (&*t.cast::<Chunks>(), &mut *w) };
    w.sector = sector;
    w.sectors = sectors;
    chunks.record(sector, sectors);
}

/// Ends a record, if there is one. Any context.
///
/// # Safety
///
/// `t` is the tracker that `w` was recorded in, if it was; `w` is valid for reads and writes.
#[export]
pub unsafe extern "C" fn bch_inflight_clear(
    t: *mut bindings::bch_inflight,
    w: *mut bindings::bch_inflight_write,
) {
    // SAFETY: By the contract of this function.
    let (chunks, w) = unsafe { (&*t.cast::<Chunks>(), &mut *w) };
    chunks.clear(w.sector, w.sectors);
    w.sectors = 0;
}

/// Whether a recorded write may overlap the range. Any context.
///
/// # Safety
///
/// `t` comes from `bch_inflight_alloc()` and lives.
#[export]
pub unsafe extern "C" fn bch_inflight_overlaps(
    t: *mut bindings::bch_inflight,
    sector: u64,
    sectors: u32,
) -> bool {
    // SAFETY: By the contract of this function.
    let chunks = unsafe { &*t.cast::<Chunks>() };
    chunks.overlaps(sector, sectors)
}
