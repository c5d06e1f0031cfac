// SPDX-License-Identifier: MIT OR Apache-2.0
//! A machine for people: bcache set up on fresh virtual disks, and a shell on
//! the guest's console.

use crate::bcache;
use crate::guest::{Guest, GuestError};
use crate::machine::{Machine, MachineError};
use crate::tools::{ArmImage, Tools};
use proc::Cancel;
use scenario::layout;
use scenario::{CacheMode, DiskSetup, Disks, Registered, Volume};
use std::path::{Path, PathBuf};
use std::time::Duration;
use vm::{CallError, Pending, Vm, VmError};
use wire::Op;

/// What the shell finds in its environment.
const PROFILE: &str = "/tmp/.profile";

/// As long as somebody may sit in front of it.
const FOR_EVER: Duration = Duration::from_secs(30 * 24 * 3600);

/// Why there is no shell.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    #[error(transparent)]
    Machine(#[from] MachineError),
    #[error(transparent)]
    Vm(#[from] VmError),
    #[error(transparent)]
    Guest(#[from] GuestError),
}

/// The machine to make.
#[derive(Debug)]
pub struct ShellSpec<'a> {
    /// The kernel.
    pub arm: &'a ArmImage,
    /// The guest's image, the accelerator, sizes.
    pub tools: &'a Tools,
    /// Size of the cache device in MiB.
    pub ssd_mib: u64,
    /// Size of the backing device in MiB.
    pub hdd_mib: u64,
    /// Port on which gdb may attach, of this machine only.
    pub gdb: Option<u16>,
    /// `TERM` of the user's terminal, its columns and rows.
    pub terminal: (String, u16, u16),
}

/// A running machine with a shell on its console. Dropping it ends both.
pub struct Shell {
    // Before the disks: QEMU goes first.
    vm: Vm,
    shell: Pending,
    _machine: Machine,
    socket: PathBuf,
}

impl Shell {
    /// Boots, sets bcache up in writeback mode off (writethrough, the
    /// kernel's default), and starts the shell. `dir` takes logs and sockets;
    /// its path has to be short.
    ///
    /// # Errors
    /// [`ShellError`].
    pub fn start(spec: &ShellSpec<'_>, dir: &Path, cancel: &Cancel) -> Result<Self, ShellError> {
        let disk = |mib| DiskSetup::plain(mib, true);
        let disks = Disks::two(disk(spec.ssd_mib), disk(spec.hdd_mib));
        let guest = spec.tools.guest(&spec.arm.kernel, dir.join("boot"));
        let mut machine = Machine::new(guest, spec.tools, &disks)?;
        let socket = dir.join("console.sock");
        let config = &mut machine.config;
        config.console_socket = Some(socket.clone());
        // What its user prints there is wanted.
        config.console_limit = 1 << 30;
        if let Some(port) = spec.gdb {
            config.gdb = Some(format!("tcp:127.0.0.1:{port}"));
            config.cmdline_extra.push("nokaslr".to_owned());
            // A guest at a breakpoint answers nothing.
            config.silence = FOR_EVER;
        }
        let vm = Vm::boot(config, cancel)?;
        let guest = Guest::new(&vm, cancel);
        let volumes = [Volume::Hdd];
        bcache::format(&guest, &volumes, layout::BUCKET_KIB)?;
        bcache::register(&guest, &volumes, Registered::default())?;
        bcache::set_cache_mode(&guest, &volumes, CacheMode::Writethrough)?;
        guest.write_file(PROFILE, &profile(spec))?;
        let shell = vm.start(Op::Exec { argv: argv(), timeout_ms: as_ms(FOR_EVER) });
        Ok(Self { vm, shell, _machine: machine, socket })
    }

    /// Where the console is: a Unix socket.
    #[must_use]
    pub fn console(&self) -> &Path {
        &self.socket
    }

    /// Whether the shell, or the machine, has come to its end; waits a moment
    /// for it. The machine's own reason, where it did not end by order.
    pub fn ended(&self, wait: Duration, cancel: &Cancel) -> Option<Result<(), String>> {
        match self.shell.wait(wait, cancel) {
            Err(CallError::Deadline { .. }) => None,
            Ok(_) | Err(CallError::Vm(VmError::Cancelled)) => Some(Ok(())),
            Err(error) => Some(Err(error.to_string())),
        }
    }

    /// QEMU's process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.vm.pid()
    }
}

fn as_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The outer shell waits; the inner one leads a session of its own, whose
/// terminal is the console: Ctrl-C and job control work.
fn argv() -> Vec<String> {
    let script = format!("ENV={PROFILE} busybox setsid -c sh -i </dev/ttyS0 >/dev/ttyS0 2>&1; :");
    vec!["sh".to_owned(), "-c".to_owned(), script]
}

fn profile(spec: &ShellSpec<'_>) -> String {
    let (term, columns, rows) = &spec.terminal;
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let term: String = term.chars().filter(|c| fine(*c)).take(32).collect();
    let term = if term.is_empty() { "dumb".to_owned() } else { term };
    format!(
        "export TERM={term} HOME=/root PS1='{name} # '\n\
         for c in clear du df find less mknod more printf seq stty time watch wc xxd; do\n\
         alias $c=\"busybox $c\"; done\n\
         alias poweroff=exit reboot=exit halt=exit\n\
         busybox stty sane cols {columns} rows {rows} 2>/dev/null\n\
         cd /root\n\
         echo; echo 'bcache is set up: /dev/bcache0 (writethrough), settings in /sys/block/bcache0/bcache'\n\
         echo 'for instance: fio --name=t --filename=/dev/bcache0 --direct=1 --rw=randread --bs=4k --size=64m --runtime=5 --time_based'\n\
         echo 'leave with exit, poweroff or Ctrl-]'\n",
        name = spec.arm.name,
    )
}
