// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one place where a guest is made from a kernel and its configuration,
//! and where virtual disks are put into it.

use crate::tools::Tools;
use proc::Scratch;
use scenario::{Disk, DiskSetup, Disks, OtherKernel};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vdisk::{DiskSpec, Profile, ProfileError, Rig, VdiskError};
use vm::{Backend, VmConfig, VmDisk};

/// Why there are no disks.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    #[error(transparent)]
    Disks(#[from] VdiskError),
    #[error(transparent)]
    Profile(#[from] ProfileError),
    #[error("cannot create a temporary folder: {0}")]
    Folder(#[from] std::io::Error),
}

/// Virtual disks, and what is to be booted on them.
pub struct Machine {
    pub config: VmConfig,
    pub rig: Rig,
    /// The folder of the disks' sockets, with a short path; goes when dropped.
    pub sockets: Scratch,
    /// Other kernels that may be booted on them.
    pub others: BTreeMap<OtherKernel, PathBuf>,
}

impl Machine {
    /// Puts fresh disks into `guest`.
    ///
    /// # Errors
    /// [`MachineError`]
    pub fn new(guest: VmConfig, tools: &Tools, disks: &Disks) -> Result<Self, MachineError> {
        let specs = disks.each().map(|(disk, setup)| spec(disk.name(), setup, tools));
        let specs = specs.collect::<Result<_, _>>()?;
        let sockets = Scratch::new("bclab-")?;
        let rig = Rig::new(sockets.path(), specs)?;
        let disk = |(disk, setup): (Disk, &DiskSetup)| VmDisk {
            discard: setup.discard,
            logical_block: setup.logical_block,
            ..VmDisk::new(disk.name(), Backend::Nbd(rig.socket(disk.name())))
        };
        let config = VmConfig { disks: disks.each().map(disk).collect(), ..guest };
        Ok(Self { config, rig, sockets, others: tools.others.clone() })
    }

    /// Disks as large as these that keep what they have acknowledged, as fast
    /// as they can: for guests whose own I/O is not what is looked at.
    ///
    /// # Errors
    /// [`MachineError`]
    pub fn on_plain_disks(
        guest: VmConfig,
        tools: &Tools,
        like: &Disks,
    ) -> Result<Self, MachineError> {
        let plain = |disk: &DiskSetup| DiskSetup {
            discard: disk.discard,
            logical_block: disk.logical_block,
            ..DiskSetup::plain(disk.mib, false)
        };
        let (ssd, hdd) = (plain(&like.ssd), plain(&like.hdd));
        Self::new(guest, tools, &Disks { ssd, hdd, hdd2: like.hdd2.as_ref().map(plain) })
    }
}

fn spec(name: &str, disk: &DiskSetup, tools: &Tools) -> Result<DiskSpec, ProfileError> {
    let mut profile = match &disk.profile {
        None => Profile::none(),
        Some(profile) => Profile::load(&tools.profiles.join(format!("{profile}.toml")))?,
    };
    profile.time_scale *= disk.time_scale;
    let (name, sectors) = (name.to_owned(), disk.mib * 2048);
    Ok(DiskSpec { name, sectors, volatile_cache: disk.volatile_cache, profile })
}

impl Tools {
    /// A guest of `kernel` without disks, as the kernel's configuration wants
    /// it. Its logs go to `logs`.
    #[must_use]
    pub fn guest(&self, kernel: &Path, logs: PathBuf) -> VmConfig {
        let mut guest = VmConfig::new(kernel.to_owned(), self.initramfs.clone(), self.accel, logs);
        guest.memory_mib = self.memory_mib;
        guest.cpus = self.cpus;
        guest.cmdline_extra.clone_from(&self.cmdline);
        guest.slow_down(self.slowness);
        guest
    }
}
