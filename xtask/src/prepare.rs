// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every command that boots something needs: folders, arms, set-up,
//! kernels, guest image, accelerator.

use crate::exit;
use crate::flags::{AccelArg, KernelArgs};
use crate::ui::{Stage, Ui};
use anyhow::{Context, Result};
use evidence::{ArmRecord, ConfigRecord, GuestRecord, QemuRecord, SourceRecord, ToolchainRecord};
use kbuild::{Arm, Builder, Dirs, Event, Image, KernelConfig, Source, SourceSpec, setup};
use lab::{ArmImage, Tools};
use proc::Cancel;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use vm::{Accel, Probe, ProbeEvent};

/// Arms of `run` when none is named: the control, the first idea, the fix.
const DEFAULT_ARMS: [&str; 3] = ["base", "v1", "rust"];

/// Longest time that a working KVM may take to boot the guest.
const KVM_DEADLINE: Duration = Duration::from_secs(10);

/// Everything a run boots, with its provenance.
pub struct Prepared {
    pub images: Vec<ArmImage>,
    pub arm_records: Vec<ArmRecord>,
    pub tools: Tools,
    pub qemu: QemuRecord,
    pub source: SourceRecord,
    pub config: ConfigRecord,
    pub toolchain: ToolchainRecord,
    pub guest: GuestRecord,
}

/// The checkout that this program was built from, and the user's cache.
pub fn dirs() -> Result<Dirs> {
    let repo = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .filter(|repo| repo.join("kernel/arms").is_dir())
        .context("the checkout that this tool was built in has gone: run it through cargo xtask")?;
    Ok(Dirs::new(repo))
}

/// The lab's own arms.
pub fn all_arms(dirs: &Dirs) -> Result<Vec<Arm>> {
    Arm::list(dirs)
        .iter()
        .map(|name| Arm::load(dirs, name).map_err(|error| exit::usage(error.to_string())))
        .collect()
}

/// Names of the lab's kernel configurations.
pub fn all_configs(dirs: &Dirs) -> Vec<String> {
    KernelConfig::list(dirs)
}

/// The arms that were asked for: `NAME`, or `NAME=PATH` for the user's own.
pub fn choose_arms(dirs: &Dirs, wanted: &[String]) -> Result<Vec<Arm>> {
    let default: Vec<String> = DEFAULT_ARMS.map(str::to_owned).into();
    let wanted = if wanted.is_empty() { &default } else { wanted };
    let mut arms: Vec<Arm> = Vec::new();
    for word in wanted {
        let arm = match word.split_once('=') {
            Some((name, path)) => Arm::from_path(name, Path::new(path)),
            None => Arm::load(dirs, word),
        }
        .map_err(|error| exit::usage(format!("{:#}", anyhow::Error::new(error))))?;
        if arms.iter().any(|other| other.name == arm.name) {
            return Err(exit::usage(format!("arm {:?} is named twice", arm.name)));
        }
        arms.push(arm);
    }
    Ok(arms)
}

/// Turns the builder's events into progress of one stage.
fn relay<'a>(ui: &'a Ui, stage: &'a Stage<'_>) -> impl Fn(Event) + 'a {
    move |event| match event {
        Event::Progress { what, done, total, .. } => {
            stage.progress(done, total.unwrap_or(0), &what);
        }
        Event::Notice(text) => ui.say(&text),
    }
}
