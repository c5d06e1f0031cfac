// SPDX-License-Identifier: MIT OR Apache-2.0
//! Child processes that never outlive the tool, and the word "stop".
//!
//! Everything that the lab starts (compilers, QEMU, fio on the host) goes
//! through [`Guarded`]: a process group of its own, killed when the guard is
//! dropped, and killed by the [`watchdog`] when the tool itself dies of
//! anything, SIGKILL included.

#![allow(missing_docs)] // a comment stands where a name does not say it

mod ask;
mod cancel;
mod guarded;
mod lines;
mod lock;
mod replace;
mod scratch;
mod tail;
mod watchdog;

pub use ask::{Said, ask, ask_about, first_line, shell};
pub use cancel::{Cancel, Cancelled};
pub use guarded::{Guarded, RunError, run_logged};
pub use lines::{run_heard, run_lines};
pub use lock::FileLock;
pub use replace::replace;
pub use scratch::Scratch;
pub use tail::Tail;
