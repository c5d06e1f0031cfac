// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a virtual machine is made of.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The program, looked up in PATH.
pub(crate) const QEMU: &str = "qemu-system-x86_64";

/// How QEMU runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accel {
    /// In hardware, through `/dev/kvm`.
    Kvm,
    /// Translated: works everywhere.
    Tcg,
}

impl fmt::Display for Accel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kvm => "KVM",
            Self::Tcg => "TCG",
        })
    }
}

/// Where a disk's bytes live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// An NBD server on a Unix socket; the default export.
    Nbd(PathBuf),
    File(PathBuf),
    /// Reads zeroes, forgets writes; the size in bytes.
    Null(u64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmDisk {
    /// Tells the agent which disk it is: `ssd` or `hdd`. Also the name of the
    /// block node, so only letters, digits and dashes.
    pub serial: String,
    /// Where its bytes live.
    pub backend: Backend,
    /// Whether it can discard.
    pub discard: bool,
    /// Logical blocks, in bytes.
    pub logical_block: u32,
}

impl VmDisk {
    /// One that can discard, in blocks of 512 bytes.
    #[must_use]
    pub fn new(serial: impl Into<String>, backend: Backend) -> Self {
        Self { serial: serial.into(), backend, discard: true, logical_block: 512 }
    }
}

/// A virtual machine to boot.
#[derive(Clone, Debug)]
pub struct VmConfig {
    /// QEMU's program name or path.
    pub qemu: PathBuf,
    /// A bzImage, or a vmlinux with a PVH note.
    pub kernel: PathBuf,
    pub initramfs: PathBuf,
    /// In the order in which the guest sees them.
    pub disks: Vec<VmDisk>,
    /// See [`crate::accelerator`].
    pub accel: Accel,
    /// Guest memory in MiB.
    pub memory_mib: u32,
    pub cpus: u32,
    /// Words added to the kernel's command line.
    pub cmdline_extra: Vec<String>,
    /// A guest saved after its boot, to be restored by [`crate::Vm::start_up`]
    /// instead of booting.
    pub saved: Option<PathBuf>,
    /// Gets `console.log`, `qemu-stderr.log` and `qemu.log`, each emptied when
    /// QEMU starts: one directory per boot. Created if it is not there.
    pub work_dir: PathBuf,
    /// From process start to the agent's greeting.
    pub boot_deadline: Duration,
    /// A guest that answers no ping for this long is hung. A loaded host and
    /// TCG can take a second; a hold in a virtual disk does not matter, the
    /// agent answers pings from a thread that never touches a disk.
    pub silence: Duration,
    /// How much slower than a plain kernel the guest's may be, as a factor; see
    /// [`VmConfig::slow_down`] and [`VmConfig::patience`].
    pub slowness: u32,
    /// Bytes of console log after which the guest is ended: one that prints
    /// without end would fill the host's disk.
    pub console_limit: u64,
    /// `-gdb` argument, for instance `tcp::1234`.
    pub gdb: Option<String>,
    /// A Unix socket that QEMU opens for the guest's console, beside the log.
    pub console_socket: Option<PathBuf>,
    /// Further words for QEMU's command line.
    pub qemu_extra: Vec<String>,
}

impl VmConfig {
    /// A guest of 1 GiB and two processors without disks.
    #[must_use]
    pub fn new(kernel: PathBuf, initramfs: PathBuf, accel: Accel, work_dir: PathBuf) -> Self {
        Self {
            qemu: QEMU.into(),
            kernel,
            initramfs,
            disks: Vec::new(),
            accel,
            memory_mib: 1024,
            cpus: 2,
            cmdline_extra: Vec::new(),
            saved: None,
            work_dir,
            boot_deadline: Duration::from_secs(60),
            silence: Duration::from_secs(10),
            slowness: 1,
            console_limit: 4 << 20,
            gdb: None,
            console_socket: None,
            qemu_extra: Vec::new(),
        }
    }

    /// Waits `factor` times as long for everything: the kernel checks itself.
    pub fn slow_down(&mut self, factor: u32) {
        self.slowness = factor;
        self.boot_deadline *= factor;
        self.silence *= factor;
    }

    /// How long to wait for this guest where a plain one may take `usual`.
    #[must_use]
    pub fn patience(&self, usual: Duration) -> Duration {
        usual * self.slowness
    }

    pub(crate) fn console_log(&self) -> PathBuf {
        self.work_dir.join("console.log")
    }

    pub(crate) fn stderr_log(&self) -> PathBuf {
        self.work_dir.join("qemu-stderr.log")
    }

    pub(crate) fn reset_log(&self) -> PathBuf {
        self.work_dir.join("qemu.log")
    }
}
