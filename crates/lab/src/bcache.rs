// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything the lab knows of bcache's tools and sysfs files.

use crate::guest::{Guest, GuestError};
use crate::scenario::CacheMode;
use wire::Device;

/// Chosen by us, so that paths in sysfs and the disk format's magic are known
/// beforehand. Any UUID will do.
pub const SET_UUID: &str = "6c616200-0000-4000-8000-000062636163";

/// The first 8 bytes of [`SET_UUID`]: part of the magic numbers on disk.
pub const SET_MAGIC: u64 = u64::from_le_bytes([0x6c, 0x61, 0x62, 0, 0, 0, 0x40, 0]);

/// Where the user's sector 0 is on the backing device, in 512 B sectors: the
/// default of make-bcache, given explicitly.
pub const DATA_OFFSET: u64 = 16;

const REGISTER: &str = "/sys/fs/bcache/register";
const DEVICE_DIR: &str = "/sys/block/bcache0/bcache";

fn set_file(name: &str) -> String {
    format!("/sys/fs/bcache/{SET_UUID}/{name}")
}

/// Writes fresh superblocks for both disks, attached to each other.
///
/// # Errors
/// make-bcache's own message, or the guest's failure.
pub fn format(guest: &Guest<'_>) -> Result<(), GuestError> {
    let (ssd, hdd) = (guest.disk_path(Device::Ssd)?, guest.disk_path(Device::Hdd)?);
    let offset = DATA_OFFSET.to_string();
    let argv =
        ["make-bcache", "--cset-uuid", SET_UUID, "--data-offset", &offset, "-C", &ssd, "-B", &hdd];
    guest.exec(&argv).map(|_| ())
}

/// Registers both disks and waits for the bcache device.
///
/// # Errors
/// The kernel's refusal, or the device not showing up.
pub fn register(guest: &Guest<'_>) -> Result<(), GuestError> {
    for device in [Device::Ssd, Device::Hdd] {
        let path = guest.disk_path(device)?;
        guest.write_file(REGISTER, &format!("{path}\n"))?;
    }
    guest.wait_path(&format!("{DEVICE_DIR}/state"))?;
    guest.wait_path(&set_file("congested_read_threshold_us"))
}

/// Makes bcache do as it is told: no sequential and no congestion bypass, the
/// scenario's cache mode.
///
/// # Errors
/// A sysfs file that is missing or refuses the value.
pub fn configure(guest: &Guest<'_>, mode: CacheMode) -> Result<(), GuestError> {
    set_cache_mode(guest, mode)?;
    guest.write_file(&format!("{DEVICE_DIR}/sequential_cutoff"), "0")?;
    guest.write_file(&set_file("congested_read_threshold_us"), "0")?;
    guest.write_file(&set_file("congested_write_threshold_us"), "0")
}

/// Keeps dirty data dirty.
///
/// # Errors
/// A sysfs file that is missing or refuses the value.
pub fn stop_writeback(guest: &Guest<'_>) -> Result<(), GuestError> {
    guest.write_file(&format!("{DEVICE_DIR}/writeback_running"), "0")
}

/// Switches the cache mode.
///
/// # Errors
/// A sysfs file that is missing or refuses the value.
pub fn set_cache_mode(guest: &Guest<'_>, mode: CacheMode) -> Result<(), GuestError> {
    guest.write_file(&format!("{DEVICE_DIR}/cache_mode"), mode.as_str())
}

/// The backing device's state: `clean`, `dirty`, `no cache`, `inconsistent`.
///
/// # Errors
/// The guest's failure.
pub fn state(guest: &Guest<'_>) -> Result<String, GuestError> {
    Ok(guest.read_file(&format!("{DEVICE_DIR}/state"))?.trim().to_owned())
}
