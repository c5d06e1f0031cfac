// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel that a case ran on: found by its hash, or built again and
//! checked.

use super::Bundle;
use crate::flags::{KernelArgs, ReplayArgs};
use crate::ui::Ui;
use crate::{exit, prepare};
use anyhow::{Context, Result};
use kbuild::{Arm, Dirs, Image};
use proc::Cancel;

/// The image of the bundle's arm, with the recorded hash.
pub fn same(
    args: &ReplayArgs,
    bundle: &Bundle,
    dirs: &Dirs,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<Image> {
    let name = &bundle.arm.name;
    if let Some(image) = kbuild::cached(dirs, &bundle.arm.image) {
        return checked(image, "in the cache", args, bundle, ui);
    }
    let kernel = KernelArgs {
        kernel_src: args.kernel_src.clone().or_else(|| package(&bundle.source.hash)),
        config: bundle.config.name.clone(),
        own: args.own.clone(),
    };
    prepare::check_kernel_args(dirs, &kernel)?;
    // First what this checkout calls by that name: known, and nobody else's.
    if let Ok(own) = Arm::load(dirs, name) {
        let find = |arm: &Arm| arm.to_portable();
        let unchanged = bundle.content.is_none() || find(&own) == bundle.content;
        if unchanged {
            return build(args, bundle, dirs, own, &kernel, ui, cancel);
        }
    }
    let Some(theirs) = bundle.arm_content().map_err(|error| exit::usage(error.to_string()))? else {
        return Err(exit::usage(format!(
            "this checkout has no arm {name:?} of that content, and its patches are not known"
        )));
    };
    if !args.trust {
        return Err(exit::usage(format!(
            "arm {name} comes with the bundle and is not this checkout's; building a kernel runs \
             its Makefiles on this machine. Read it (--show-patch), then say --trust"
        )));
    }
    build(args, bundle, dirs, theirs, &kernel, ui, cancel)
}

/// `deb:linux-source-7.3=VERSION` can be asked for; other sources are named by
/// the user.
fn package(hash: &str) -> Option<String> {
    let package = hash.strip_prefix("deb:")?;
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"+-.=~:".contains(&b);
    let word = package.starts_with("linux-source-") && package.bytes().all(fine);
    word.then(|| hash.to_owned())
}

fn build(
    args: &ReplayArgs,
    bundle: &Bundle,
    dirs: &Dirs,
    arm: Arm,
    kernel: &KernelArgs,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<Image> {
    let images = prepare::build_arms(dirs, &[arm], kernel, ui, cancel)?;
    let image = images.into_iter().next().context("no kernel was built")?;
    if image.key == bundle.arm.image {
        let how = if image.cached { "in the cache" } else { "built again" };
        return checked(image, how, args, bundle, ui);
    }
    let t = &image.toolchain;
    let then = &bundle.toolchain;
    let differs: Vec<String> = [
        ("kernel source", &image.source.hash, &bundle.source.hash),
        ("arm", &image.arm_hash, &bundle.arm.hash),
        ("C compiler", &t.cc, &then.cc),
        ("rustc", or_empty(&t.rustc), or_empty(&then.rustc)),
        ("bindgen", or_empty(&t.bindgen), or_empty(&then.bindgen)),
    ]
    .iter()
    .filter(|(_, now, then)| now != then)
    .map(|(what, now, then)| format!("{what} ({now}, then {then})"))
    .collect();
    let source = image.source.hash == bundle.source.hash && image.arm_hash == bundle.arm.hash;
    let what = if differs.is_empty() {
        "configuration (--config-fragment?)".to_owned()
    } else {
        differs.join("; ")
    };
    if source && args.other_compiler && !differs.is_empty() {
        ui.say(&format!("kernel {}: another one, as allowed: {what}", image.arm));
        return Ok(image);
    }
    let hint = if source && !differs.is_empty() { "; --other-compiler goes on" } else { "" };
    Err(exit::usage(format!(
        "this is not the same kernel (hash {}, recorded {}); what differs: {what}{hint}",
        image.key, bundle.arm.image
    )))
}

/// The same source, arm and compilers: is it the same kernel bit for bit?
fn checked(image: Image, how: &str, args: &ReplayArgs, bundle: &Bundle, ui: &Ui) -> Result<Image> {
    let (arm, now) = (&bundle.arm.name, &image.vmlinux);
    match &bundle.arm.vmlinux {
        Some(then) if then == now => {
            ui.say(&format!("kernel {arm}: {how}, bit for bit as recorded (hash {now})"));
        }
        None => ui.say(&format!(
            "kernel {arm}: {how}, of the recorded source, arm and compilers (hash {}); the record \
             does not say what the kernel's bits were",
            image.key
        )),
        Some(then) if args.other_compiler => ui.say(&format!(
            "kernel {arm}: {how}, but not bit for bit as recorded (hash {now}, then {then}); going \
             on, as allowed"
        )),
        Some(then) => {
            return Err(exit::usage(format!(
                "kernel {arm}: {how} from the recorded source with compilers of the recorded \
                 versions, and yet not the same bit for bit (hash {now}, recorded {then}); \
                 --other-compiler goes on"
            )));
        }
    }
    Ok(image)
}

fn or_empty(text: &Option<String>) -> &String {
    static EMPTY: String = String::new();
    text.as_ref().unwrap_or(&EMPTY)
}
