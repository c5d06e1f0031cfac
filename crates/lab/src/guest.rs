// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guest as the lab talks to it: typed questions, typed answers.

use proc::Cancel;
use rustix::io::Errno;
use scenario::Disk;
use std::time::{Duration, Instant};
use vm::{CallError, Pending, Vm};
use wire::{Answer, Device, ExecOutput, Extent, Op, Refusal, Run};

/// How long a single request may take, with a plain kernel. Nothing in a scenario
/// takes a tenth of it, even under emulation on a busy machine; past it, something
/// hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long a file may take to appear.
const APPEARS: Duration = Duration::from_secs(20);

/// A request that did not get the answer it needs.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// The guest said no.
    #[error("in the guest, {doing}: {why}")]
    Refused {
        /// What was asked.
        doing: String,
        /// The agent's or the program's words, and the errno if there is one.
        why: Refusal,
    },
    /// The VM, the link or the time.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl GuestError {
    /// Whether a system call in the guest has failed with this errno.
    #[must_use]
    pub fn is(&self, errno: Errno) -> bool {
        match self {
            Self::Refused { why, .. } | Self::Call(CallError::Guest(why)) => {
                why.errno == Some(errno.raw_os_error())
            }
            Self::Call(_) => false,
        }
    }
}

/// How often somebody who waits for the guest sees to it that what it waits for
/// goes on.
pub(crate) const ATTEND_EVERY: Duration = Duration::from_millis(250);

/// Who can see to it.
pub(crate) trait Attendant {
    /// Does so.
    fn attend(&self);
}

/// A running guest and the word "stop".
#[derive(Clone, Copy)]
pub struct Guest<'a> {
    vm: &'a Vm,
    cancel: &'a Cancel,
    attendant: Option<&'a dyn Attendant>,
}

impl<'a> Guest<'a> {
    /// Borrows the VM for a few questions.
    #[must_use]
    pub fn new(vm: &'a Vm, cancel: &'a Cancel) -> Self {
        Self { vm, cancel, attendant: None }
    }

    /// With somebody who is asked to attend every [`ATTEND_EVERY`] while an answer
    /// is outstanding.
    pub(crate) fn attended(self, attendant: &'a dyn Attendant) -> Self {
        Self { attendant: Some(attendant), ..self }
    }

    /// Waits up to [`PATIENCE`], or longer for a slow kernel, for an answer.
    pub(crate) fn wait(&self, pending: &Pending) -> Result<Answer, CallError> {
        self.wait_up_to(pending, self.vm.config().patience(PATIENCE))
    }

    /// The same, up to `patience`.
    pub(crate) fn wait_up_to(
        &self,
        pending: &Pending,
        patience: Duration,
    ) -> Result<Answer, CallError> {
        let Some(attendant) = self.attendant else { return pending.wait(patience, self.cancel) };
        let deadline = Instant::now() + patience;
        loop {
            match pending.wait(ATTEND_EVERY, self.cancel) {
                Err(CallError::Deadline { .. }) if Instant::now() < deadline => attendant.attend(),
                // Not only the last part of it.
                Err(CallError::Deadline { op, .. }) => {
                    return Err(CallError::Deadline { op, after: patience });
                }
                outcome => return outcome,
            }
        }
    }

    /// How long to wait for this guest where a plain one may take `usual`.
    fn ms(&self, usual: Duration) -> u64 {
        u64::try_from(self.vm.config().patience(usual).as_millis()).unwrap_or(u64::MAX)
    }

    fn ask(&self, doing: impl FnOnce() -> String, op: Op) -> Result<Answer, GuestError> {
        match self.wait(&self.vm.start(op)) {
            Ok(answer) => Ok(answer),
            Err(CallError::Guest(why)) => Err(GuestError::Refused { doing: doing(), why }),
            Err(other) => Err(other.into()),
        }
    }

    fn unexpected(doing: &str, answer: &Answer) -> GuestError {
        let why = format!("unexpected answer {answer:?}").into();
        GuestError::Refused { doing: doing.to_owned(), why }
    }

    /// Runs a program that must succeed.
    ///
    /// # Errors
    /// Its stderr when it fails, or the guest's failure.
    pub fn exec(&self, argv: &[&str]) -> Result<ExecOutput, GuestError> {
        let doing = || argv.join(" ");
        let op = Op::Exec {
            argv: argv.iter().map(ToString::to_string).collect(),
            timeout_ms: self.ms(PATIENCE),
        };
        match self.ask(doing, op)? {
            Answer::Exec(out) if out.code == 0 => Ok(out),
            Answer::Exec(out) => Err(GuestError::Refused {
                doing: doing(),
                why: format!("exit code {}: {}{}", out.code, out.stdout, out.stderr).into(),
            }),
            other => Err(Self::unexpected(&doing(), &other)),
        }
    }

    /// Reads a small file.
    ///
    /// # Errors
    /// The guest's errno, or its failure.
    pub fn read_file(&self, path: &str) -> Result<String, GuestError> {
        let doing = || format!("reading {path}");
        match self.ask(doing, Op::ReadFile { path: path.to_owned() })? {
            Answer::Text(text) => Ok(text),
            other => Err(Self::unexpected(&doing(), &other)),
        }
    }

    /// Writes a small file in one go.
    ///
    /// # Errors
    /// The guest's errno, or its failure.
    pub fn write_file(&self, path: &str, text: &str) -> Result<(), GuestError> {
        let op = Op::WriteFile { path: path.to_owned(), text: text.to_owned() };
        self.ask(|| format!("writing {:?} to {path}", text.trim()), op).map(|_| ())
    }

    /// Waits for a path to appear.
    ///
    /// # Errors
    /// When it does not, or the guest's failure.
    pub fn wait_path(&self, path: &str) -> Result<(), GuestError> {
        let op = Op::WaitPath { path: path.to_owned(), timeout_ms: self.ms(APPEARS) };
        self.ask(|| format!("waiting for {path}"), op).map(|_| ())
    }

    /// Names in a directory, sorted.
    ///
    /// # Errors
    /// The guest's errno, or its failure.
    pub fn list(&self, path: &str) -> Result<Vec<String>, GuestError> {
        let doing = || format!("listing {path}");
        match self.ask(doing, Op::ListDir { path: path.to_owned() })? {
            Answer::Names(names) => Ok(names),
            other => Err(Self::unexpected(&doing(), &other)),
        }
    }

    /// Path of a virtual disk in the guest, found by its virtio serial.
    ///
    /// # Errors
    /// When there is no such disk, or the guest's failure.
    pub fn disk_path(&self, disk: Disk) -> Result<String, GuestError> {
        let serial = disk.name();
        let doing = || format!("looking for the virtual disk {serial}");
        let names = self.list("/sys/block")?;
        for name in names.iter().filter(|name| name.starts_with("vd")) {
            if self.read_file(&format!("/sys/block/{name}/serial"))?.trim() == serial {
                return Ok(format!("/dev/{name}"));
            }
        }
        let why = format!("not among {}", names.join(", ")).into();
        Err(GuestError::Refused { doing: doing(), why })
    }

    /// Has all requests from here on carried out on one virtual processor.
    ///
    /// # Errors
    /// There is none of that number, or the guest's failure.
    pub fn pin(&self, cpu: u32) -> Result<(), GuestError> {
        self.ask(|| format!("keeping to processor {cpu}"), Op::Pin { cpu }).map(|_| ())
    }

    /// Flushes a device, the first or another one of its kind.
    ///
    /// # Errors
    /// The guest's errno, or its failure.
    pub fn flush(&self, device: Device, volume: u64) -> Result<(), GuestError> {
        self.ask(|| format!("flushing {device:?}"), Op::Flush { device, volume }).map(|_| ())
    }

    /// Plain requests, one after the other; see [`Op::Drive`].
    ///
    /// # Errors
    /// The guest's errno, or its failure.
    pub fn drive(
        &self,
        device: Device,
        write: bool,
        extents: Vec<Extent>,
    ) -> Result<(), GuestError> {
        let doing = || format!("{} requests to {device:?}", extents.len());
        let doing = doing();
        self.ask(|| doing, Op::Drive { device, write, extents }).map(|_| ())
    }

    /// Reads ranges; see [`Op::Read`] for `stamp_shift` (sectors).
    ///
    /// # Errors
    /// The guest's errno, or its failure.
    pub fn read(
        &self,
        device: Device,
        extents: Vec<Extent>,
        stamp_shift: u64,
    ) -> Result<Vec<Run>, GuestError> {
        let doing = || format!("reading {device:?}");
        match self.ask(doing, Op::Read { device, extents, stamp_shift })? {
            Answer::Runs(runs) => Ok(runs),
            other => Err(Self::unexpected(&doing(), &other)),
        }
    }

    /// Sectors in which bcache and its backing device differ.
    ///
    /// # Errors
    /// The guest's errno, or its failure.
    pub fn compare(
        &self,
        first: u64,
        sectors: u64,
        data_offset: u64,
    ) -> Result<Vec<Extent>, GuestError> {
        match self.ask(|| "comparing".to_owned(), Op::Compare { first, sectors, data_offset })? {
            Answer::Extents(extents) => Ok(extents),
            other => Err(Self::unexpected("comparing", &other)),
        }
    }

    /// Size of a device in sectors; which one, as in [`Self::flush`].
    ///
    /// # Errors
    /// The guest's errno, or its failure.
    pub fn size(&self, device: Device, volume: u64) -> Result<u64, GuestError> {
        match self.ask(|| "asking for a size".to_owned(), Op::Size { device, volume })? {
            Answer::Number(sectors) => Ok(sectors),
            other => Err(Self::unexpected("asking for a size", &other)),
        }
    }
}
