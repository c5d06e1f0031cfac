// SPDX-License-Identifier: MIT OR Apache-2.0
//! One case while it goes on: the disks, the machine on them, and what has
//! been seen so far.

use crate::bcache;
use crate::failing::FailingAllocations;
use crate::guest::{Attendant, Guest, PATIENCE};
use crate::trouble::{Stop, Trouble};
use evidence::{Cut, Observation, Opportunity};
use judge::history::{History, Told};
use judge::watch::{NUDGE, Watch};
use judge::witness::Witness;
use proc::Cancel;
use scenario::Scenario;
use scenario::layout;
use scenario::{Counter, Disk};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vdisk::{CutKind, DiskSpec, HoldId, Mark, Media, Policy, Profile, Rig, Snapshot};
use vm::{Backend, Pending, Vm, VmConfig, VmDisk};
use wire::{Answer, Device, Extent, Op, Run};

/// A write that was started and not yet waited for.
pub struct Background {
    pub pending: Pending,
    pub seq: u64,
    /// Position in the disks' event sequence before it was submitted.
    pub started_at: u64,
}

/// QEMU's NBD client can leave a finished request waiting for its receive lock,
/// which the coroutine of a held request holds until the *next* reply of that disk
/// comes in (seen with QEMU 10.0: the first of two requests is answered, the second
/// is held, and nothing else happens; the flush before a journal write stayed
/// unfinished that way as well). So as long as something is held, a small raw read
/// brings such a reply.
impl Attendant for Session<'_> {
    fn attend(&self) {
        if !self.holds.values().any(|&id| self.rig.held(id)) {
            return;
        }
        let Some(vm) = &self.vm else { return };
        for device in [Device::Ssd, Device::Hdd] {
            let sectors = (NUDGE.end - NUDGE.start) as u32;
            let extents = vec![Extent { sector: NUDGE.start, sectors }];
            // Nobody needs the answer.
            drop(vm.start(Op::Read { device, extents, stamp_shift: 0 }));
        }
    }
}

/// The disks, the machine, and the notes.
pub struct Session<'a> {
    pub scenario: &'a Scenario,
    pub cancel: &'a Cancel,
    pub rig: Rig,
    /// The disks as they were made.
    blank: Snapshot,
    /// The disks' event log.
    pub events: PathBuf,
    vm: Option<Vm>,
    vm_config: VmConfig,
    /// Number in every stamp of this case.
    pub run: u64,
    pub seed: u64,
    next_seq: u64,
    next_flush: u64,
    /// Position in the filler blocks; see [`Session::filler`].
    filler_at: u64,
    pub witness: Witness,
    /// What the witness was told, by event: see [`History`].
    pub history: History,
    pub watch: Watch,
    pub versions: BTreeMap<String, u64>,
    pub background: BTreeMap<String, Background>,
    /// Reads that were started and not yet waited for.
    pub reads: BTreeMap<String, Pending>,
    pub holds: BTreeMap<String, HoldId>,
    pub opportunities: Vec<Opportunity>,
    /// What makes the case imprecise.
    pub imprecise: Vec<String>,
    /// Counters of the tracker as they were last read.
    pub counters: BTreeMap<Counter, u64>,
    pub observations: Vec<Observation>,
    pub cuts: Vec<Cut>,
    pub boots_ms: Vec<u64>,
    /// Which allocations fail, whether they do in the present guest, and how
    /// many did in those before it.
    pub failing: Option<FailingAllocations>,
    pub failures_armed: bool,
    pub failures: u64,
    pub page_failures: u64,
}

impl<'a> Session<'a> {
    /// Fresh disks, a first boot, bcache formatted, registered and configured.
    pub fn start(
        scenario: &'a Scenario,
        vm_config: VmConfig,
        failing: Option<FailingAllocations>,
        seed: u64,
        sockets: &Path,
        events: &Path,
        cancel: &'a Cancel,
    ) -> Result<Self, Stop> {
        let mut session = Self::on_fresh_disks(scenario, vm_config, seed, sockets, events, cancel)?;
        session.failing = failing;
        session.boot()?;
        bcache::format(&session.guest()?, scenario.bcache.bucket_kib)?;
        match session.set_up_bcache() {
            Err(Stop::Trouble(trouble)) if trouble.is_early_journal() => {
                session.note(
                    "a new cache set oopsed in bch_journal() while it was registered, as it may on \
                     an unpatched kernel (README, \"Found in bcache itself\"); begun anew, the \
                     console is in `oopsed`"
                        .to_owned(),
                );
                session.put_boot_aside()?;
                session.start_over()?;
            }
            set_up => set_up?,
        }
        Ok(session)
    }

    /// Moves the logs of the only boot so far to where no report is looked for.
    fn put_boot_aside(&mut self) -> Result<(), Stop> {
        // The machine is gone, and with it who writes there.
        self.vm = None;
        let logs = &self.vm_config.work_dir;
        let aside = logs.join("oopsed");
        std::fs::create_dir_all(&aside)
            .and_then(|()| std::fs::rename(logs.join("boot-1"), aside.join("boot-1")))
            .map_err(disk_trouble)
    }

    /// Gives the disks other contents, all of it durable, and leaves them
    /// without power, as after a cut: [`Self::boot_again`] is next.
    pub fn put_on_disks(&self, images: Vec<Media>) {
        self.rig.restore(&Snapshot::of_images(images));
    }

    /// Disks and what is to be booted on them, but no machine yet.
    pub fn on_fresh_disks(
        scenario: &'a Scenario,
        vm_config: VmConfig,
        seed: u64,
        sockets: &Path,
        events: &Path,
        cancel: &'a Cancel,
    ) -> Result<Self, Stop> {
        let disk = |name: &str, setup: scenario::DiskSetup| DiskSpec {
            name: name.to_owned(),
            sectors: setup.mib * 2048,
            volatile_cache: setup.volatile_cache,
            profile: Profile::none(),
        };
        let specs = vec![disk("ssd", scenario.disks.ssd), disk("hdd", scenario.disks.hdd)];
        let rig = Rig::new(sockets, specs).map_err(disk_trouble)?;
        rig.log_to(events).map_err(disk_trouble)?;
        let blank = rig.snapshot();
        let watch = Watch::default();
        let disks =
            [("ssd", scenario.disks.ssd), ("hdd", scenario.disks.hdd)].map(|(name, setup)| {
                VmDisk {
                    discard: setup.discard,
                    ..VmDisk::new(name, Backend::Nbd(rig.socket(name)))
                }
            });
        let vm_config = VmConfig { disks: disks.into(), ..vm_config };
        Ok(Self {
            scenario,
            cancel,
            rig,
            blank,
            events: events.to_owned(),
            vm: None,
            vm_config,
            run: seed | 1,
            seed,
            next_seq: 1,
            next_flush: 1,
            filler_at: 0,
            witness: Witness::new(),
            history: History::default(),
            watch,
            versions: BTreeMap::new(),
            background: BTreeMap::new(),
            reads: BTreeMap::new(),
            holds: BTreeMap::new(),
            opportunities: Vec::new(),
            imprecise: Vec::new(),
            counters: BTreeMap::new(),
            observations: Vec::new(),
            cuts: Vec::new(),
            boots_ms: Vec::new(),
            failing: None,
            failures_armed: false,
            failures: 0,
            page_failures: 0,
        })
    }

    /// Boots on the disks as they are, without touching bcache.
    fn boot(&mut self) -> Result<(), Stop> {
        let began = Instant::now();
        let mut config = self.vm_config.clone();
        // A folder per boot: the console of the one that was cut is kept.
        config.work_dir.push(format!("boot-{}", self.boots_ms.len() + 1));
        self.vm = Some(match Vm::start_up(&config, self.cancel) {
            // QEMU 10.0 under TCG aborts now and then in the first moments of a boot
            // (physmem.c, iotlb_to_section), before any request: that says nothing of
            // the kernel, and a second boot is on the same disks.
            Err(vm::VmError::Exited { status, .. }) if status.starts_with("signal: 6") => {
                self.note("QEMU ended while booting; booted once more".to_owned());
                config.work_dir.push("again");
                Vm::start_up(&config, self.cancel)?
            }
            started => started?,
        });
        self.boots_ms.push(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        Ok(())
    }

    fn set_up_bcache(&mut self) -> Result<(), Stop> {
        self.arm_failures()?;
        let guest = self.guest()?;
        bcache::register(&guest)?;
        bcache::configure(&guest, self.scenario.bcache.cache_mode)?;
        if !self.scenario.bcache.writeback_running {
            bcache::stop_writeback(&guest)?;
        }
        self.rig.mark("bcache registered and configured");
        Ok(())
    }

    /// Power back on, boot, register.
    pub fn boot_again(&mut self) -> Result<(), Stop> {
        if self.vm.is_some() {
            return Err(
                Trouble::new("scenario", "boot without a cut before it", MEND_SCENARIO).into()
            );
        }
        self.rig.power_on();
        self.boot()?;
        self.set_up_bcache()
    }

    /// Fresh disks for a machine that goes on with its case: as [`Self::start`].
    pub fn start_over(&mut self) -> Result<(), Stop> {
        self.rig.cut(CutKind::Power, Policy::DropAll);
        self.machine_down();
        self.rig.restore(&self.blank);
        self.rig.power_on();
        self.boot()?;
        bcache::format(&self.guest()?, self.scenario.bcache.bucket_kib)?;
        self.witness = Witness::new();
        self.history = History::default();
        self.set_up_bcache()
    }

    /// Takes the machine down; the disks must be frozen already.
    pub fn machine_down(&mut self) {
        // A guest that has ended has said so elsewhere.
        let _ = self.count_failures();
        if let Some(vm) = self.vm.take() {
            // Frozen disks answer nothing: what QEMU still wants to flush on
            // its way out does not arrive.
            if let Err(error) = vm.power_off_abruptly() {
                self.observations
                    .push(format!("the guest had ended before the cut: {error}").into());
            }
        }
        self.background.clear();
        self.reads.clear();
        self.holds.clear();
    }

    pub fn vm(&self) -> Result<&Vm, Stop> {
        self.vm.as_ref().ok_or_else(|| {
            Trouble::new("scenario", "a step needs a running machine after a cut", MEND_SCENARIO)
                .into()
        })
    }

    pub fn guest(&self) -> Result<Guest<'_>, Stop> {
        Ok(Guest::new(self.vm()?, self.cancel).attended(self))
    }

    /// How long to wait for the guest where a plain kernel may take `usual`.
    pub fn patience(&self, usual: Duration) -> Duration {
        self.vm_config.patience(usual)
    }

    /// A named block of the scenario; the loader has checked that it exists.
    pub fn block(&self, name: &str) -> Extent {
        self.scenario.blocks[name].into()
    }

    /// The same range as the disk sees it.
    pub fn on_disk(disk: Disk, block: Extent) -> (u64, u64) {
        let shift = if disk == Disk::Hdd { layout::DATA_OFFSET } else { 0 };
        (block.sector + shift, u64::from(block.sectors))
    }

    /// Waits for a request that may be answered while others are held.
    pub fn answer(&self, pending: &Pending) -> Result<Answer, Stop> {
        Ok(self.guest()?.wait(pending)?)
    }

    /// Tells the witness, and at which event.
    pub fn tell(&mut self, told: Told) {
        told.to(&mut self.witness);
        self.history.push(self.rig.now(), told);
    }

    /// Tells the witness and starts a stamped write of `extents`, one sequence
    /// number each; returns the first number.
    pub(crate) fn submit(
        &mut self,
        extents: Vec<Extent>,
        fua: bool,
        depth: u32,
    ) -> Result<(Pending, u64), Stop> {
        let first_seq = self.next_seq;
        for extent in &extents {
            self.tell(Told::Issued { seq: self.next_seq, extent: *extent, fua });
            self.next_seq += 1;
        }
        let (device, run, writer) = (Device::Bcache, self.run, 0);
        let op = Op::Write { device, extents, run, first_seq, writer, fua, depth };
        Ok((self.vm()?.start(op), first_seq))
    }

    /// Starts a discard and does not wait.
    pub fn discard_in_background(&mut self, at: Extent) -> Result<Background, Stop> {
        let (started_at, seq) = (self.rig.now(), self.next_seq);
        self.next_seq += 1;
        self.tell(Told::DiscardIssued { seq, extent: at });
        let pending = self.vm()?.start(Op::Discard { device: Device::Bcache, extent: at });
        Ok(Background { pending, seq, started_at })
    }

    /// Takes `count` sequence numbers for stamps, and tells nobody yet.
    pub fn take_seqs(&mut self, count: u64) -> u64 {
        self.next_seq += count;
        self.next_seq - count
    }

    /// Takes a number for a flush.
    pub fn take_flush(&mut self) -> u64 {
        self.next_flush += 1;
        self.next_flush - 1
    }

    /// Starts one write and does not wait.
    pub fn write_in_background(&mut self, at: Extent, fua: bool) -> Result<Background, Stop> {
        let started_at = self.rig.now();
        let (pending, seq) = self.submit(vec![at], fua, 1)?;
        Ok(Background { pending, seq, started_at })
    }

    /// Writes and waits for every acknowledgement.
    pub fn write(&mut self, extents: Vec<Extent>, fua: bool, depth: u32) -> Result<u64, Stop> {
        let count = extents.len() as u64;
        let (pending, first) = self.submit(extents, fua, depth)?;
        self.answer(&pending)?;
        (first..first + count).for_each(|seq| self.tell(Told::Acked { seq }));
        Ok(first)
    }

    pub fn flush(&mut self) -> Result<(), Stop> {
        let id = self.next_flush;
        self.next_flush += 1;
        self.tell(Told::FlushIssued { id });
        self.guest()?.flush(Device::Bcache)?;
        self.tell(Told::FlushAcked { id });
        Ok(())
    }

    /// The next `count` 4 KiB pieces of a filler block, none touching another,
    /// so that every write makes a key of its own in the btree.
    pub fn filler(&mut self, block: Extent, count: u64) -> Result<Vec<Extent>, Stop> {
        const STRIDE: u64 = 16;
        let slots = u64::from(block.sectors) / STRIDE;
        if self.filler_at + count > slots {
            return Err(Stop::Closed(format!(
                "the filler's {slots} pieces did not bring it about"
            )));
        }
        let first = self.filler_at;
        self.filler_at += count;
        Ok((first..first + count)
            .map(|slot| Extent { sector: block.sector + slot * STRIDE, sectors: 8 })
            .collect())
    }

    /// Reads a block through bcache and says which disk served it.
    pub fn read_served(&mut self, at: Extent) -> Result<(Vec<Run>, Option<Disk>), Stop> {
        let before = self.rig.now();
        let runs = self.guest()?.read(Device::Bcache, vec![at], 0)?;
        let served = self.watch.reads_since(&self.rig, before, at);
        Ok((runs, served))
    }

    /// Starts a read of a block through bcache.
    pub fn start_read(&self, at: Extent) -> Result<Pending, Stop> {
        let op = Op::Read { device: Device::Bcache, extents: vec![at], stamp_shift: 0 };
        Ok(self.vm()?.start(op))
    }

    /// Waits until neither disk has had a request for `quiet`, which is the time
    /// that a plain kernel may think before the next one.
    pub fn settle(&mut self, quiet: Duration) -> Result<(), Stop> {
        let quiet = self.patience(quiet);
        let deadline = Instant::now() + self.patience(PATIENCE);
        let mut last = (self.rig.now(), Instant::now());
        while last.1.elapsed() < quiet {
            self.cancel.check()?;
            if Instant::now() > deadline {
                return Err(Trouble::new(
                    "never-quiet",
                    "the disks did not become quiet",
                    OVERLOADED,
                )
                .into());
            }
            std::thread::sleep(Duration::from_millis(2));
            let position = self.rig.now();
            if position != last.0 {
                last = (position, Instant::now());
            }
        }
        Ok(())
    }

    /// What a guest that lives but does not answer is waiting for: requests in
    /// flight per device, and the kernel's own list of blocked tasks.
    pub fn diagnose(&self) -> String {
        let Ok(guest) = self.guest() else { return String::new() };
        let mut report = String::new();
        for disk in ["vda", "vdb", "bcache0"] {
            if let Ok(text) = guest.read_file(&format!("/sys/block/{disk}/inflight")) {
                report.push_str(&format!("in flight at {disk} (reads, writes): {}\n", text.trim()));
            }
        }
        // Blocked tasks with their stacks, on the console.
        if guest.write_file("/proc/sysrq-trigger", "w").is_ok() {
            std::thread::sleep(Duration::from_millis(300));
            report.push_str(&self.vm().map(Vm::console_tail).unwrap_or_default());
        }
        report
    }

    pub fn note(&mut self, observation: impl Into<Observation>) {
        let observation = observation.into();
        self.rig.mark_as(Mark::Note, observation.text());
        self.observations.push(observation);
    }
}

pub const OVERLOADED: &str = "is the machine overloaded? try --jobs 1";
const MEND_SCENARIO: &str = "mend the order of the steps in the scenario's file";

/// A virtual disk that fails is the lab's own fault.
pub fn disk_trouble(error: impl std::fmt::Display) -> Stop {
    Trouble::new(
        "virtual-disk",
        error.to_string(),
        "a bug of the lab, or no space: see the event log",
    )
    .into()
}
