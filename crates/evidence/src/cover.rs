// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cover letter: plain text, 72 columns, for a mailing list.
//!
//! Words are ours, figures are the run's: a figure that is not in the record
//! is not in the letter, and a section without data names the command that
//! fills it.

mod figures;
mod words;

use crate::printable::one_line;
use crate::record::{Outcome, RunRecord};
use crate::verdict::Verdict;
use words::{fit, item, whole_words, wrap};

use std::fmt::Write;
pub use words::WIDTH;

const PROBLEM: &str = "\
A bypass write sends its data to the backing device and invalidates the \
range in the cache at the same time. A read that misses the cache after \
that invalidation, and reads the backing device before the write has got \
there, brings the old data into the cache. Nothing invalidates them again: \
from then on bcache returns data from before a write that has long \
finished, until the block is evicted. Once the btree leaf is written and \
the journal has moved on, a power cut and a reboot do not end it either.";

const FIX: &str = "\
Every write that may end in an invalidation records its range before the \
invalidation can reach the btree, and clears it when both the write of the \
backing device and the invalidation are done. A read miss plants its \
placeholder first and looks at the record afterwards; where it overlaps a \
write in flight it is served from the backing device and inserts nothing. \
The placeholder and the invalidation take the same lock of the btree leaf, \
so a miss that comes after an invalidation sees the record.";

#[must_use]
pub fn cover_letter(run: &RunRecord) -> String {
    let mut out = String::new();
    section(&mut out, "Problem", &wrap(PROBLEM));
    let arms: Vec<String> =
        run.arms.iter().map(|arm| item(&format!("{}: {}", arm.name, arm.title))).collect();
    section(&mut out, "Fix", &format!("{}\n\nKernels compared:\n{}", wrap(FIX), arms.concat()));
    section(&mut out, "Verdicts", &verdicts(run));
    section(&mut out, "Rates", &figures::rates(run));
    section(&mut out, "Memory", &figures::memory(run));
    section(&mut out, "Performance", &figures::speed(run));
    section(&mut out, "How to reproduce", &reproduce(run));
    out
}

/// What of a letter is figures: where the words are the sender's. What was not
/// measured is left out.
#[must_use]
pub fn figures(run: &RunRecord) -> String {
    let mut out = String::new();
    let perf = run.perf.as_ref();
    let parts = [
        ("Verdicts", !run.cases.is_empty(), verdicts as fn(&RunRecord) -> String),
        ("Rates", run.cases.iter().any(|case| case.load.is_some()), figures::rates),
        ("Memory", perf.is_some_and(|perf| !perf.memory.is_empty()), figures::memory),
        ("Performance", perf.is_some_and(|perf| !perf.series.is_empty()), figures::speed),
        ("How to reproduce", true, reproduce),
    ];
    for (title, _, text) in parts.into_iter().filter(|(_, measured, _)| *measured) {
        section(&mut out, title, &text(run));
    }
    out
}

fn section(out: &mut String, title: &str, body: &str) {
    if !out.is_empty() {
        out.push('\n');
    }
    let line = "-".repeat(title.len());
    let _ = writeln!(out, "{title}\n{line}\n\n{}", body.trim_end());
}

fn verdicts(run: &RunRecord) -> String {
    if run.cases.is_empty() {
        return wrap("No cases were run; \"cargo xtask run\" runs them.");
    }
    let mut out = String::new();
    let first = run.arms.iter().map(|arm| arm.name.chars().count()).max().unwrap_or(0).max(3) + 2;
    let cells: Vec<Vec<String>> = run
        .arms
        .iter()
        .map(|arm| run.scenarios.iter().map(|s| cell(run, &arm.name, &s.id)).collect())
        .collect();
    // As many scenarios side by side as fit.
    let mut from = 0;
    while from < run.scenarios.len() {
        let mut widths = Vec::new();
        let mut total = first;
        for (at, scenario) in run.scenarios.iter().enumerate().skip(from) {
            let cell = cells.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
            let width = cell.max(scenario.id.chars().count()) + 2;
            if total + width > WIDTH && !widths.is_empty() {
                break;
            }
            total += width;
            widths.push(width);
        }
        let columns = from..from + widths.len();
        let mut line = format!("{:<first$}", "");
        for (at, width) in columns.clone().zip(&widths) {
            let _ = write!(line, "{:<width$}", one_line(&run.scenarios[at].id));
        }
        let _ = writeln!(out, "{}", fit(&line));
        for (arm, row) in run.arms.iter().zip(&cells) {
            let mut line = format!("{:<first$}", one_line(&arm.name));
            for (at, width) in columns.clone().zip(&widths) {
                let _ = write!(line, "{:<width$}", row[at]);
            }
            let _ = writeln!(out, "{}", fit(&line));
        }
        out.push('\n');
        from = columns.end;
    }
    for scenario in &run.scenarios {
        out.push_str(&item(&format!("{} {}: {}", scenario.id, scenario.name, scenario.title)));
    }
    let s = &run.summary;
    let _ = write!(
        out,
        "\n{}",
        wrap(&format!(
            "{} cases: {} as expected, {} against their expectation, {} inconclusive (their \
             window was not shown to be open), {} without a verdict. A verdict in brackets is \
             bad data where the kernel is known to leave it; with a ! it was not expected.",
            s.planned, s.as_expected, s.contradictions, s.inconclusive, s.harness_failures
        ))
    );
    out
}

/// `ok`, `(stale)`, `stale!`, `open?`, `failed`; with counts where attempts
/// differ.
fn cell(run: &RunRecord, arm: &str, scenario: &str) -> String {
    let mut words: Vec<(String, usize)> = Vec::new();
    for case in run.cases.iter().filter(|c| c.arm == arm && c.scenario == scenario) {
        let word = match &case.outcome {
            Outcome::Verdict { verdict } if case.contradicts() => format!("{verdict}!"),
            Outcome::Verdict { verdict: Verdict::Ok } => "ok".to_owned(),
            Outcome::Verdict { verdict } => format!("({verdict})"),
            Outcome::Inconclusive { .. } => "inconclusive".to_owned(),
            Outcome::Harness { .. } => "no verdict".to_owned(),
        };
        match words.iter_mut().find(|(other, _)| *other == word) {
            Some((_, count)) => *count += 1,
            None => words.push((word, 1)),
        }
    }
    let total: usize = words.iter().map(|(_, count)| count).sum();
    match &words[..] {
        [] => "-".to_owned(),
        [(word, 1)] => word.clone(),
        _ => {
            let each = words.iter().map(|(word, count)| format!("{word} {count}/{total}"));
            each.collect::<Vec<_>>().join(" ")
        }
    }
}

fn reproduce(run: &RunRecord) -> String {
    let mut words = vec!["cargo xtask run".to_owned()];
    words.extend(run.arms.iter().map(|arm| format!("--arm {}", one_line(&arm.name))));
    let played = |id: &str| run.cases.iter().any(|case| case.scenario == id);
    let scenarios = run.scenarios.iter().filter(|s| played(&s.id));
    words.extend(scenarios.map(|s| format!("--scenario {}", one_line(&s.id))));
    if run.attempts > 1 {
        words.push("--full".to_owned());
    }
    words.push(format!("--seed {}", run.seed));
    let options = whole_words(WIDTH - 2).initial_indent("  ").subsequent_indent("      ");
    let command = textwrap::wrap(&words.join(" "), options).join(" \\\n");
    let commit = match &run.tool.commit {
        Some(commit) => format!("commit {}", one_line(commit)),
        None => format!("version {}", one_line(&run.tool.version)),
    };
    format!(
        "{}\n\n{command}\n  cargo xtask evidence latest\n\n{}",
        wrap(&format!("In a checkout of bcache-lab ({commit}), on Debian with Rust:")),
        wrap(&format!(
            "This run: Linux {} from {}; {}; {} ({}); seed {}.",
            run.source.kernel_version,
            run.source.origin,
            run.toolchain.cc,
            run.qemu.version,
            run.qemu.accelerator,
            run.seed
        ))
    )
}
