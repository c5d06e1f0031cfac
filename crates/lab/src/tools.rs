// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a case is played with: kernels, the guest, and how the machine is.

use crate::failing::FailingAllocations;
use crate::saved::SavedGuests;
use judge::kernel_report::KnownReport;
use std::path::PathBuf;
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
        }
    }
}

/// Allocations that fail, all of them, while a function of the kernel is on the
/// call stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fail {
    /// That function.
    pub function: String,
    /// Of all blocks of pages that may not be waited for, in percent.
    pub pages_percent: u8,
    /// Arms that are known to allocate there.
    pub arms: Vec<String>,
}

impl Fail {
    /// What that is for one arm.
    pub(crate) fn of(&self, arm: &str) -> FailingAllocations {
        let must_fail = self.arms.iter().any(|known| known == arm);
        let (function, pages_percent) = (self.function.clone(), self.pages_percent);
        FailingAllocations { function, pages_percent, must_fail }
    }
}

/// An arm that is ready to boot.
#[derive(Clone, Debug)]
pub struct ArmImage {
    /// Name in the record.
    pub name: String,
    /// Kernel for QEMU's `-kernel`.
    pub kernel: PathBuf,
}
