// SPDX-License-Identifier: MIT OR Apache-2.0
//! What it takes to believe the page and to do it again.

use super::parts::{clean, head, laid_out, table, text};
use crate::record::RunRecord;
use crate::reproduce::reproduce;
use maud::{Markup, html};

pub(super) fn provenance(run: &RunRecord) -> Markup {
    let none = || "none".to_owned();
    let changed = if run.tool.dirty { ", with uncommitted changes" } else { "" };
    let facts = [
        ("kernel source", format!("{} ({})", run.source.origin, run.source.hash)),
        ("configuration", format!("{} ({})", run.config.name, run.config.hash)),
        ("C compiler", run.toolchain.cc.clone()),
        ("Rust for the kernel", run.toolchain.rustc.clone().unwrap_or_else(none)),
        ("bindgen", run.toolchain.bindgen.clone().unwrap_or_else(none)),
        ("QEMU", format!("{}, accelerator {}", run.qemu.version, run.qemu.accelerator)),
        ("guest", format!("initramfs {}, {}", run.guest.hash, run.guest.fio)),
        (
            "host",
            format!(
                "{}, Linux {}, {} cores of {}, {} MiB",
                run.host.os, run.host.kernel, run.host.cores, run.host.cpu, run.host.memory_mib
            ),
        ),
        (
            "lab",
            format!(
                "{}, commit {}{changed}",
                run.tool.version,
                run.tool.commit.clone().unwrap_or_else(none)
            ),
        ),
        ("seed", run.seed.to_string()),
        ("time", format!("{} to {}", run.started, run.finished.clone().unwrap_or_else(none))),
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

fn hash(hash: &str) -> Markup {
    html! { td { code { (short(hash)) } } }
}

fn short(hash: &str) -> String {
    clean(&hash.chars().take(16).collect::<String>())
}
