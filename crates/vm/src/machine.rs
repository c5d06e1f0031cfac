// SPDX-License-Identifier: MIT OR Apache-2.0
//! A running virtual machine.

use crate::calls::{Calls, Pending};
use crate::command::{self, Ends};
use crate::config::VmConfig;
use crate::console;
use crate::error::{CallError, VmError};
use crate::qmp::{Notice, Qmp, QmpError};
use crate::supervisor::{self, Process, Signal, Watcher};
use proc::{Cancel, Guarded};
use serde_json::{Value, json};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use wire::{Answer, Greeting, Op};

/// Time that QEMU has to answer a simple command. It takes milliseconds; on an
/// overloaded machine, starting takes seconds.
pub(crate) const QMP_PATIENCE: Duration = Duration::from_secs(20);

/// Time that QEMU has to leave after `quit`, before it is killed.
const QUIT_PATIENCE: Duration = Duration::from_millis(500);

/// A virtual machine. Dropping it kills QEMU.
pub struct Vm {
    pub(crate) config: VmConfig,
    pub(crate) calls: Arc<Calls>,
    pub(crate) qmp: Arc<Qmp>,
    pub(crate) process: Arc<Process>,
    pub(crate) greeting: Option<Greeting>,
    watcher: Option<JoinHandle<()>>,
}

/// How QEMU went at a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerCut {
    /// QMP did not answer, or QEMU did not leave in time: it was killed.
    pub by_signal: bool,
    /// From the order to the dead process.
    pub took: Duration,
}

impl Vm {
    /// Starts QEMU and returns when the agent has said hello.
    ///
    /// # Errors
    /// Any [`VmError`]; QEMU is gone then.
    pub fn boot(config: &VmConfig, cancel: &Cancel) -> Result<Self, VmError> {
        for file in [&config.kernel, &config.initramfs] {
            std::fs::metadata(file).map_err(VmError::io_at("opening", file))?;
        }
        let start = Instant::now();
        let (command, ends) = command::build(config)?;
        let mut vm = Self::launch(config, command, ends, cancel)?;
        vm.greeting = Some(vm.wait_greeting(start + config.boot_deadline, cancel)?);
        Ok(vm)
    }

    /// As [`Vm::launch`], for a guest that will not answer before it is
    /// restored.
    pub(crate) fn launch_paused(
        config: &VmConfig,
        command: Command,
        ends: Ends,
        cancel: &Cancel,
    ) -> Result<Self, VmError> {
        let vm = Self::launch(config, command, ends, cancel)?;
        vm.process.paused.store(true, Ordering::SeqCst);
        Ok(vm)
    }

    /// Starts QEMU and the threads around it.
    fn launch(
        config: &VmConfig,
        mut command: Command,
        ends: Ends,
        cancel: &Cancel,
    ) -> Result<Self, VmError> {
        let child = Guarded::spawn(&mut command).map_err(|error| VmError::NeverStarted {
            stderr: format!(
                "{}: {error}; `cargo xtask setup` installs QEMU",
                config.qemu.display()
            ),
        })?;
        // Closes our copies of QEMU's ends: from now on, end of file means
        // that QEMU has closed them.
        drop(command);
        let io = |what| VmError::io(what);
        let process = Arc::new(Process::new(child));
        let (signals, receiver) = channel();
        let reader = ends.link.try_clone().map_err(io("cloning the link"))?;
        let calls = Arc::new(Calls::new(ends.link).map_err(io("setting up the link"))?);
        let (shared, link_signals) = (Arc::clone(&calls), signals.clone());
        thread::Builder::new()
            .name("guest link".into())
            .spawn(move || supervisor::read_link(reader, &shared, &link_signals))
            .map_err(io("starting a thread"))?;
        let notify = move |notice: Notice| drop(signals.send(Signal::Qmp(notice)));
        let qmp = Arc::new(Qmp::start(ends.qmp, cancel, notify).map_err(io("starting QMP"))?);
        let watcher = Watcher {
            config: config.clone(),
            calls: Arc::clone(&calls),
            qmp: Arc::clone(&qmp),
            process: Arc::clone(&process),
            signals: receiver,
        };
        let watcher = thread::Builder::new()
            .name("guest watch".into())
            .spawn(move || watcher.run())
            .map_err(io("starting a thread"))?;
        let vm = Self {
            config: config.clone(),
            calls,
            qmp,
            process,
            greeting: None,
            watcher: Some(watcher),
        };
        vm.negotiate(cancel)?;
        Ok(vm)
    }

    /// The handshake: QMP accepts nothing else before.
    fn negotiate(&self, cancel: &Cancel) -> Result<(), VmError> {
        match self.qmp("qmp_capabilities", Value::Null) {
            Ok(_) => Ok(()),
            // QEMU has gone: the watcher is about to say why.
            Err(VmError::Qmp(QmpError::Closed { .. })) => {
                let soon = Instant::now() + QMP_PATIENCE;
                self.calls.wait_greeting(soon, cancel).map(drop)
            }
            Err(other) => Err(other),
        }
    }

    pub(crate) fn wait_greeting(
        &self,
        deadline: Instant,
        cancel: &Cancel,
    ) -> Result<Greeting, VmError> {
        if let Some(greeting) = self.calls.wait_greeting(deadline, cancel)? {
            return Ok(greeting);
        }
        let console = console::read_end(&self.config.console_log());
        let console_tail = console::tail(&console);
        let deadline = self.config.boot_deadline;
        Err(supervisor::died(&console, &console_tail)
            .unwrap_or(VmError::BootTimeout { deadline, console_tail }))
    }

    /// What the agent said of itself, at the last boot.
    #[must_use]
    pub fn greeting(&self) -> Option<&Greeting> {
        self.greeting.as_ref()
    }

    /// What this machine was made from.
    #[must_use]
    pub fn config(&self) -> &VmConfig {
        &self.config
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn call(&self, op: Op, deadline: Duration, cancel: &Cancel) -> Result<Answer, CallError> {
        self.start(op).wait(deadline, cancel)
    }

    pub fn start(&self, op: Op) -> Pending {
        self.calls.start(op)
    }

    /// Executes a QMP command; [`Value::Null`] for no arguments.
    ///
    /// # Errors
    /// [`VmError::Qmp`].
    pub fn qmp(&self, command: &str, arguments: Value) -> Result<Value, VmError> {
        Ok(self.qmp.execute(command, arguments, QMP_PATIENCE)?)
    }

    /// Lets the writes to a disk wait inside QEMU, before its backend sees
    /// them, while reads pass; `false` lets them go. The disks' own holds stop
    /// a backend's connection after 16 requests; this one never fills up.
    ///
    /// # Errors
    /// [`VmError::Qmp`].
    pub fn hold_back_writes(&self, serial: &str, hold: bool) -> Result<(), VmError> {
        // One byte a second: the first write passes, the next waits for hours.
        let limits = json!({
            "id": format!("/machine/peripheral/{serial}/virtio-backend"),
            "bps": 0, "bps_rd": 0, "bps_wr": u8::from(hold),
            "iops": 0, "iops_rd": 0, "iops_wr": 0,
        });
        self.qmp("block_set_io_throttle", limits).map(drop)
    }

    /// QMP events so far, in order: name and data.
    #[must_use]
    pub fn events(&self) -> Vec<(String, Value)> {
        self.process.events()
    }

    /// How the guest ended, if it has.
    #[must_use]
    pub fn fate(&self) -> Option<VmError> {
        self.calls.fate()
    }

    /// The console's last lines.
    #[must_use]
    pub fn console_tail(&self) -> String {
        console::tail(&console::read_end(&self.config.console_log()))
    }

    /// Bytes that the guest has printed.
    #[must_use]
    pub fn console_bytes(&self) -> u64 {
        std::fs::metadata(self.config.console_log()).map_or(0, |file| file.len())
    }

    /// Moves what the console has after its first `bytes` to a file beside it,
    /// `after-the-cut.log`: what a guest says of disks that are not there any more.
    ///
    /// # Errors
    /// What the file system says.
    pub fn put_console_aside(&self, bytes: u64) -> std::io::Result<()> {
        let log = self.config.console_log();
        console::split(&log, bytes, &log.with_file_name("after-the-cut.log"))
    }

    /// The second half of a power cut: takes QEMU down. The disks must be
    /// frozen before, because `quit` flushes them; when they are, nothing of
    /// it arrives. The answer to `quit` also means that QEMU's main loop has
    /// handed over everything that the guest had sent before, so after this
    /// [`Pending::progress`] is complete.
    ///
    /// # Errors
    /// The guest had ended by itself before.
    pub fn power_off_abruptly(&self) -> Result<PowerCut, VmError> {
        if let Some(fate) = self.fate() {
            return Err(fate);
        }
        let start = Instant::now();
        self.process.ending.store(true, Ordering::SeqCst);
        let asked = match self.qmp.execute("quit", Value::Null, QUIT_PATIENCE) {
            // QEMU may be gone before its answer is.
            Ok(_) | Err(QmpError::Closed { .. }) => true,
            Err(_) => false,
        };
        let left = if asked { QUIT_PATIENCE } else { Duration::ZERO };
        let by_signal = self.process.reap(left).is_none();
        let took = start.elapsed();
        self.calls.wait_link_closed(Instant::now() + QMP_PATIENCE);
        self.calls.end(VmError::SwitchedOff);
        Ok(PowerCut { by_signal, took })
    }

    /// SIGKILL: nothing is flushed. For the lab's own ends; a scenario cuts
    /// the power.
    pub fn kill(&self) {
        self.process.ending.store(true, Ordering::SeqCst);
        self.process.kill();
        self.calls.wait_link_closed(Instant::now() + QMP_PATIENCE);
        self.calls.end(VmError::SwitchedOff);
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.process.ending.store(true, Ordering::SeqCst);
        self.process.kill();
        self.calls.end(VmError::SwitchedOff);
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}
