// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every state that a power cut could have left, worked out from a log.
//!
//! Between two promises (a flush that completes, a FUA write, any completed
//! write of a disk without a volatile cache) the durable content of all disks
//! stands still and the open changes only grow; only a request that fails
//! takes possibilities away without a promise. So the states possible at any
//! instant of such an [`Epoch`] are among those possible at its end, and
//! looking there is enough.

mod epoch;
mod shrink;
mod states;

pub use epoch::{Epoch, Epochs, OpenChange};
pub use states::{CrashState, How, LostChange, Plan, States, estimate};
