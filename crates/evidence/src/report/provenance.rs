// SPDX-License-Identifier: MIT OR Apache-2.0
//! What it takes to believe the page and to do it again.

use super::parts::{clean, head, laid_out, table, text};
use crate::record::{JoinedRecord, RunRecord, ToolRecord};
use crate::reproduce::reproduce;
use maud::{Markup, html};

pub(super) fn provenance(run: &RunRecord) -> Markup {
    let none = || "none".to_owned();
    let parts = run.parts();
    let facts = [
        ("kernel source", format!("{} ({})", run.source.origin, run.source.hash)),
        ("configuration", format!("{} ({})", run.config.name, run.config.hash)),
        ("C compiler", run.toolchain.cc.clone()),
        ("Rust for the kernel", run.toolchain.rustc.clone().unwrap_or_else(none)),
        ("bindgen", run.toolchain.bindgen.clone().unwrap_or_else(none)),
        ("QEMU", format!("{}, accelerator {}", run.qemu.version, run.qemu.accelerator)),
        ("guest", each(&parts, |p| format!("initramfs {}, {}", p.guest.hash, p.guest.fio))),
        (
            "host",
            format!(
                "{}, Linux {}, {} cores of {}, {} MiB",
                run.host.os, run.host.kernel, run.host.cores, run.host.cpu, run.host.memory_mib
            ),
        ),
        ("lab", each(&parts, |part| lab(&part.tool))),
        ("seed", each(&parts, |part| part.seed.to_string())),
        (
            "time",
            each(&parts, |p| {
                format!("{} to {}", p.started, p.finished.as_deref().unwrap_or("none"))
            }),
        ),
    ];
    let arms: Vec<Vec<Markup>> = run
        .arms
        .iter()
        .map(|arm| vec![head(&arm.name), text(&arm.title), hash(&arm.hash), hash(&arm.image)])
        .collect();
    let scenarios: Vec<Vec<Markup>> = run
        .scenarios
        .iter()
        .map(|s| vec![head(&s.id), text(&s.name), text(&s.title), hash(&s.hash)])
        .collect();
    html! {
        h3 { "To do it again" }
        (laid_out("commands", &reproduce(run)))
        h3 { "Made with" }
        dl.facts { @for (what, value) in &facts { dt { (what) } dd { (clean(value)) } } }
        h3 { "Arms and scenarios" }
        (table("Arms", &["arm", "what it is", "content", "kernel"], &arms))
        @if !scenarios.is_empty() {
            (table("Scenarios", &["id", "name", "what it does", "content"], &scenarios))
        }
    }
}

fn lab(tool: &ToolRecord) -> String {
    let changed = if tool.dirty { ", with uncommitted changes" } else { "" };
    format!("{}, commit {}{changed}", tool.version, tool.commit.as_deref().unwrap_or("none"))
}

/// What runs that were joined have of their own: once, where it is the same.
fn each(parts: &[JoinedRecord], of: impl Fn(&JoinedRecord) -> String) -> String {
    let mut all: Vec<String> = parts.iter().map(of).collect();
    let first = all[0].clone();
    if all.iter().all(|one| *one == first) {
        return first;
    }
    for (text, part) in all.iter_mut().zip(parts) {
        *text = format!("{}: {text}", part.run_id);
    }
    all.join("; ")
}

fn hash(hash: &str) -> Markup {
    html! { td { code { (short(hash)) } } }
}

fn short(hash: &str) -> String {
    clean(&hash.chars().take(16).collect::<String>())
}
