// SPDX-License-Identifier: MIT OR Apache-2.0
//! A guest saved after its boot, and any number of guests from it.
//!
//! A restored guest has the RAM of the saved one and whatever its disks hold
//! now. That is sound only for a guest that remembers nothing of its disks:
//! save before bcache is registered. What the kernel itself has read of them
//! (it looks for partitions) is dropped before saving.

use crate::command;
use crate::config::{Accel, VmConfig};
use crate::console;
use crate::error::{CallError, VmError};
use crate::machine::{QMP_PATIENCE, Vm};
use crate::qmp::QmpError;
use proc::Cancel;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};
use wire::{Greeting, Op};

/// Ending of the label's name.
const LABEL: &str = ".json";

/// Beside the state: what it was saved from.
#[derive(Serialize, Deserialize)]
struct Label {
    fingerprint: String,
    greeting: Option<Greeting>,
}

impl Vm {
    /// A guest on the disks of `config`: restored if it names a saved one,
    /// otherwise booted.
    ///
    /// # Errors
    /// As [`Vm::restore`] and [`Vm::boot`].
    pub fn start_up(config: &VmConfig, cancel: &Cancel) -> Result<Self, VmError> {
        match &config.saved {
            Some(path) => Self::restore(config, path, cancel),
            None => Self::boot(config, cancel),
        }
    }

    /// Boots a guest, saves it in `path`, and sees to it that what was saved is of use: once,
    /// on a machine with a load of 20, no guest that was restored from it ever got an answer
    /// from a disk. Then another one is booted.
    ///
    /// # Errors
    /// As [`Vm::boot`] and [`Vm::save`]; [`VmError::BadState`] when it came to nothing
    /// several times.
    pub fn boot_and_save(config: &VmConfig, path: &Path, cancel: &Cancel) -> Result<(), VmError> {
        const TRIES: u32 = 3;
        let restored = VmConfig { work_dir: config.work_dir.join("restored"), ..config.clone() };
        for _ in 0..TRIES {
            Self::boot(config, cancel)?.save(path, cancel)?;
            if Self::restore(&restored, path, cancel)?.reaches_its_disks(cancel)? {
                return Ok(());
            }
        }
        let why = format!("saved {TRIES} times, and restored it does not reach its disks");
        Err(VmError::BadState { path: path.display().to_string(), why })
    }

    /// Whether each disk answers a request that reads nothing of its content.
    fn reaches_its_disks(&self, cancel: &Cancel) -> Result<bool, VmError> {
        const USUAL: Duration = Duration::from_secs(20);
        let patience = self.config.patience(USUAL);
        for (_, letter) in self.config.disks.iter().zip('a'..) {
            let path = format!("/sys/block/vd{letter}/serial");
            match self.call(Op::ReadFile { path }, patience, cancel) {
                Ok(_) => {}
                Err(CallError::Deadline { .. }) => return Ok(false),
                Err(other) => return Err(as_vm_error(other)),
            }
        }
        Ok(true)
    }

    /// Saves the guest and ends it. `path` appears whole or not at all, with a
    /// small file `path`.json beside it.
    ///
    /// # Errors
    /// The guest or QEMU refuses; the machine is ended then as well.
    pub fn save(self, path: &Path, cancel: &Cancel) -> Result<(), VmError> {
        self.call(Op::DropCaches, QMP_PATIENCE, cancel).map_err(as_vm_error)?;
        self.process.paused.store(true, Ordering::SeqCst);
        self.qmp("stop", Value::Null)?;
        // The default throttles a migration for the sake of the network.
        self.qmp("migrate-set-parameters", json!({ "max-bandwidth": 1u64 << 40 }))?;
        let part = sibling(path, ".part");
        self.qmp("migrate", json!({ "uri": self.uri(&part, Direction::Out)? }))?;
        self.wait_migrated(path, cancel)?;
        let label =
            Label { fingerprint: fingerprint(&self.config), greeting: self.greeting.clone() };
        // A state without a label is none: the label goes first and comes last.
        let _ = fs::remove_file(sibling(path, LABEL));
        fs::rename(&part, path).map_err(VmError::io_at("publishing", path))?;
        write_label(path, &label)
    }

    /// Starts QEMU with a saved guest, on the disks of `config`, and returns
    /// when the agent answers.
    ///
    /// # Errors
    /// [`VmError::BadState`] when it was saved from another configuration;
    /// otherwise as [`Vm::boot`].
    pub fn restore(config: &VmConfig, path: &Path, cancel: &Cancel) -> Result<Self, VmError> {
        let label = read_label(path)?;
        if label.fingerprint != fingerprint(config) {
            let why = "saved from another kernel, image, QEMU or machine".into();
            return Err(VmError::BadState { path: path.display().to_string(), why });
        }
        let deadline = Instant::now() + config.boot_deadline;
        let (mut command, ends) = command::build(config)?;
        // Where from is said over QMP, once QEMU's version is known.
        command.args(["-incoming", "defer"]);
        let mut vm = Self::launch_paused(config, command, ends, cancel)?;
        vm.greeting = label.greeting;
        vm.qmp("migrate-incoming", json!({ "uri": vm.uri(path, Direction::In)? }))?;
        vm.wait_migrated(path, cancel)?;
        vm.qmp("cont", Value::Null)?;
        let left = deadline.saturating_duration_since(Instant::now());
        vm.call(Op::Ping, left, cancel).map_err(as_vm_error)?;
        vm.process.paused.store(false, Ordering::SeqCst);
        Ok(vm)
    }

    /// QEMU learnt to write files itself in 8.2; before, a shell does.
    fn uri(&self, path: &Path, direction: Direction) -> Result<String, VmError> {
        let version = self.qmp("query-version", Value::Null)?;
        let part = |name| version["qemu"][name].as_u64().unwrap_or(0);
        let text = path.display().to_string();
        if (part("major"), part("minor")) >= (8, 2) && !text.contains(',') {
            return Ok(format!("file:{text}"));
        }
        let quoted = format!("'{}'", text.replace('\'', r"'\''"));
        Ok(match direction {
            Direction::In => format!("exec:exec cat {quoted}"),
            Direction::Out => format!("exec:exec cat > {quoted}"),
        })
    }

    fn wait_migrated(&self, path: &Path, cancel: &Cancel) -> Result<(), VmError> {
        let deadline = Instant::now() + self.config.boot_deadline;
        let bad = |why: String| VmError::BadState { path: path.display().to_string(), why };
        loop {
            let state = match self.qmp("query-migrate", Value::Null) {
                Ok(state) => state,
                // QEMU ends when what it reads makes no sense.
                Err(VmError::Qmp(QmpError::Closed { .. })) => {
                    let log = console::read_end(&self.config.stderr_log());
                    return Err(bad(console::tail(&log)));
                }
                Err(other) => return Err(other),
            };
            match state["status"].as_str().unwrap_or_default() {
                "completed" => return Ok(()),
                "failed" | "cancelled" => {
                    let why = state["error-desc"].as_str().unwrap_or("QEMU does not say why");
                    return Err(bad(why.to_owned()));
                }
                _ if cancel.is_cancelled() => return Err(VmError::Cancelled),
                _ if Instant::now() > deadline => return Err(bad("too slow".into())),
                _ => thread::sleep(Duration::from_millis(2)),
            }
        }
    }
}

enum Direction {
    In,
    Out,
}

fn as_vm_error(error: CallError) -> VmError {
    match error {
        CallError::Vm(error) => error,
        other => VmError::BadState { path: "the guest".into(), why: other.to_string() },
    }
}

/// Everything that must be the same for RAM to make sense: not the paths of
/// sockets and logs, and not what the disks hold.
fn fingerprint(config: &VmConfig) -> String {
    let VmConfig { qemu, kernel, initramfs, accel, memory_mib, cpus, .. } = config;
    let file = |path: &Path| {
        let data = fs::metadata(path).ok();
        let size = data.as_ref().map(fs::Metadata::len);
        format!("{} {size:?}", path.display())
    };
    let disks: Vec<&str> = config.disks.iter().map(|disk| disk.serial.as_str()).collect();
    let accel = match accel {
        // The guest has seen what `-cpu host` passes on to it.
        Accel::Kvm => format!("kvm on {}", host_cpu()),
        Accel::Tcg => "tcg".to_owned(),
    };
    let facts = [
        file(qemu),
        file(kernel),
        file(initramfs),
        disks.join(" "),
        format!("{accel} {memory_mib} {cpus}"),
        config.cmdline_extra.join(" "),
        config.qemu_extra.join(" "),
    ];
    blake3::hash(facts.join("\n").as_bytes()).to_hex().to_string()
}

/// The host's processor and its features.
fn host_cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let lines = info.lines().take_while(|line| !line.is_empty());
    let lasting = ["model name", "stepping", "microcode", "flags"];
    lines.filter(|line| lasting.iter().any(|word| line.starts_with(word))).collect()
}

fn sibling(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn write_label(path: &Path, label: &Label) -> Result<(), VmError> {
    let file = sibling(path, LABEL);
    let text = serde_json::to_vec(label).map_err(std::io::Error::from);
    text.and_then(|text| proc::replace(&file, text)).map_err(VmError::io_at("writing", &file))
}

fn read_label(path: &Path) -> Result<Label, VmError> {
    let file = sibling(path, LABEL);
    let text = fs::read(&file).map_err(VmError::io_at("reading", &file))?;
    serde_json::from_slice(&text).map_err(|error| VmError::BadState {
        path: file.display().to_string(),
        why: error.to_string(),
    })
}
