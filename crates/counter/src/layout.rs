// SPDX-License-Identifier: MIT OR Apache-2.0
//! The file through which the plugin tells its counts while QEMU runs.
//!
//! Native byte order; only this machine reads it. First a header of
//! [`HEADER`] bytes with the number of slots in use (u64), then the slots, each
//! three u64: the guest address of a block of instructions, how many
//! instructions it has, how often it was entered.

/// Bytes before the first slot.
pub const HEADER: usize = 64;
/// Bytes of a slot.
pub const SLOT: usize = 24;
/// Slots that fit. A boot and a measurement translate some 100,000 blocks; the
/// file is sparse, so room costs nothing.
pub const SLOTS: usize = 4 << 20;
/// Bytes of the file.
pub const BYTES: usize = HEADER + SLOTS * SLOT;
