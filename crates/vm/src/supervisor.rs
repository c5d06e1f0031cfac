// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notices the end of a guest and says which end it was.
//!
//! One thread per virtual machine sleeps until QEMU says something, one of its
//! connections closes, or it is time for a ping.

use crate::calls::{Calls, Pending};
use crate::config::VmConfig;
use crate::console::{self, Finding};
use crate::error::VmError;
use crate::qmp::{Notice, Qmp};
use proc::Guarded;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use wire::Op;

/// Time from a closed connection to a dead process.
const REAP: Duration = Duration::from_secs(2);

/// Longest time between two pings.
const LONGEST_TICK: Duration = Duration::from_secs(1);

/// What wakes the watcher.
pub enum Signal {
    /// From QMP.
    Qmp(Notice),
    /// End of file, or what was wrong with the last message.
    LinkClosed(Option<String>),
}

/// The process, and what is expected of it; shared with [`crate::Vm`].
pub struct Process {
    child: Mutex<Guarded>,
    /// The guest is not expected to answer: stopped, resetting or restoring.
    pub paused: AtomicBool,
    /// We are ending it.
    pub ending: AtomicBool,
    events: Mutex<Vec<(String, Value)>>,
}

impl Process {
    pub fn new(child: Guarded) -> Self {
        Self {
            child: Mutex::new(child),
            paused: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            events: Mutex::default(),
        }
    }

    pub fn pid(&self) -> u32 {
        lock(&self.child).pid()
    }

    /// Waits for the process to end by itself; its status, or `None` if it
    /// had to be killed.
    pub fn reap(&self, deadline: Duration) -> Option<String> {
        let end = Instant::now() + deadline;
        loop {
            if let Ok(Some(status)) = lock(&self.child).try_wait() {
                return Some(status.to_string());
            }
            if Instant::now() >= end {
                self.kill();
                return None;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn kill(&self) {
        lock(&self.child).kill();
    }

    /// QMP events so far.
    pub fn events(&self) -> Vec<(String, Value)> {
        lock(&self.events).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the link to its end.
pub fn read_link(link: UnixStream, calls: &Calls, signals: &Sender<Signal>) {
    let mut reader = BufReader::with_capacity(64 << 10, link);
    let mut line = Vec::new();
    let why = loop {
        line.clear();
        match reader.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break None,
            // QEMU died in the middle of a message.
            Ok(_) if line.last() != Some(&b'\n') => break None,
            Ok(_) => {}
        }
        match wire::decode(&line) {
            Ok(message) => calls.accept(message),
            Err(error) => break Some(error.to_string()),
        }
    };
    calls.close_link();
    let _ = signals.send(Signal::LinkClosed(why));
}

/// What the watcher knows.
pub struct Watcher {
    pub config: VmConfig,
    pub calls: Arc<Calls>,
    pub qmp: Arc<Qmp>,
    pub process: Arc<Process>,
    pub signals: Receiver<Signal>,
}

/// What QEMU has said so far.
#[derive(Default)]
struct Heard {
    greeting: bool,
    /// Reason of a SHUTDOWN event that came from the guest.
    shutdown: Option<String>,
}

/// How long the guest has been silent.
#[derive(Default)]
struct Pulse {
    heard: u64,
    silent: Duration,
    ping: Option<Pending>,
}

impl Watcher {
    /// Watches until QEMU has gone.
    pub fn run(self) {
        let tick = (self.config.silence / 4).clamp(Duration::from_millis(10), LONGEST_TICK);
        let (mut heard, mut pulse) = (Heard::default(), Pulse::default());
        let mut last = Instant::now();
        loop {
            let end = match self.signals.recv_timeout(tick) {
                Ok(Signal::Qmp(Notice::Greeting)) => {
                    heard.greeting = true;
                    None
                }
                Ok(Signal::Qmp(Notice::Event(name, data))) => self.event(name, data, &mut heard),
                Ok(Signal::Qmp(Notice::Closed)) => Some(self.qemu_gone(&heard)),
                Ok(Signal::LinkClosed(why)) => self.link_closed(why),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let end = end.or_else(|| {
                // No more than a tick is counted, however late this thread
                // woke: a host that was asleep is no proof of a hung guest.
                let passed = last.elapsed().min(tick);
                last = Instant::now();
                self.check_pulse(&mut pulse, passed).or_else(|| self.check_console())
            });
            if let Some(fate) = end {
                self.finish(fate);
                return;
            }
        }
    }

    fn finish(&self, fate: VmError) {
        let fate =
            if self.process.ending.load(Ordering::SeqCst) { VmError::SwitchedOff } else { fate };
        // First the process, so that nothing reaches the disks after the
        // error, then the guest's last words, then the error.
        self.process.kill();
        self.calls.wait_link_closed(Instant::now() + REAP);
        self.calls.end(fate);
    }

    fn event(&self, name: String, data: Value, heard: &mut Heard) -> Option<VmError> {
        let paused = self.process.paused.load(Ordering::SeqCst);
        let end = match name.as_str() {
            "SHUTDOWN" if data["guest"] == json!(true) => {
                heard.shutdown = data["reason"].as_str().map(str::to_owned);
                None
            }
            // Ours are announced by `paused`.
            "STOP" if !paused && heard.shutdown.is_none() => self.stopped(),
            _ => None,
        };
        let mut events = lock(&self.process.events);
        // A guest with a broken disk can produce events without end.
        if events.len() < 10_000 {
            events.push((name, data));
        }
        end
    }

    /// QEMU stopped the guest; as part of its own shutdown that is normal.
    fn stopped(&self) -> Option<VmError> {
        let status = self.qmp.execute("query-status", Value::Null, REAP).ok()?;
        let state = status["status"].as_str()?.to_owned();
        (state == "internal-error" || state == "io-error" || state == "guest-panicked").then(|| {
            let console_tail = console::tail(&self.console());
            VmError::Stopped { state, stderr: self.stderr(), console_tail }
        })
    }

    fn link_closed(&self, why: Option<String>) -> Option<VmError> {
        // Usually QEMU is ending and its other connection is about to close.
        if why.is_none() {
            let end = Instant::now() + REAP;
            while Instant::now() < end {
                match self.signals.recv_timeout(REAP) {
                    Ok(Signal::Qmp(Notice::Closed)) => {
                        return Some(self.qemu_gone(&self.last_words()));
                    }
                    Ok(Signal::Qmp(Notice::Event(name, data))) => {
                        lock(&self.process.events).push((name, data));
                    }
                    _ => {}
                }
            }
        }
        let why = why.unwrap_or_else(|| "end of file".into());
        Some(VmError::LinkBroken { why, console_tail: console::tail(&self.console()) })
    }

    /// What is known when the link closed before QMP.
    fn last_words(&self) -> Heard {
        let events = lock(&self.process.events);
        let guest =
            |(name, data): &&(String, Value)| name == "SHUTDOWN" && data["guest"] == json!(true);
        let reason = events.iter().rev().find(guest).map(|(_, data)| &data["reason"]);
        Heard { greeting: true, shutdown: reason.and_then(Value::as_str).map(str::to_owned) }
    }

    fn check_pulse(&self, pulse: &mut Pulse, passed: Duration) -> Option<VmError> {
        let heard = self.calls.heard();
        // Before the greeting the boot's own deadline counts.
        if heard != pulse.heard || heard == 0 || self.process.paused.load(Ordering::SeqCst) {
            *pulse = Pulse { heard, ..Pulse::default() };
            return None;
        }
        pulse.silent += passed;
        if pulse.ping.is_none() {
            pulse.ping = Some(self.calls.start(Op::Ping));
        }
        (pulse.silent >= self.config.silence).then(|| self.hung(pulse.silent))
    }

    /// A console log that grows without end.
    fn check_console(&self) -> Option<VmError> {
        let bytes = std::fs::metadata(self.config.console_log()).map_or(0, |meta| meta.len());
        (bytes > self.config.console_limit).then(|| {
            let console = self.console();
            let console_tail = console::tail(&console);
            // A flood of oopses is an oops.
            died(&console, &console_tail).unwrap_or(VmError::Flooded { bytes, console_tail })
        })
    }

    fn hung(&self, silence: Duration) -> VmError {
        // Where the processors are is all that a hung guest can tell.
        let ask = json!({ "command-line": "info registers -a" });
        if let Ok(registers) = self.qmp.execute("human-monitor-command", ask, REAP) {
            let path = self.config.work_dir.join("registers.txt");
            let _ = std::fs::write(path, registers.as_str().unwrap_or_default());
        }
        let console = self.console();
        let console_tail = console::tail(&console);
        died(&console, &console_tail).unwrap_or(VmError::Hung { silence, console_tail })
    }

    /// QEMU closed its connections: the guest ended, or QEMU did.
    fn qemu_gone(&self, heard: &Heard) -> VmError {
        let status = self.process.reap(REAP).unwrap_or_else(|| "had to be killed".into());
        let stderr = self.stderr();
        let console = self.console();
        let console_tail = console::tail(&console);
        // QMP can be up before QEMU finds that it dislikes the kernel image.
        let refused = self.calls.heard() == 0 && console.is_empty() && !stderr.is_empty();
        if !heard.greeting || refused {
            let stderr = if stderr.is_empty() { status } else { stderr };
            return VmError::NeverStarted { stderr };
        }
        if let Some(death) = died(&console, &console_tail) {
            return death;
        }
        match heard.shutdown.as_deref() {
            Some("guest-reset") => {
                let log = console::read_end(&self.config.reset_log());
                let triple = log.contains("Triple fault");
                let evidence = if triple { "triple fault" } else { "no panic on the console" };
                VmError::TripleFault { evidence: evidence.into(), console_tail }
            }
            Some(reason) => VmError::Exited { status: reason.into(), stderr, console_tail },
            None => VmError::Exited { status, stderr, console_tail },
        }
    }

    fn console(&self) -> String {
        console::read_end(&self.config.console_log())
    }

    fn stderr(&self) -> String {
        console::tail(&console::read_end(&self.config.stderr_log()))
    }
}

/// The kernel's own account of its death, if it gave one.
pub fn died(console: &str, console_tail: &str) -> Option<VmError> {
    let console_tail = console_tail.to_owned();
    Some(match console::finding(console)? {
        Finding::Panic(reason) => VmError::Panicked { reason, console_tail },
        Finding::Oops(reason) => VmError::Oops { reason, console_tail },
    })
}
