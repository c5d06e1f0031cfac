// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether runs are of the same kernels: only then may their figures stand
//! side by side.

use crate::record::RunRecord;

/// Two runs differ in what they have to share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("runs {first} and {second} cannot be reported as one: {what} differs ({a} / {b})")]
pub struct Differ {
    pub first: String,
    pub second: String,
    pub what: String,
    /// As in the first.
    pub a: String,
    /// As in the second.
    pub b: String,
}

/// A thing, and how each of two runs has it.
pub(crate) type Pair = (String, String, String);

/// What makes the kernels of two runs the same, as far as they have arms in
/// common.
pub(crate) fn kernels(a: &RunRecord, b: &RunRecord) -> Vec<Pair> {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let mut pairs = vec![
        ("the kernel source".to_owned(), a.source.hash.clone(), b.source.hash.clone()),
        ("the kernel configuration".to_owned(), a.config.name.clone(), b.config.name.clone()),
        ("the C compiler".to_owned(), a.toolchain.cc.clone(), b.toolchain.cc.clone()),
        ("rustc".to_owned(), or_none(&a.toolchain.rustc), or_none(&b.toolchain.rustc)),
        ("bindgen".to_owned(), or_none(&a.toolchain.bindgen), or_none(&b.toolchain.bindgen)),
    ];
    // The record has the configuration of the first arm, which may add
    // options of its own.
    if a.arms.first().map(|arm| &arm.name) == b.arms.first().map(|arm| &arm.name) {
        let what = "the hash of the kernel configuration".to_owned();
        pairs.push((what, a.config.hash.clone(), b.config.hash.clone()));
    }
    for arm in &a.arms {
        if let Some(other) = b.arms.iter().find(|other| other.name == arm.name) {
            pairs.push((format!("arm {}", arm.name), arm.hash.clone(), other.hash.clone()));
            let kernel = format!("the kernel of arm {}", arm.name);
            pairs.push((kernel.clone(), arm.image.clone(), other.image.clone()));
            if let (Some(a), Some(b)) = (&arm.vmlinux, &other.vmlinux) {
                pairs.push((format!("{kernel}, bit for bit,"), a.clone(), b.clone()));
            }
        }
    }
    pairs
}

/// Of runs that stand side by side in one document.
///
/// # Errors
/// [`Differ`], naming the first two that are of different kernels.
pub fn same_kernels(runs: &[&RunRecord]) -> Result<(), Differ> {
    for (at, b) in runs.iter().enumerate() {
        for a in &runs[..at] {
            if let Some(differ) = first_difference(a, b, kernels(a, b)) {
                return Err(differ);
            }
        }
    }
    Ok(())
}

/// The first pair that is not one.
pub(crate) fn first_difference(
    first: &RunRecord,
    second: &RunRecord,
    pairs: Vec<Pair>,
) -> Option<Differ> {
    let (what, a, b) = pairs.into_iter().find(|(_, a, b)| a != b)?;
    let (first, second) = (first.run_id.clone(), second.run_id.clone());
    Some(Differ { first, second, what, a, b })
}
