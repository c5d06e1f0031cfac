// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernels that scenarios boot beside the arms'.

use crate::flags::KernelArgs;
use crate::prepare;
use crate::ui::Ui;
use anyhow::{Context, Result};
use evidence::KernelRecord;
use kbuild::{Arm, Dirs, Image};
use proc::Cancel;
use scenario::{OtherKernel, Scenario};
use std::collections::{BTreeMap, BTreeSet};

/// Of all these scenarios, each once.
pub fn of(scenarios: &[Scenario]) -> BTreeSet<&OtherKernel> {
    scenarios.iter().flat_map(Scenario::other_kernels).collect()
}

/// What one is made of.
pub fn parts(
    dirs: &Dirs,
    other: &OtherKernel,
    kernel: &KernelArgs,
) -> Result<(Vec<Arm>, KernelArgs)> {
    let mut kernel = kernel.clone();
    if let Some(source) = &other.source {
        kernel.kernel_src = Some(source.clone());
    }
    Ok((prepare::choose_arms(dirs, std::slice::from_ref(&other.arm))?, kernel))
}

/// All of them, built.
pub fn build(
    dirs: &Dirs,
    scenarios: &[Scenario],
    kernel: &KernelArgs,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<BTreeMap<OtherKernel, Image>> {
    let one = |other: &OtherKernel| {
        let (arms, kernel) = parts(dirs, other, kernel)?;
        let image = prepare::build_arms(dirs, &arms, &kernel, ui, cancel)?.pop();
        Ok((other.clone(), image.context("no kernel was built")?))
    };
    of(scenarios).into_iter().map(one).collect()
}

/// As it stands in a run's record.
pub fn record(other: &OtherKernel, image: &Image) -> KernelRecord {
    KernelRecord {
        name: other.arm.clone(),
        source: prepare::source_record(&image.source),
        vmlinux: image.vmlinux.clone(),
    }
}
