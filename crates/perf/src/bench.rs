// SPDX-License-Identifier: MIT OR Apache-2.0
//! A machine to measure on: fresh disks, one boot, bcache set up.

use crate::error::PerfError;
use judge::decode::{Devices, Written};
use lab::bcache;
use lab::guest::Guest;
use lab::{ArmImage, Machine, Tools};
use proc::{Cancel, Scratch};
use scenario::{CacheMode, Disk, DiskSetup, Disks, Registered, Volume, layout};
use std::path::Path;
use std::time::{Duration, Instant};
use vdisk::bcache_format::{BackingState, Superblock};
use vdisk::{Kind, Op, Rig};
use vm::{Vm, VmConfig};
use wire::{Device, Extent};

/// What a machine is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// 512 buckets of 512 KiB on the cache device at least.
    pub disks: Disks,
    /// Virtual processors.
    pub cpus: u32,
    /// Where new data go.
    pub mode: CacheMode,
    /// Further words for QEMU's command line.
    pub qemu_extra: Vec<String>,
}

impl Setup {
    /// Writes bypass the cache, the disks are as fast as the host.
    #[must_use]
    pub fn new(ssd_mib: u64, hdd_mib: u64) -> Self {
        let disk = |mib| DiskSetup::plain(mib, false);
        Self::on(Disks::two(disk(ssd_mib), disk(hdd_mib)))
    }

    /// The same on disks that take their time.
    #[must_use]
    pub fn on(disks: Disks) -> Self {
        Self { disks, cpus: 2, mode: CacheMode::Writearound, qemu_extra: Vec::new() }
    }

    fn guest(&self, arm: &ArmImage, tools: &Tools, logs: &Path) -> VmConfig {
        let mut guest = tools.guest(&arm.kernel, logs.to_owned());
        guest.cpus = self.cpus;
        guest.boot_deadline = guest.patience(Duration::from_secs(120));
        guest.silence = guest.patience(Duration::from_secs(60));
        guest.qemu_extra.clone_from(&self.qemu_extra);
        guest
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new(512, 1024)
    }
}

/// What reached the disks since an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Reads of the backing device.
    pub hdd_reads: u64,
    /// Writes of data to the backing device.
    pub hdd_writes: u64,
    /// Journal entries on the cache device, and their bytes.
    pub journal_writes: u64,
    /// Their bytes.
    pub journal_bytes: u64,
    /// Flushes of the cache device, FUA writes included.
    pub ssd_flushes: u64,
    /// The same of the backing device.
    pub hdd_flushes: u64,
}

/// A booted machine with bcache ready.
pub struct Bench<'a> {
    pub(super) rig: Rig,
    pub(super) vm: Vm,
    pub(super) cancel: &'a Cancel,
    /// Of the bcache device.
    pub(super) sectors: u64,
    /// Blocks of the first MiB that have been read.
    primed: std::cell::Cell<u64>,
    // The sockets go with it.
    _sockets: Scratch,
}

impl<'a> Bench<'a> {
    /// Fresh disks, a boot, bcache formatted, registered, configured, and
    /// seen to cache.
    ///
    /// # Errors
    /// [`PerfError`].
    pub fn start(
        setup: &Setup,
        arm: &ArmImage,
        tools: &Tools,
        logs: &Path,
        cancel: &'a Cancel,
    ) -> Result<Self, PerfError> {
        cancel.check()?;
        std::fs::create_dir_all(logs).map_err(PerfError::io(logs))?;
        let Machine { config, rig, sockets, .. } =
            Machine::new(setup.guest(arm, tools, logs), tools, &setup.disks)?;
        let vm = Vm::boot(&config, cancel)?;
        let mut bench = Self { rig, vm, cancel, sectors: 0, primed: 0.into(), _sockets: sockets };
        let guest = bench.guest();
        let volumes = [Volume::Hdd];
        bcache::format(&guest, &volumes, layout::BUCKET_KIB)?;
        bcache::register(&guest, &volumes, Registered::default())?;
        bcache::configure(&guest, &volumes, setup.mode)?;
        bench.sectors = guest.size(Device::Bcache, 0)?;
        bench.prime()?;
        Ok(bench)
    }

    /// The guest.
    #[must_use]
    pub fn guest(&self) -> Guest<'_> {
        Guest::new(&self.vm, self.cancel)
    }

    /// Reads further blocks of the first MiB until one is served from the
    /// cache: a miss that finds no free bucket is not cached, as the first one
    /// after registering, or whenever the allocator is behind.
    pub(super) fn prime(&self) -> Result<(), PerfError> {
        for block in self.primed.get()..256 {
            self.primed.set(block + 1);
            let piece = vec![Extent { sector: block * 8, sectors: 8 }];
            self.guest().drive(Device::Bcache, false, piece.clone())?;
            self.settle(Duration::from_millis(20))?;
            let before = self.rig.now();
            self.guest().drive(Device::Bcache, false, piece)?;
            if self.traffic_since(before).hdd_reads == 0 {
                return Ok(());
            }
        }
        Err(PerfError::Closed("no read was ever served by the cache device".to_owned()))
    }

    /// Waits until the disks have had no request for `quiet`.
    pub(super) fn settle(&self, quiet: Duration) -> Result<(), PerfError> {
        let mut last = (self.rig.now(), Instant::now());
        let end = Instant::now() + lab::guest::PATIENCE;
        while last.1.elapsed() < quiet {
            self.cancel.check()?;
            if Instant::now() > end {
                return Err(PerfError::Closed("the disks did not become quiet".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(2));
            let now = self.rig.now();
            if now != last.0 {
                last = (now, Instant::now());
            }
        }
        Ok(())
    }

    /// No waiting for more to write back, nor for the disks to be idle.
    pub(super) fn write_back_at_once(&self) -> Result<(), PerfError> {
        let zero = |name: &str| (name.to_owned(), "0".to_owned());
        self.set(&[zero("writeback_delay"), zero("writeback_percent")])
    }

    /// Waits until nothing is left to be written back. The disk is asked, as the guest's
    /// instructions are counted.
    pub(super) fn await_clean(&self) -> Result<(), PerfError> {
        let end = Instant::now() + lab::guest::PATIENCE;
        let clean = |superblock: Superblock| superblock.state == Some(BackingState::Clean);
        while !self.rig.superblock("hdd").is_some_and(clean) {
            self.cancel.check()?;
            if Instant::now() > end {
                return Err(PerfError::Closed("not all was written back".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// What the disks have done since event `since`.
    pub(super) fn traffic_since(&self, since: u64) -> Traffic {
        let mut traffic = Traffic::default();
        for event in self.rig.events_since(since + 1) {
            match (&event.kind, event.op, &*event.disk) {
                (Kind::Issue, Some(Op::Read), "hdd") => traffic.hdd_reads += 1,
                (Kind::Issue, Some(Op::Write), "hdd") => {
                    // Else it is the superblock.
                    traffic.hdd_writes += u64::from(event.sector >= layout::DATA_OFFSET);
                    traffic.hdd_flushes += u64::from(event.fua);
                }
                (Kind::Issue, Some(Op::Flush), "hdd") => traffic.hdd_flushes += 1,
                (Kind::Issue, Some(Op::Flush), "ssd") => traffic.ssd_flushes += 1,
                (Kind::Complete, Some(Op::Write), "ssd") => {
                    traffic.ssd_flushes += u64::from(event.fua);
                    let Some(payload) = self.rig.payload(event.request) else { continue };
                    let written =
                        Written::of(Disk::Ssd, event.sector, &payload, Devices::default());
                    if matches!(written, Written::Journal { .. }) {
                        traffic.journal_writes += 1;
                        traffic.journal_bytes += event.sectors * 512;
                    }
                }
                _ => {}
            }
        }
        traffic
    }

    /// Sectors that `disk` has read since event `since`.
    pub(super) fn sectors_read_since(&self, since: u64, disk: &str) -> u64 {
        let events = self.rig.events_since(since + 1).into_iter();
        let reads = events.filter(|event| {
            event.kind == Kind::Issue && event.op == Some(Op::Read) && &*event.disk == disk
        });
        reads.map(|event| event.sectors).sum()
    }

    /// Writes files of the backing device's bcache directory.
    pub(super) fn set(&self, attributes: &[(String, String)]) -> Result<(), PerfError> {
        for (name, value) in attributes {
            self.guest().write_file(&format!("/sys/block/bcache0/bcache/{name}"), value)?;
        }
        Ok(())
    }

    /// What the kernel counts under this name; `None` where it does not.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, PerfError> {
        Ok(lab::debugfs::number(&self.guest(), "bcache0", name)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_checks_itself_is_measured_as_its_configuration_says() {
        let cmdline = vec!["kasan=on".to_owned()];
        let tools = Tools { cmdline, slowness: 3, memory_mib: 2048, ..Tools::default() };
        let arm = ArmImage { name: "rust".into(), kernel: "k".into() };
        let guest = Setup::default().guest(&arm, &tools, Path::new("logs"));
        assert_eq!((guest.cmdline_extra, guest.memory_mib), (tools.cmdline, 2048));
        assert_eq!((guest.slowness, guest.silence), (3, Duration::from_secs(180)));
    }
}
