// SPDX-License-Identifier: MIT OR Apache-2.0
//! bcache's settings and counters for a load.

use crate::bcache;
use crate::debugfs;
use crate::guest::{Guest, GuestError};
use scenario::{Delays, Setting, Settings, Volume};
use std::time::Duration;
use vdisk::{OpMatch, Rig};

/// Fills that the tracker skipped, and invalidations, since the device was
/// registered; `None` on kernels that do not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Skipped {
    pub exactly: Option<u64>,
    pub by_collision: Option<u64>,
    /// Bypass writes that needed no invalidation, and so left no key.
    pub spared: Option<u64>,
}

impl Skipped {
    /// Reads both counters.
    ///
    /// # Errors
    /// The guest's failure; a missing counter is none.
    pub fn read(guest: &Guest<'_>) -> Result<Self, GuestError> {
        let counter = |name: &str| debugfs::number(guest, "bcache0", name);
        Ok(Self {
            exactly: counter("inflight_skipped_exact")?,
            by_collision: counter("inflight_skipped_possible")?,
            spared: counter("ordered_spared")?,
        })
    }

    /// Added to what was counted before a cut set the counters back.
    pub fn add(&mut self, other: Self) {
        for (sum, more) in [
            (&mut self.exactly, other.exactly),
            (&mut self.by_collision, other.by_collision),
            (&mut self.spared, other.spared),
        ] {
            *sum = more.map(|more| sum.unwrap_or(0) + more).or(*sum);
        }
    }
}

/// Puts a job's settings in place, after [`bcache::configure`].
///
/// # Errors
/// A sysfs file that is missing or refuses the value.
pub fn apply(guest: &Guest<'_>, settings: &Settings) -> Result<(), GuestError> {
    let set = |setting, value: u64| bcache::set(guest, &[Volume::Hdd], setting, &value.to_string());
    bcache::set_cache_mode(guest, &[Volume::Hdd], settings.cache_mode)?;
    set(Setting::SequentialCutoff, settings.sequential_cutoff_kib << 10)?;
    if settings.writethrough_fua {
        bcache::set_if_there(guest, Volume::Hdd, Setting::WritethroughFua, "1")?;
    }
    set(Setting::CongestedReadThresholdUs, settings.congested_read_us)?;
    set(Setting::CongestedWriteThresholdUs, settings.congested_write_us)
}

/// Makes the virtual disks slow, or with the default quick again.
pub fn delay(rig: &Rig, delays: Delays) {
    let Delays { hdd_write, hdd_trim, ssd_read, ssd_write } = delays;
    for (disk, op, ms) in [
        ("hdd", OpMatch::Write, hdd_write),
        ("hdd", OpMatch::Trim, hdd_trim),
        ("ssd", OpMatch::Read, ssd_read),
        ("ssd", OpMatch::Write, ssd_write),
    ] {
        rig.delay(disk, op, Duration::from_millis(ms));
    }
}

/// Has everything dirty written back, as fast as the disks can, and waits for
/// it. The cache mode is `none` afterwards: nothing new is cached, and hits
/// are still hits.
///
/// # Errors
/// The guest's failure. Still dirty after `limit` is no error: the state that
/// it returns says so.
pub fn drain(guest: &Guest<'_>, limit: Duration) -> Result<String, GuestError> {
    bcache::set_cache_mode(guest, &[Volume::Hdd], scenario::CacheMode::None)?;
    let end = std::time::Instant::now() + limit;
    let mut state = bcache::state(guest, Volume::Hdd)?;
    if state == "dirty" {
        // `writeback_delay` of writeback.c: no waiting without a percentage.
        bcache::set(guest, &[Volume::Hdd], Setting::WritebackPercent, "0")?;
        bcache::set(guest, &[Volume::Hdd], Setting::WritebackDelay, "0")?;
    }
    while state == "dirty" && std::time::Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
        state = bcache::state(guest, Volume::Hdd)?;
    }
    Ok(state)
}
