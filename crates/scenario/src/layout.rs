// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the lab formats its disks: what make-bcache is told, and what follows
//! from it on the disks.

/// Chosen by us, so that paths in sysfs and the disk format's magic are known
/// beforehand. Any UUID will do.
pub const SET_UUID: &str = "6c616200-0000-4000-8000-000062636163";

/// The first 8 bytes of [`SET_UUID`]: part of the magic numbers on disk.
pub const SET_MAGIC: u64 = u64::from_le_bytes([0x6c, 0x61, 0x62, 0, 0, 0, 0x40, 0]);

/// Where the user's sector 0 is on the backing device, in 512 B sectors: the
/// default of make-bcache, given explicitly.
pub const DATA_OFFSET: u64 = 16;

/// Size of the cache's buckets in KiB where nothing else is asked for: the
/// default of make-bcache.
pub const BUCKET_KIB: u64 = 512;
