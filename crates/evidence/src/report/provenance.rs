// SPDX-License-Identifier: MIT OR Apache-2.0
//! What it takes to believe the page and to do it again.

use super::parts::clean;
use crate::record::RunRecord;
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
    html! {
        dl.facts { @for (what, value) in &facts { dt { (what) } dd { (clean(value)) } } }
        h3 { "Arms" }
        div.scroll {
            table {
                thead { tr { th { "arm" } th { "what it is" } th { "content" } th { "kernel" } } }
                tbody {
                    @for arm in &run.arms {
                        tr {
                            th { (clean(&arm.name)) } td { (clean(&arm.title)) }
                            td { code { (short(&arm.hash)) } } td { code { (short(&arm.image)) } }
                        }
                    }
                }
            }
        }
        h3 { "Scenarios" }
        div.scroll {
            table {
                thead { tr { th { "id" } th { "name" } th { "what it does" } th { "content" } } }
                tbody {
                    @for scenario in &run.scenarios {
                        tr {
                            th { (clean(&scenario.id)) } td { (clean(&scenario.name)) }
                            td { (clean(&scenario.title)) }
                            td { code { (short(&scenario.hash)) } }
                        }
                    }
                }
            }
        }
    }
}

fn short(hash: &str) -> String {
    clean(&hash.chars().take(16).collect::<String>())
}
