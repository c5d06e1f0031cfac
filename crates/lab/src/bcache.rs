// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything the lab knows of bcache's tools and sysfs files.

use crate::debugfs;
use crate::guest::{Guest, GuestError};
use rustix::io::Errno;
use scenario::CacheMode;
use scenario::layout::{self, SET_UUID};
use scenario::{Counter, Disk, LifeEvent, Registered, Setting, Volume};

const REGISTER: &str = "/sys/fs/bcache/register";

fn set_file(name: &str) -> String {
    format!("/sys/fs/bcache/{SET_UUID}/{name}")
}

fn name(of: Volume) -> String {
    format!("bcache{}", of.number())
}

fn device_file(of: Volume, file: &str) -> String {
    format!("/sys/block/{}/bcache/{file}", name(of))
}

/// Writes fresh superblocks for all disks, attached to each other; buckets of
/// `bucket_kib` KiB.
///
/// # Errors
/// make-bcache's own message, or the guest's failure.
pub fn format(guest: &Guest<'_>, volumes: &[Volume], bucket_kib: u64) -> Result<(), GuestError> {
    let ssd = guest.disk_path(Disk::Ssd)?;
    let hdds = Volume::backed(volumes).map(|(_, disk)| guest.disk_path(disk));
    let hdds = hdds.collect::<Result<Vec<_>, _>>()?;
    let (offset, bucket) = (layout::DATA_OFFSET.to_string(), format!("{bucket_kib}k"));
    let mut argv = vec!["make-bcache", "--cset-uuid", SET_UUID, "--data-offset", &offset];
    argv.extend(["--bucket", &bucket, "-C", &ssd, "-B"]);
    argv.extend(hdds.iter().map(String::as_str));
    guest.exec(&argv).map(|_| ())
}

/// Adds a flash-only volume to the cache set.
///
/// # Errors
/// The kernel's refusal, or the device not showing up.
pub fn add_flash(guest: &Guest<'_>, mib: u64) -> Result<(), GuestError> {
    guest.write_file(&set_file("flash_vol_create"), &format!("{mib}M"))?;
    guest.wait_path(&device_file(Volume::Flash, "size"))
}

/// Gives the flash-only volume another size.
///
/// # Errors
/// The kernel's refusal, or the guest's failure.
pub fn resize_flash(guest: &Guest<'_>, mib: u64) -> Result<(), GuestError> {
    guest.write_file(&device_file(Volume::Flash, "size"), &format!("{mib}M"))
}

/// Registers the disks and waits for the bcache devices. A backing device that had a
/// cache does not run without it, unless it is told to (`register_bdev`,
/// `bch_cached_dev_run`).
///
/// # Errors
/// The kernel's refusal, or a device not showing up.
pub fn register(
    guest: &Guest<'_>,
    volumes: &[Volume],
    which: Registered,
) -> Result<(), GuestError> {
    let hdds = Volume::backed(volumes).map(|(_, disk)| disk);
    let order: Vec<Disk> = match which {
        Registered::SsdFirst => std::iter::once(Disk::Ssd).chain(hdds).collect(),
        Registered::HddFirst => hdds.chain([Disk::Ssd]).collect(),
        Registered::HddAlone => hdds.collect(),
    };
    for disk in order {
        register_one(guest, disk)?;
    }
    if which == Registered::HddAlone {
        for (of, disk) in Volume::backed(volumes) {
            let path = guest.disk_path(disk)?;
            let name = path.trim_start_matches("/dev/");
            guest.write_file(&format!("/sys/block/{name}/bcache/running"), "1")?;
            wait_device(guest, of)?;
        }
        return Ok(());
    }
    for (of, _) in Volume::backed(volumes) {
        wait_device(guest, of)?;
    }
    wait_set(guest)
}

/// Waits for a bcache device.
///
/// # Errors
/// It does not come, or the guest's failure.
pub fn wait_device(guest: &Guest<'_>, of: Volume) -> Result<(), GuestError> {
    guest.wait_path(&device_file(of, "state"))
}

/// Waits for the cache set.
///
/// # Errors
/// It does not come, or the guest's failure.
pub fn wait_set(guest: &Guest<'_>) -> Result<(), GuestError> {
    guest.wait_path(&set_file("congested_read_threshold_us"))
}

fn register_one(guest: &Guest<'_>, disk: Disk) -> Result<(), GuestError> {
    let path = guest.disk_path(disk)?;
    guest.write_file(REGISTER, &format!("{path}\n"))
}

/// Makes something happen to a device that sysfs starts and does not wait for.
///
/// # Errors
/// The kernel's refusal, or the guest's failure.
pub fn live(guest: &Guest<'_>, of: Volume, event: LifeEvent) -> Result<(), GuestError> {
    let device = |file: &str, text: &str| guest.write_file(&device_file(of, file), text);
    match event {
        LifeEvent::Detach => device("detach", "1"),
        LifeEvent::Attach => device("attach", SET_UUID),
        LifeEvent::Stop => device("stop", "1"),
        LifeEvent::Unregister => guest.write_file(&set_file("unregister"), "1"),
        LifeEvent::RegisterSsd => register_one(guest, Disk::Ssd),
        LifeEvent::RegisterHdd => register_one(guest, of.backing().unwrap_or(Disk::Hdd)),
    }
}

/// The backing device's state in sysfs; `None` when there is no such device.
///
/// # Errors
/// The guest's failure.
pub fn state_if_there(guest: &Guest<'_>, of: Volume) -> Result<Option<String>, GuestError> {
    if !guest.list("/sys/block")?.contains(&name(of)) {
        return Ok(None);
    }
    match state(guest, of) {
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

/// Sets one thing: of each device that has a backing device, or once where it is the
/// cache set's.
///
/// # Errors
/// A sysfs file that is missing or refuses the value.
pub fn set(
    guest: &Guest<'_>,
    volumes: &[Volume],
    setting: Setting,
    value: &str,
) -> Result<(), GuestError> {
    if setting.is_of_the_set() {
        return guest.write_file(&set_file(setting.file()), value);
    }
    let file = |of| device_file(of, setting.file());
    Volume::backed(volumes).try_for_each(|(of, _)| guest.write_file(&file(of), value))
}

/// Sets what only some kernels have; whether this one has it.
///
/// # Errors
/// The guest's failure.
pub fn set_if_there(
    guest: &Guest<'_>,
    of: Volume,
    setting: Setting,
    value: &str,
) -> Result<bool, GuestError> {
    let there = has(guest, of, setting.file())?;
    if there {
        set(guest, &[of], setting, value)?;
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

/// A counter, the sum of all devices'; `None` where the kernel has none.
///
/// # Errors
/// The guest's failure, or text that is no number.
pub fn counter(
    guest: &Guest<'_>,
    volumes: &[Volume],
    counter: Counter,
) -> Result<Option<u64>, GuestError> {
    let mut sum = Some(0);
    for (of, _) in Volume::backed(volumes) {
        let one = counter_of(guest, of, counter)?;
        sum = sum.zip(one).map(|(sum, one)| sum + one);
    }
    Ok(sum)
}

fn counter_of(guest: &Guest<'_>, of: Volume, counter: Counter) -> Result<Option<u64>, GuestError> {
    let path = match counter {
        Counter::Requests => format!("/sys/block/{}/{}", name(of), counter.file()),
        Counter::Overlaps | Counter::Bypassed => device_file(of, counter.file()),
        _ => return debugfs::number(guest, &name(of), counter.file()),
    };
    let text = match guest.read_file(&path) {
        // The device is there, and its kernel does not count that.
        Err(error)
            if counter == Counter::Overlaps
                && error.is(Errno::NOENT)
                && has(guest, of, "stats_total")? =>
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
pub fn has(guest: &Guest<'_>, of: Volume, file: &str) -> Result<bool, GuestError> {
    Ok(guest.list(&device_file(of, ""))?.iter().any(|name| name == file))
}

/// Makes bcache do as it is told: no sequential and no congestion bypass, the
/// scenario's cache mode; and ordered invalidation where the kernel has it, which
/// is off by default.
///
/// # Errors
/// A sysfs file that is missing or refuses the value.
pub fn configure(guest: &Guest<'_>, volumes: &[Volume], mode: CacheMode) -> Result<(), GuestError> {
    set_cache_mode(guest, volumes, mode)?;
    for (of, _) in Volume::backed(volumes) {
        set_if_there(guest, of, Setting::OrderedInvalidation, "1")?;
    }
    set(guest, volumes, Setting::SequentialCutoff, "0")?;
    set(guest, volumes, Setting::CongestedReadThresholdUs, "0")?;
    set(guest, volumes, Setting::CongestedWriteThresholdUs, "0")
}

/// Switches the cache mode.
///
/// # Errors
/// A sysfs file that is missing or refuses the value.
pub fn set_cache_mode(
    guest: &Guest<'_>,
    volumes: &[Volume],
    mode: CacheMode,
) -> Result<(), GuestError> {
    set(guest, volumes, Setting::CacheMode, mode.as_str())
}

/// The backing device's state: `clean`, `dirty`, `no cache`, `inconsistent`.
///
/// # Errors
/// The guest's failure.
pub fn state(guest: &Guest<'_>, of: Volume) -> Result<String, GuestError> {
    Ok(guest.read_file(&device_file(of, "state"))?.trim().to_owned())
}

/// Whether cache and backing device may differ: something is dirty, or there is none.
///
/// # Errors
/// The guest's failure.
pub fn may_differ(guest: &Guest<'_>, of: Volume) -> Result<bool, GuestError> {
    Ok(of.backing().is_none() || state(guest, of)? != "clean")
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
