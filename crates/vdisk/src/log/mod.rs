// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sequence on disk, with what was written: enough to work out later
//! every state that a power cut could have left.
//!
//! # Format
//!
//! The file begins with the 16 bytes of [`MAGIC`]. Frames follow, each a
//! batch of records: length of the batch (u32), low half of the XXH3-64 of
//! the batch seeded with the frame's offset in the file (u32), the batch.
//! Fixed numbers are little endian, all others LEB128. A record is a tag and
//! its fields:
//!
//! | tag | record | fields |
//! |---|---|---|
//! | 1 | disk | volatile cache (0, 1), sectors, cache size in bytes, name |
//! | 2 | content | XXH3-128 (16 bytes), length, that many bytes; once for each hash |
//! | 3 | life | none: what follows starts from settled disks, all zeroes but for the pages named next |
//! | 4 | page | disk, page number (in 4 KiB), hash of its content |
//! | 5 | event | see below |
//!
//! Disks are numbered in the order of their records, in events from 1, where
//! 0 means none. An event has: its number less the one before it, its time
//! less that of the one before (ns), disk, kind and its argument, request,
//! operation (0 none), first sector, sectors, flags (1 FUA, 2 a hash
//! follows), error, the hash of the content (16 bytes). Kinds and operations
//! are numbered in `encoding.rs`.
//!
//! A tool that was killed leaves whole frames and at most one torn one at the
//! end, where reading stops ([`Stop`] says where and why). At most a few
//! milliseconds are lost. `cargo xtask log` prints a log for people.

mod encoding;
#[cfg(test)]
mod fuzz;
mod reader;
mod stop;
mod writer;

pub use encoding::MAGIC;
pub use reader::{Life, Log, LogError, LoggedDisk};
pub use stop::{Stop, Why};
pub(crate) use writer::{Content, Described, LogWriter};
