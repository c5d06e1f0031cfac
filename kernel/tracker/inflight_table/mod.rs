// SPDX-License-Identifier: GPL-2.0

//! A fixed table of the exact ranges that are being written.
//!
//! A range is one 64-bit word ([`range`]), and a place for it is a *slot*: free when zero.
//! Recording a write takes a free slot with one compare-and-exchange, clearing it is one store, and
//! a check compares the word of a slot with its own range. No lock and no allocation. Seven slots
//! and a *header* make a *bucket*, one cache line ([`bucket`]).
//!
//! Where to look is decided by hashing the *granule* that a range lies in. Granules come in five
//! sizes, the *levels*. A range belongs to the first level whose granules are no shorter than
//! itself, so that it touches at most two of them, and is recorded for each. Small writes have
//! small granules, as many of them may be in flight in a small region, and large ones have large
//! granules, as they would touch too many small ones.
//!
//! A granule of a level hashes to one slot, its *home*. A range that finds its home taken is a
//! *stray*: it takes any other slot of the home's bucket. When there is none, it has *spilled*: it
//! goes to another bucket that the granule hashes to, of which there are few. The home's header
//! counts both, so that a check knows how far it has to look.
//!
//! What finds no slot is counted: per hashed chunk of 32 MB, and what is longer than that for the
//! whole device. Counters cannot be full. So a record is never lost; what gets lost under load is
//! precision, which costs nothing but cache fills.
//!
//! A check reads, for each granule that it touches at each of the two lowest levels, the *near*
//! ones, the home and its bucket's header, and then the number of records that are *far*: at other
//! levels or in counters. It looks at those only when that is not zero. Each of these counts is
//! raised before what it counts is there and lowered after it has gone.
//!
//! Atomics are function calls here (`rust/helpers/atomic.c`), so the usual case has few: one to
//! record, one to clear, five to check. And nothing can panic, whatever `RUST_OVERFLOW_CHECKS` is:
//! where the compiler cannot see that a number is in bounds, it wraps.
//!
//! # Ordering
//!
//! See the callers for who pairs with whom. What they rely on: a record is fully ordered before
//! what follows it; clearing is a release; a check acquires whatever it finds cleared.

pub mod bucket;
pub mod check;
pub mod level;
pub mod place;
pub mod range;
pub mod record;
pub mod table;
