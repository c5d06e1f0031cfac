// SPDX-License-Identifier: GPL-2.0

//! Writes on their way to the backing device: the C face of the tracker in Rust.
//!
//! What it is for, and where bcache calls it, is told in `inflight.h`; how it works, in
//! `inflight_table/mod.rs`.
//!
//! # Ordering
//!
//! A placeholder that survives was planted after the invalidation, or the invalidation would have
//! removed it. Both take the write lock of the same btree leaf (`b->lock`), so everything before
//! the invalidation, the record included, is visible to the check after the placeholder. Release
//! and acquire of that lock are all that this pair needs.
//!
//! A record is fully ordered nevertheless, for a cache that is being attached: a write that finds
//! no cache (`cached_dev_get()` reads a count of zero) leaves no invalidation and takes no lock.
//! Its record comes before it reads the count; a read that finds the count set, with the full
//! barrier in `cached_dev_get()`, comes after it was set. So the check sees the record.
//!
//! Clearing releases, and the check acquires: who finds no write any more sends its backing read
//! after the write that was there has completed, and gets its data.

use kernel::{
    bindings,
    prelude::*, //
};

pub mod inflight_table;

use inflight_table::{
    check::Overlap,
    place::Place,
    range::Range,
    table, //
};

/// 6720 slots, whatever the size of the device: with the counters 63 KB, and no more than that
/// under any load.
type Table = table::Table<960, 256>;

// SAFETY: A table is made of atomic integers, and zero is a valid integer.
unsafe impl Zeroable for Table {}

/// Creates the tracker of a backing device; null when there is no memory. May sleep.
///
/// # Safety
///
/// Always safe to call.
// Required to be unsafe due to the `#[export]` annotation.
#[export]
pub unsafe extern "C" fn bch_inflight_alloc(_sectors: u64) -> *mut bindings::bch_inflight {
    match KVBox::<Table>::zeroed(GFP_KERNEL) {
        Ok(table) => KVBox::into_raw(table).cast(),
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
        // SAFETY: By the contract of this function, `t` is a `KVBox` given away above.
        drop(unsafe { KVBox::from_raw(t.cast::<Table>()) });
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
    if let Some(range) = Range::new(sector, sectors) {
        // SAFETY: By the contract of this function.
        let table = unsafe { &*t.cast::<Table>() };
        let record = bindings::bch_inflight_write {
            sector,
            sectors,
            place: table.record(range).0,
        };
        // SAFETY: By the contract of this function. It need not have been initialized.
        unsafe { w.write(record) };
    }
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
    let record = unsafe { w.read() };
    if let Some(range) = Range::new(record.sector, record.sectors) {
        // SAFETY: By the contract of this function, and `w` was recorded.
        let table = unsafe { &*t.cast::<Table>() };
        table.clear(range, Place(record.place));
        // SAFETY: By the contract of this function.
        unsafe { (&raw mut (*w).sectors).write(0) };
    }
}

/// Looks for writes in flight that overlap a range. Any context.
///
/// # Safety
///
/// `t` comes from `bch_inflight_alloc()` and lives.
#[export]
pub unsafe extern "C" fn bch_inflight_check(
    t: *mut bindings::bch_inflight,
    sector: u64,
    sectors: u32,
) -> bindings::bch_inflight_overlap {
    // SAFETY: By the contract of this function.
    let table = unsafe { &*t.cast::<Table>() };
    match Range::new(sector, sectors).map_or(Overlap::None, |range| table.check(range)) {
        Overlap::None => bindings::bch_inflight_overlap_BCH_INFLIGHT_NONE,
        Overlap::Exact => bindings::bch_inflight_overlap_BCH_INFLIGHT_EXACT,
        Overlap::Possible => bindings::bch_inflight_overlap_BCH_INFLIGHT_POSSIBLE,
    }
}

/// The number of writes in flight. Any context.
///
/// # Safety
///
/// `t` comes from `bch_inflight_alloc()` and lives.
#[export]
pub unsafe extern "C" fn bch_inflight_count(t: *mut bindings::bch_inflight) -> u64 {
    // SAFETY: By the contract of this function.
    unsafe { &*t.cast::<Table>() }.in_flight()
}

/// The memory in use, in bytes.
///
/// # Safety
///
/// Always safe to call.
// Required to be unsafe due to the `#[export]` annotation.
#[export]
pub unsafe extern "C" fn bch_inflight_bytes(_t: *mut bindings::bch_inflight) -> usize {
    size_of::<Table>()
}
