// SPDX-License-Identifier: MIT OR Apache-2.0
//! A machine to measure on: fresh disks, one boot, bcache set up.

use crate::error::PerfError;
use lab::bcache;
use lab::guest::Guest;
use lab::{ArmImage, Tools};
use proc::{Cancel, Scratch};
use scenario::CacheMode;
use scenario::layout;
use std::path::Path;
use std::time::{Duration, Instant};
use vdisk::bcache_format::{Written, recognise};
use vdisk::{DiskSpec, Kind, Op, Profile, Rig};
use vm::{Backend, Vm, VmConfig, VmDisk};
use wire::{Device, Extent};

/// What a machine is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Size of the cache device in MiB; 512 buckets of 512 KiB at least.
    pub ssd_mib: u64,
    /// Size of the backing device in bytes; sparse.
    pub hdd_bytes: u64,
    /// Virtual processors.
    pub cpus: u32,
    /// Where new data go.
    pub mode: CacheMode,
    /// How fast the cache device is.
    pub ssd: Profile,
    /// How fast the backing device is.
    pub hdd: Profile,
    /// Further words for QEMU's command line.
    pub qemu_extra: Vec<String>,
}

impl Default for Setup {
    /// Writes bypass the cache, the disks are as fast as the host.
    fn default() -> Self {
        Self {
            ssd_mib: 512,
            hdd_bytes: 1 << 30,
            cpus: 2,
            mode: CacheMode::Writearound,
            ssd: Profile::none(),
            hdd: Profile::none(),
            qemu_extra: Vec::new(),
        }
    }
}

/// What reached the disks since an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Reads of the backing device.
    pub hdd_reads: u64,
    /// Writes to the backing device.
    pub hdd_writes: u64,
    /// Journal entries on the cache device, and their bytes.
    pub journal_writes: u64,
    /// Their bytes.
    pub journal_bytes: u64,
    /// Flushes of the cache device, FUA writes included.
    pub ssd_flushes: u64,
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
        let sockets = Scratch::new("bclab-").map_err(PerfError::io(&std::env::temp_dir()))?;
        let disk = |name: &str, sectors: u64, profile: &Profile| DiskSpec {
            name: name.to_owned(),
            sectors,
            volatile_cache: profile.volatile_cache,
            profile: profile.clone(),
        };
        let rig = Rig::new(
            sockets.path(),
            vec![
                disk("ssd", setup.ssd_mib * 2048, &setup.ssd),
                disk("hdd", setup.hdd_bytes / 512, &setup.hdd),
            ],
        )?;
        let (kernel, initramfs) = (arm.kernel.clone(), tools.initramfs.clone());
        let mut config = VmConfig::new(kernel, initramfs, tools.accel, logs.to_owned());
        (config.memory_mib, config.cpus) = (tools.memory_mib, setup.cpus);
        config.boot_deadline = Duration::from_secs(120);
        config.silence = Duration::from_secs(60);
        config.qemu_extra.clone_from(&setup.qemu_extra);
        config.disks =
            ["ssd", "hdd"].map(|name| VmDisk::new(name, Backend::Nbd(rig.socket(name)))).into();
        let vm = Vm::boot(&config, cancel)?;
        let mut bench = Self { rig, vm, cancel, sectors: 0, primed: 0.into(), _sockets: sockets };
        let guest = bench.guest();
        bcache::format(&guest, layout::BUCKET_KIB)?;
        bcache::register(&guest)?;
        bcache::configure(&guest, setup.mode)?;
        bench.sectors = guest.size(Device::Bcache)?;
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

    /// What the disks have done since event `since`.
    pub(super) fn traffic_since(&self, since: u64) -> Traffic {
        let mut traffic = Traffic::default();
        for event in self.rig.events_since(since + 1) {
            match (&event.kind, event.op, &*event.disk) {
                (Kind::Issue, Some(Op::Read), "hdd") => traffic.hdd_reads += 1,
                (Kind::Issue, Some(Op::Write), "hdd") => traffic.hdd_writes += 1,
                (Kind::Issue, Some(Op::Flush), "ssd") => traffic.ssd_flushes += 1,
                (Kind::Complete, Some(Op::Write), "ssd") => {
                    traffic.ssd_flushes += u64::from(event.fua);
                    let Some(payload) = self.rig.payload(event.request) else { continue };
                    let written = recognise(layout::SET_MAGIC, event.sector, &payload);
                    if matches!(written, Written::Journal(_)) {
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
        Ok(lab::debugfs::number(&self.guest(), name)?)
    }
}
