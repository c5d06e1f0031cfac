// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sectors of several bcache devices in one count.
//!
//! A machine may have more than one bcache device. The lab counts the sectors of all of
//! them in one row, so that a sector is a number, whatever device it is of: those of
//! `/dev/bcacheN` begin at N times [`VOLUME`]. So are those of the backing devices
//! counted, and so are the stamps: what comes back from another device is misplaced.

/// More sectors than a device has: 2 TiB.
pub const VOLUME: u64 = 1 << 32;

/// The number of the device that a sector is of.
#[must_use]
pub fn number(sector: u64) -> u64 {
    sector / VOLUME
}

/// The sector as that device counts.
#[must_use]
pub fn within(sector: u64) -> u64 {
    sector % VOLUME
}

/// As the lab counts a sector of device `number`.
#[must_use]
pub fn of(number: u64, sector: u64) -> u64 {
    number * VOLUME + sector
}
