// SPDX-License-Identifier: MIT OR Apache-2.0
//! One case while it goes on: the disks, the machine on them, and what has
//! been seen so far.

use crate::bcache;
use crate::failures::Failures;
use crate::feed::Watched;
use crate::guest::{Attendant, Guest};
use crate::machine::Machine;
use crate::named::Named;
use crate::notes::Notes;
use crate::testimony::Testimony;
use crate::trouble::{Stop, Trouble};
use evidence::{Fact, HarnessFailure, Observation};
use judge::decode::Devices;
use judge::watch::NUDGE;
use kbuild::Fail;
use proc::{Cancel, Scratch};
use scenario::{OtherKernel, Registered, Scenario, Setting, Volume};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vdisk::{CutKind, CutReport, Mark, Media, Policy, Rig, Snapshot};
use vm::{Vm, VmConfig};
use wire::{Device, Extent, Op, volume};

/// QEMU's NBD client can leave a finished request waiting for its receive lock,
/// which the coroutine of a held request holds until the *next* reply of that disk
/// comes in (seen with QEMU 10.0: the first of two requests is answered, the second
/// is held, and nothing else happens; the flush before a journal write stayed
/// unfinished that way as well). So as long as something is held, a small raw read
/// brings such a reply.
impl Attendant for Session<'_> {
    fn attend(&self) {
        if !self.named.holds.values().any(|&id| self.rig.held(id)) {
            return;
        }
        let Some(vm) = &self.vm else { return };
        let backing = Volume::backed(&self.volumes).map(|(of, _)| (Device::Hdd, of.number()));
        let disks = backing.chain([(Device::Ssd, 0)]);
        for (device, number) in disks {
            let sectors = (NUDGE.end - NUDGE.start) as u32;
            let extents = vec![Extent { sector: volume::of(number, NUDGE.start), sectors }];
            // Nobody needs the answer.
            drop(vm.start(Op::Read { device, extents, stamp_shift: 0 }));
        }
    }
}

/// The disks, the machine, and the notes.
pub struct Session<'a> {
    pub scenario: &'a Scenario,
    /// The bcache devices.
    pub volumes: Vec<Volume>,
    pub cancel: &'a Cancel,
    pub rig: Rig,
    /// The disks as they were made.
    blank: Snapshot,
    /// The disks' event log.
    pub events: PathBuf,
    vm: Option<Vm>,
    vm_config: VmConfig,
    others: BTreeMap<OtherKernel, PathBuf>,
    pub seed: u64,
    pub testimony: Testimony,
    pub watch: Watched,
    pub named: Named,
    pub notes: Notes,
    pub failures: Failures,
    /// Whether the kernel refused the cache after a cut.
    pub without_cache: bool,
    // Goes last: the disks' sockets are in it.
    _sockets: Scratch,
}

impl<'a> Session<'a> {
    /// Fresh disks, a first boot, bcache formatted, registered and configured.
    pub fn start(
        scenario: &'a Scenario,
        machine: Machine,
        failing: Option<Fail>,
        seed: u64,
        events: &Path,
        cancel: &'a Cancel,
    ) -> Result<Self, Stop> {
        let mut session = Self::on_fresh_disks(scenario, machine, seed, events, cancel)?;
        session.failures = Failures::of(failing);
        session.boot(None)?;
        match session.set_up_fresh() {
            Err(Stop::Trouble(trouble)) if trouble.is_early_journal() => {
                session.note(
                    "a new cache set oopsed in bch_journal() while it was registered, as it may on \
                     an unpatched kernel (F6 in docs/exploration.md); begun anew, the \
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

    /// Formats the disks and sets everything up.
    fn set_up_fresh(&mut self) -> Result<(), Stop> {
        bcache::format(&self.guest()?, &self.volumes, self.scenario.bcache.bucket_kib)?;
        self.set_up_bcache(Registered::default())?;
        if let Some(mib) = self.scenario.bcache.flash_mib {
            bcache::add_flash(&self.guest()?, mib)?;
        }
        Ok(())
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
        machine: Machine,
        seed: u64,
        events: &Path,
        cancel: &'a Cancel,
    ) -> Result<Self, Stop> {
        let Machine { config: vm_config, rig, sockets, others } = machine;
        rig.log_to(events).map_err(disk_trouble)?;
        let blank = rig.snapshot();
        Ok(Self {
            scenario,
            volumes: scenario.volumes(),
            cancel,
            rig,
            blank,
            events: events.to_owned(),
            vm: None,
            vm_config,
            others,
            seed,
            testimony: Testimony::new(seed | 1),
            watch: Watched::new(Devices::new(&scenario.volumes())),
            named: Named::default(),
            notes: Notes::default(),
            failures: Failures::default(),
            without_cache: false,
            _sockets: sockets,
        })
    }

    /// Boots on the disks as they are, without touching bcache.
    fn boot(&mut self, kernel: Option<PathBuf>) -> Result<(), Stop> {
        let began = Instant::now();
        let mut config = self.vm_config.clone();
        if let Some(other) = kernel {
            (config.kernel, config.saved) = (other, None);
        }
        // A folder per boot: the console of the one that was cut is kept.
        config.work_dir.push(format!("boot-{}", self.notes.boots_ms.len() + 1));
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
        self.notes.boots_ms.push(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        Ok(())
    }

    fn set_up_bcache(&mut self, which: Registered) -> Result<(), Stop> {
        self.arm_failures()?;
        let guest = self.guest()?;
        bcache::register(&guest, &self.volumes, which)?;
        if which == Registered::HddAlone {
            self.rig.mark("the backing device runs without its cache");
            return Ok(());
        }
        bcache::configure(&guest, &self.volumes, self.scenario.bcache.cache_mode)?;
        if !self.scenario.bcache.writeback_running {
            bcache::set(&guest, &self.volumes, Setting::WritebackRunning, "0")?;
        }
        self.rig.mark("bcache registered and configured");
        Ok(())
    }

    /// Power back on, boot, register.
    pub fn boot_again(
        &mut self,
        which: Registered,
        kernel: Option<&OtherKernel>,
    ) -> Result<(), Stop> {
        if self.vm.is_some() {
            return Err(Trouble::new(
                HarnessFailure::Scenario,
                "boot without a cut before it",
                MEND_SCENARIO,
            )
            .into());
        }
        let other = |wanted: &OtherKernel| {
            let what = format!("the kernel {wanted} was not built for this command");
            let found = self.others.get(wanted).cloned();
            found.ok_or_else(|| {
                Trouble::new(HarnessFailure::Scenario, what, "use `cargo xtask run`")
            })
        };
        let kernel = kernel.map(other).transpose()?;
        self.rig.power_on();
        self.boot(kernel)?;
        self.set_up_bcache(which)
    }

    /// Fresh disks for a machine that goes on with its case: as [`Self::start`].
    pub fn start_over(&mut self) -> Result<(), Stop> {
        self.power_off(CutKind::Power, Policy::DropAll);
        self.rig.restore(&self.blank);
        self.rig.power_on();
        self.boot(None)?;
        self.testimony.forget();
        self.set_up_fresh()
    }

    /// Ends the machine's life at one instant: the disks freeze, and it goes down. What
    /// its kernel still says, of disks that have vanished, is no complaint.
    pub fn power_off(&mut self, kind: CutKind, policy: Policy) -> CutReport {
        let said = self.vm.as_ref().map_or(0, Vm::console_bytes);
        let report = self.rig.cut(kind, policy);
        // A guest that has ended has said so elsewhere.
        let _ = self.count_failures();
        if let Some(vm) = self.vm.take() {
            // Frozen disks answer nothing: what QEMU still wants to flush on
            // its way out does not arrive.
            if let Err(error) = vm.power_off_abruptly() {
                self.note(format!("the guest had ended before the cut: {error}"));
            }
            if let Err(error) = vm.put_console_aside(said) {
                self.note(format!("the console goes on behind the cut: {error}"));
            }
        }
        self.named.forget_requests();
        report
    }

    pub fn vm(&self) -> Result<&Vm, Stop> {
        self.vm.as_ref().ok_or_else(|| {
            Trouble::new(
                HarnessFailure::Scenario,
                "a step needs a running machine after a cut",
                MEND_SCENARIO,
            )
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

    pub fn note(&mut self, observation: impl Into<Observation>) {
        let observation = observation.into();
        self.rig.mark_as(Mark::Note, observation.text());
        self.notes.observations.push(observation);
    }

    /// Notes something that makes the case imprecise.
    pub fn flaw(&mut self, what: String) {
        self.note(Fact::Imprecise { detail: what.clone() });
        self.notes.imprecise.push(what);
    }
}

pub const OVERLOADED: &str = "is the machine overloaded? try --jobs 1";
const MEND_SCENARIO: &str = "mend the order of the steps in the scenario's file";

/// A virtual disk that fails is the lab's own fault.
pub fn disk_trouble(error: impl std::fmt::Display) -> Stop {
    Trouble::new(
        HarnessFailure::VirtualDisk,
        error.to_string(),
        "a bug of the lab, or no space: see the event log",
    )
    .into()
}
