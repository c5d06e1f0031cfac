// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cover letter: plain text, 72 columns, for a mailing list. Windows and
//! outcomes lead.
//!
//! Words are ours, figures are the run's: a figure that is not in the record
//! is not in the letter, and a section without data is not there.

mod figures;

use crate::load_table::load_table;
use crate::mail::{WIDTH, item, wrap};
use crate::outcome;
use crate::printable::one_line;
use crate::record::{ArmRecord, RunRecord};
use crate::table::{Page, matrix};
use std::fmt::Write;

const PROBLEM: &str = "\
A bypass write sends its data to the backing device and invalidates the \
range in the cache at the same time. A read that misses the cache after \
that invalidation, and reads the backing device before the write has got \
there, brings the old data into the cache. Nothing invalidates them again: \
from then on bcache returns data from before a write that has long \
finished, until the block is evicted. Once the btree leaf is written and \
the journal has moved on, a power cut and a reboot do not end it either.";

#[must_use]
pub fn cover_letter(run: &RunRecord) -> String {
    let fix = if run.arms.iter().all(ArmRecord::is_control) { "Kernel" } else { "Fix" };
    let words = [("Outcome", outcome(run)), ("Problem", wrap(PROBLEM)), (fix, kernels(run))];
    written(words.into_iter().chain(measured(run)))
}

/// What of a letter is figures: where the words are the sender's.
#[must_use]
pub fn figures(run: &RunRecord) -> String {
    written(std::iter::once(("Outcome", outcome(run))).chain(measured(run)))
}

fn measured(run: &RunRecord) -> [(&'static str, String); 5] {
    [
        ("Verdicts", verdicts(run)),
        ("Under load", load_table(run)),
        ("Memory", figures::memory(run)),
        ("Performance", figures::speed(run)),
        ("How to reproduce", how_to_reproduce(run)),
    ]
}

/// What is empty is not there.
fn written<'a>(sections: impl Iterator<Item = (&'a str, String)>) -> String {
    let mut out = String::new();
    for (title, body) in sections.filter(|(_, body)| !body.is_empty()) {
        let gap = if out.is_empty() { "" } else { "\n" };
        let line = "-".repeat(title.len());
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{gap}{title}\n{line}\n\n{}", body.trim_end());
    }
    out
}

fn outcome(run: &RunRecord) -> String {
    outcome::sentences(run).iter().map(|sentence| item(sentence)).collect()
}

/// What each is; and how those work that say so, each paragraph once.
fn kernels(run: &RunRecord) -> String {
    let mut out: String =
        run.arms.iter().map(|arm| item(&format!("{}: {}", arm.name, arm.title))).collect();
    let mut told: Vec<(&str, Vec<&str>)> = Vec::new();
    for ArmRecord { name, about, .. } in &run.arms {
        for paragraph in about {
            match told.iter_mut().find(|(other, _)| other == paragraph) {
                Some((_, names)) => names.push(name),
                None => told.push((paragraph, vec![name])),
            }
        }
    }
    for (paragraph, names) in told {
        let _ = write!(out, "\n{}\n", wrap(&format!("{}: {paragraph}", names.join(", "))));
    }
    out
}

fn verdicts(run: &RunRecord) -> String {
    if run.cases.is_empty() {
        return String::new();
    }
    let mut out = one_per_line(&matrix(run, Page { width: WIDTH, colour: false }));
    out.push('\n');
    for scenario in &run.scenarios {
        out.push_str(&item(&format!("{} {}: {}", scenario.id, scenario.name, scenario.title)));
    }
    out
}

/// Words of a record stay in their line.
fn one_per_line(table: &str) -> String {
    table.lines().map(|line| one_line(line) + "\n").collect()
}

/// Of each run that was joined, in their order; once, where they are the same.
fn seeds(run: &RunRecord) -> String {
    let mut seeds: Vec<u64> = run.parts().iter().map(|part| part.seed).collect();
    seeds.dedup();
    seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

fn how_to_reproduce(run: &RunRecord) -> String {
    format!(
        "{}\n{}",
        crate::reproduce::reproduce(run),
        wrap(&format!(
            "{}: Linux {} from {}, configuration {}; {}; {} ({}); seed {}.",
            if run.joined.is_empty() { "This run" } else { "These runs" },
            run.source.kernel_version,
            run.source.origin,
            run.config.name,
            run.toolchain.cc,
            run.qemu.version,
            run.qemu.accelerator,
            seeds(run)
        ))
    )
}
