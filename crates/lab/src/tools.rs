// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a case is played with: kernels, the guest, and how the machine is.

use crate::saved::SavedGuests;
use judge::kernel_report::KnownReport;
use kbuild::{Fail, KernelConfig, Known};
use scenario::OtherKernel;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vm::Accel;

/// What every case of a run uses.
#[derive(Clone, Debug)]
pub struct Tools {
    /// Guest image.
    pub initramfs: PathBuf,
    /// Accelerator, already probed.
    pub accel: Accel,
    /// Guest memory in MiB.
    pub memory_mib: u32,
    /// Guest processors.
    pub cpus: u32,
    /// Words for the kernel's command line.
    pub cmdline: Vec<String>,
    /// How much slower than a plain kernel this one may be: a factor for the
    /// time to boot and the time to answer.
    pub slowness: u32,
    /// Whose allocations fail in the guests.
    pub fail: Option<Fail>,
    /// Reports that the unpatched kernel gives as well.
    pub known_reports: Vec<KnownReport>,
    /// Machines at once.
    pub jobs: usize,
    /// Whether [`run`] saves a guest that it boots often, and restores it.
    pub restore: bool,
    /// The guests that are saved already.
    pub guests: Option<Arc<SavedGuests>>,
    /// The folder of the disks' profiles.
    pub profiles: PathBuf,
    /// Kernels that scenarios boot beside the arm's.
    pub others: BTreeMap<OtherKernel, PathBuf>,
}

impl Tools {
    /// For kernels of this configuration. `workloads` is the folder that has the
    /// disks' profiles.
    #[must_use]
    pub fn new(config: KernelConfig, initramfs: PathBuf, accel: Accel, workloads: &Path) -> Self {
        let usual = Self::default();
        Self {
            initramfs,
            accel,
            memory_mib: config.memory_mib.unwrap_or(usual.memory_mib),
            cmdline: config.cmdline,
            slowness: config.slowness,
            fail: config.fail,
            known_reports: known_reports(&config.known),
            profiles: workloads.join("disks"),
            ..usual
        }
    }

    /// The allocations that fail on this arm; no arms are named in it where none
    /// has to.
    #[must_use]
    pub fn failing(&self, arm: &ArmImage) -> Option<Fail> {
        let mut fail = self.fail.clone()?;
        fail.arms.retain(|known| *known == arm.name);
        Some(fail)
    }
}

impl Default for Tools {
    fn default() -> Self {
        Self {
            initramfs: PathBuf::new(),
            accel: Accel::Tcg,
            memory_mib: 512,
            cpus: 2,
            cmdline: Vec::new(),
            slowness: 1,
            fail: None,
            known_reports: Vec::new(),
            jobs: 1,
            restore: false,
            guests: None,
            profiles: PathBuf::new(),
            others: BTreeMap::new(),
        }
    }
}

/// What a configuration's kernels report without a patch of ours.
#[must_use]
pub fn known_reports(known: &[Known]) -> Vec<KnownReport> {
    let report = |known: &Known| KnownReport { kind: known.kind.clone(), at: known.at.clone() };
    known.iter().map(report).collect()
}

/// An arm that is ready to boot.
#[derive(Clone, Debug)]
pub struct ArmImage {
    /// Name in the record.
    pub name: String,
    /// Kernel for QEMU's `-kernel`.
    pub kernel: PathBuf,
}
