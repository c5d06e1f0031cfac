// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which accelerator really works.
//!
//! `/dev/kvm` can exist, open and create a virtual machine and still not run a
//! stock kernel (a paravirtual KVM stops with an emulation failure inside the
//! decompressor). So the question is put to a real boot, and the answer kept
//! for as long as this host runs this kernel and this QEMU.

use crate::config::{Accel, VmConfig};
use crate::error::VmError;
use crate::machine::Vm;
use proc::Cancel;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

const KVM: &str = "/dev/kvm";

/// What a probe needs.
#[derive(Clone, Debug)]
pub struct Probe {
    /// A kernel that is known to be good.
    pub kernel: PathBuf,
    pub initramfs: PathBuf,
    /// Where the answer is kept.
    pub cache: PathBuf,
    /// Longest time that KVM may take to boot; it takes less than TCG.
    pub deadline: Duration,
}

/// What the probe is doing.
#[derive(Clone, Debug)]
pub enum ProbeEvent {
    /// Booting a guest under KVM.
    Trying,
    Chosen {
        accel: Accel,
        why: String,
        /// The answer is from an earlier run.
        cached: bool,
    },
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Verdict {
    key: String,
    accel: Accel,
    why: String,
}

/// Finds the fastest accelerator that boots the kernel.
///
/// # Errors
/// Only [`VmError::Cancelled`], and what a missing image means: a KVM that
/// does not work is an answer.
pub fn accelerator(
    probe: &Probe,
    on_event: &mut dyn FnMut(ProbeEvent),
    cancel: &Cancel,
) -> Result<Accel, VmError> {
    let (verdict, cached) = match unusable() {
        Some(why) => (Verdict { key: String::new(), accel: Accel::Tcg, why }, false),
        None => cached_or_tried(probe, on_event, cancel)?,
    };
    let Verdict { accel, why, .. } = verdict;
    on_event(ProbeEvent::Chosen { accel, why, cached });
    Ok(accel)
}

/// Why KVM need not even be tried; `None` where its device can be opened.
#[must_use]
pub fn unusable() -> Option<String> {
    unopened(Path::new(KVM))
}

fn unopened(device: &Path) -> Option<String> {
    use std::io::ErrorKind as E;
    let error = File::options().read(true).write(true).open(device).err()?;
    let device = device.display();
    Some(match error.kind() {
        E::NotFound => format!(
            "there is no {device}: no processor or kernel for it, or a container that was not \
             given it (--device {device})"
        ),
        E::PermissionDenied => format!(
            "{device} may not be opened by this user: the group that owns it (`ls -l {device}`, \
             usually kvm) may"
        ),
        _ => format!("{device} cannot be opened: {error}"),
    })
}

fn cached_or_tried(
    probe: &Probe,
    on_event: &mut dyn FnMut(ProbeEvent),
    cancel: &Cancel,
) -> Result<(Verdict, bool), VmError> {
    let file = probe.cache.join("accelerator.json");
    let key = key();
    let known = fs::read(&file).ok().and_then(|text| serde_json::from_slice::<Verdict>(&text).ok());
    if let Some(verdict) = known.filter(|verdict| verdict.key == key) {
        return Ok((verdict, true));
    }
    on_event(ProbeEvent::Trying);
    let (accel, why) = try_kvm(probe, cancel)?;
    let verdict = Verdict { key, accel, why };
    store(&file, &verdict);
    Ok((verdict, false))
}

fn try_kvm(probe: &Probe, cancel: &Cancel) -> Result<(Accel, String), VmError> {
    let work = proc::Scratch::new("bclab-probe-")
        .map_err(VmError::io("making a directory for the probe"))?;
    let (kernel, initramfs) = (probe.kernel.clone(), probe.initramfs.clone());
    let mut config = VmConfig::new(kernel, initramfs, Accel::Kvm, work.path().into());
    config.boot_deadline = probe.deadline;
    match Vm::boot(&config, cancel) {
        Ok(_) => Ok((Accel::Kvm, "a guest booted under it".into())),
        Err(error @ (VmError::Cancelled | VmError::Io { .. })) => Err(error),
        Err(error @ VmError::ProtocolMismatch { .. }) => Err(error),
        Err(error) => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            Ok((Accel::Tcg, format!("KVM does not boot a guest: {line}")))
        }
    }
}

/// The answer holds for this boot of this host's kernel and this QEMU.
fn key() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let qemu = std::env::split_paths(&path)
        .find_map(|dir| fs::metadata(dir.join(crate::config::QEMU)).ok())
        .map(|meta| format!("{} bytes, {:?}", meta.len(), meta.modified().ok()));
    let facts = format!(
        "{}{}{}",
        read("/proc/version"),
        read("/proc/sys/kernel/random/boot_id"),
        qemu.unwrap_or_default()
    );
    blake3::hash(facts.as_bytes()).to_hex().to_string()
}

/// Failing to keep it costs the next run a few seconds, nothing else.
fn store(file: &Path, verdict: &Verdict) {
    if let Ok(text) = serde_json::to_vec(verdict) {
        let _ = proc::replace(file, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_kvm_cannot_be_had_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let missing = unopened(&dir.path().join("kvm")).unwrap();
        assert!(missing.contains("there is no") && missing.contains("--device"), "{missing}");
        let device = dir.path().join("dev");
        fs::write(&device, "").unwrap();
        assert_eq!(unopened(&device), None);
        // Opening a folder for writing fails in another way.
        let other = unopened(dir.path()).unwrap();
        assert!(other.contains("cannot be opened"), "{other}");
        // Root may do everything.
        if !rustix::process::geteuid().is_root() {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&device, fs::Permissions::from_mode(0o000)).unwrap();
            let denied = unopened(&device).unwrap();
            assert!(denied.contains("group"), "{denied}");
        }
    }
}
