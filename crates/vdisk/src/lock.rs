// SPDX-License-Identifier: MIT OR Apache-2.0
//! Locks without poisoning: a panic in one thread of the lab must not make
//! the disks of a running machine unreachable.

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
