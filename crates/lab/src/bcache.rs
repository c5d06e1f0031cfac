// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything the lab knows of bcache's tools and sysfs files.

use crate::debugfs;
use crate::guest::{Guest, GuestError};
use rustix::io::Errno;
use scenario::CacheMode;
use scenario::layout::{self, SET_UUID};
use scenario::{Counter, LifeEvent, Registered, Setting};
use wire::Device;

const REGISTER: &str = "/sys/fs/bcache/register";
const BLOCK_DIR: &str = "/sys/block/bcache0";
const DEVICE_DIR: &str = "/sys/block/bcache0/bcache";
const ORDERED: &str = "ordered_invalidation";

fn set_file(name: &str) -> String {
    format!("/sys/fs/bcache/{SET_UUID}/{name}")
}

/// Writes fresh superblocks for both disks, attached to each other; buckets of
/// `bucket_kib` KiB.
///
/// # Errors
/// make-bcache's own message, or the guest's failure.
pub fn format(guest: &Guest<'_>, bucket_kib: u64) -> Result<(), GuestError> {
    let (ssd, hdd) = (guest.disk_path(Device::Ssd)?, guest.disk_path(Device::Hdd)?);
    let (offset, bucket) = (layout::DATA_OFFSET.to_string(), format!("{bucket_kib}k"));
    let mut argv = vec!["make-bcache", "--cset-uuid", SET_UUID, "--data-offset", &offset];
    argv.extend(["--bucket", &bucket, "-C", &ssd, "-B", &hdd]);
    guest.exec(&argv).map(|_| ())
}

/// Registers the disks and waits for the bcache device. A backing device that had a
/// cache does not run without it, unless it is told to (`register_bdev`,
/// `bch_cached_dev_run`).
///
/// # Errors
/// The kernel's refusal, or the device not showing up.
pub fn register(guest: &Guest<'_>, which: Registered) -> Result<(), GuestError> {
    let order = match which {
        Registered::SsdFirst => [Device::Ssd, Device::Hdd].as_slice(),
        Registered::HddFirst => &[Device::Hdd, Device::Ssd],
        Registered::HddAlone => &[Device::Hdd],
    };
    for device in order {
        register_one(guest, *device)?;
    }
    if which == Registered::HddAlone {
        let path = guest.disk_path(Device::Hdd)?;
        let name = path.trim_start_matches("/dev/");
        guest.write_file(&format!("/sys/block/{name}/bcache/running"), "1")?;
        return wait_device(guest);
    }
    wait_device(guest)?;
    wait_set(guest)
}

/// Waits for the bcache device.
///
/// # Errors
/// It does not come, or the guest's failure.
pub fn wait_device(guest: &Guest<'_>) -> Result<(), GuestError> {
    guest.wait_path(&format!("{DEVICE_DIR}/state"))
}

/// Waits for the cache set.
///
/// # Errors
/// It does not come, or the guest's failure.
pub fn wait_set(guest: &Guest<'_>) -> Result<(), GuestError> {
    guest.wait_path(&set_file("congested_read_threshold_us"))
}

fn register_one(guest: &Guest<'_>, device: Device) -> Result<(), GuestError> {
    let path = guest.disk_path(device)?;
    guest.write_file(REGISTER, &format!("{path}\n"))
}

/// Makes something happen that sysfs starts and does not wait for.
///
/// # Errors
/// The kernel's refusal, or the guest's failure.
pub fn live(guest: &Guest<'_>, event: LifeEvent) -> Result<(), GuestError> {
    let device = |file: &str, text: &str| guest.write_file(&format!("{DEVICE_DIR}/{file}"), text);
    match event {
        LifeEvent::Detach => device("detach", "1"),
        LifeEvent::Attach => device("attach", SET_UUID),
        LifeEvent::Stop => device("stop", "1"),
        LifeEvent::Unregister => guest.write_file(&set_file("unregister"), "1"),
        LifeEvent::RegisterSsd => register_one(guest, Device::Ssd),
        LifeEvent::RegisterHdd => register_one(guest, Device::Hdd),
    }
}

/// The backing device's state in sysfs; `None` when there is no such device.
///
/// # Errors
/// The guest's failure.
pub fn state_if_there(guest: &Guest<'_>) -> Result<Option<String>, GuestError> {
    if !guest.list("/sys/block")?.iter().any(|name| name == "bcache0") {
        return Ok(None);
    }
    match state(guest) {
        Ok(state) => Ok(Some(state)),
        // It went away in between.
        Err(GuestError::Refused { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

/// Whether the cache set is registered.
///
/// # Errors
/// The guest's failure.
pub fn set_is_there(guest: &Guest<'_>) -> Result<bool, GuestError> {
    Ok(guest.list("/sys/fs/bcache")?.iter().any(|name| name == SET_UUID))
}

fn path(setting: Setting) -> String {
    match setting {
        Setting::CongestedReadThresholdUs
        | Setting::CongestedWriteThresholdUs
        | Setting::JournalDelayMs
        | Setting::IoErrorLimit
        | Setting::TriggerGc => set_file(setting.file()),
        _ => format!("{DEVICE_DIR}/{}", setting.file()),
    }
}

/// Sets one thing.
///
/// # Errors
/// A sysfs file that is missing or refuses the value.
pub fn set(guest: &Guest<'_>, setting: Setting, value: &str) -> Result<(), GuestError> {
    guest.write_file(&path(setting), value)
}

/// Has writethrough writes on the backing device's media before their keys are in
/// the cache; whether this kernel can.
///
/// # Errors
/// The guest's failure.
pub fn set_writethrough_fua(guest: &Guest<'_>, value: &str) -> Result<bool, GuestError> {
    let there = has(guest, Setting::WritethroughFua.file())?;
    if there {
        set(guest, Setting::WritethroughFua, value)?;
    }
    Ok(there)
}

/// Length in sectors from which on requests go round a congested cache, as
/// `bch_get_congested` says it to sysfs, rounded up; 0 when it is not congested.
///
/// # Errors
/// The guest's failure, or text that is no size.
pub fn congested(guest: &Guest<'_>) -> Result<u64, GuestError> {
    let text = guest.read_file(&set_file("congested"))?;
    parse_size(text.trim()).map(|bytes| bytes.div_ceil(512)).ok_or_else(|| GuestError::Refused {
        doing: "reading how congested the cache is".to_owned(),
        why: format!("{text:?} is not a size").into(),
    })
}

/// Buckets that hold no data, in percent, rounded down, as `priority_stats` has it
/// (`__bch_cache`).
///
/// # Errors
/// The guest's failure, or text that has no such line.
pub fn unused_percent(guest: &Guest<'_>) -> Result<u64, GuestError> {
    let text = guest.read_file(&set_file("cache0/priority_stats"))?;
    parse_unused(&text).ok_or_else(|| GuestError::Refused {
        doing: "reading how much of the cache is unused".to_owned(),
        why: format!("{text:?} does not say").into(),
    })
}

fn parse_unused(text: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix("Unused:"))?;
    rest.trim().strip_suffix('%')?.parse().ok()
}

/// A size as `bch_hprint` writes it: one decimal, and a unit from `k` on. In tenths
/// of a unit, and the unit as the power of two that it is in bytes.
fn parse_tenths(text: &str) -> Option<(u64, u32)> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = ["k", "M", "G", "T"].iter().position(|unit| *unit == &text[digits.len()..])?;
    let (whole, tenths) = digits.split_once('.')?;
    let tenths = whole.parse::<u64>().ok()? * 10 + tenths.parse::<u64>().ok()?;
    Some((tenths, 10 * (u32::try_from(unit).ok()? + 1)))
}

/// In bytes. What the decimal leaves out is added, so that a size is never too low;
/// but 0 is 0.
fn parse_size(text: &str) -> Option<u64> {
    let (tenths, shift) = parse_tenths(text)?;
    Some(if tenths == 0 { 0 } else { ((tenths + 1) << shift) / 10 })
}

/// The block layer tells reads from writes. Nothing is no number.
fn parse_sum(text: &str) -> Option<u64> {
    let mut counts = text.split_whitespace().map(|count| count.parse::<u64>().ok()).peekable();
    counts.peek()?;
    counts.sum()
}

/// A counter; `None` where the kernel has none.
///
/// # Errors
/// The guest's failure, or text that is no number.
pub fn counter(guest: &Guest<'_>, counter: Counter) -> Result<Option<u64>, GuestError> {
    let dir = match counter {
        Counter::Requests => BLOCK_DIR,
        Counter::Overlaps | Counter::Bypassed => DEVICE_DIR,
        _ => return debugfs::number(guest, counter.file()),
    };
    let text = match guest.read_file(&format!("{dir}/{}", counter.file())) {
        // The device is there, and its kernel does not count that.
        Err(error)
            if counter == Counter::Overlaps
                && error.is(Errno::NOENT)
                && has(guest, "stats_total")? =>
        {
            return Ok(None);
        }
        text => text?,
    };
    let number = match counter {
        Counter::Bypassed => {
            parse_tenths(text.trim()).map(|(tenths, shift)| (tenths << shift) / 10)
        }
        _ => parse_sum(&text),
    };
    number.map(Some).ok_or_else(|| GuestError::Refused {
        doing: format!("reading the counter {}", counter.file()),
        why: format!("{text:?} is not a number").into(),
    })
}

/// Whether this kernel's devices have that file.
///
/// # Errors
/// A guest that does not answer.
pub fn has(guest: &Guest<'_>, file: &str) -> Result<bool, GuestError> {
    Ok(guest.list(DEVICE_DIR)?.iter().any(|name| name == file))
}

/// Makes bcache do as it is told: no sequential and no congestion bypass, the
/// scenario's cache mode; and ordered invalidation where the kernel has it, which
/// is off by default.
///
/// # Errors
/// A sysfs file that is missing or refuses the value.
pub fn configure(guest: &Guest<'_>, mode: CacheMode) -> Result<(), GuestError> {
    set_cache_mode(guest, mode)?;
    if has(guest, ORDERED)? {
        guest.write_file(&format!("{DEVICE_DIR}/{ORDERED}"), "1")?;
    }
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

#[cfg(test)]
mod tests {
    use super::{parse_size, parse_sum, parse_unused};

    #[test]
    fn a_counter_without_a_number_is_none() {
        assert_eq!(parse_sum("       1        2\n"), Some(3));
        assert_eq!(parse_sum("0\n"), Some(0));
        for wrong in ["", "\n", "1 x", "-1"] {
            assert_eq!(parse_sum(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_share_of_unused_buckets_is_read() {
        assert_eq!(parse_unused("Unused:\t\t6%\nClean:\t\t90%\n"), Some(6));
        for wrong in ["", "Clean:\t\t90%\n", "Unused:\t\t6\n", "Unused:\t\t%\n"] {
            assert_eq!(parse_unused(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_are_read_as_bcache_writes_them() {
        assert_eq!(parse_size("0.0k"), Some(0));
        assert_eq!(parse_size("0.5k").map(|bytes| bytes.div_ceil(512)), Some(2));
        assert_eq!(parse_size("32.0k"), Some(32 * 1024 + 102));
        assert_eq!(parse_size("1.9M"), Some(2 << 20));
        for wrong in ["", "12", "1k", "1.5", "1.5x", "k"] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }
}
