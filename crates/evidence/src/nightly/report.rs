// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a person reads in the morning: regressions with their reproduction
//! first, then patches that fit no more, then figures. Markdown that reads as
//! plain text, too.

use super::change::change;
use super::nights::{History, Night};
use crate::record::{Case, Outcome, RunRecord};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// Changes of longer ago are the new normal.
const RECENT: usize = 21;

/// An arm without an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unbuilt {
    pub arm: String,
    /// `does not apply`, `does not build`…
    pub what: String,
    /// The hunk, or the compiler's first error.
    pub why: String,
}

/// The comparison of one night with those before it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Markdown.
    pub text: String,
    /// Verdicts that contradict their expectation.
    pub regressions: usize,
    /// Arms without an image.
    pub unbuilt: usize,
    /// Cases without a verdict.
    pub open: usize,
    /// Figures that changed lately.
    pub changes: usize,
}

impl Report {
    /// 1 for a regression or a patch that fits no more, 4 for cases without
    /// a verdict. Figures move for many reasons: they are told, not failed.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (self.regressions + self.unbuilt, self.open) {
            (1.., _) => 1,
            (0, 1..) => 4,
            (0, 0) => 0,
        }
    }
}

/// Compares `run` (kept at `folder`) with the nights before it.
#[must_use]
pub fn report(run: &RunRecord, folder: &str, unbuilt: &[Unbuilt], history: &History) -> Report {
    let before: Vec<&Night> =
        history.nights.iter().filter(|night| night.run_id != run.run_id).collect();
    let open = run.cases.iter().filter(|c| !matches!(c.outcome, Outcome::Verdict { .. })).count();
    let missing = run.planned_ids().count() - run.cases.len().min(run.planned_ids().count());
    let mut text = format!(
        "# Night of {}: Linux {}\n\n{} ({}), lab {}\n\n",
        run.started,
        run.source.kernel_version,
        run.source.origin,
        run.qemu.accelerator,
        run.tool.commit.as_deref().unwrap_or("without a commit"),
    );
    let regressions = regressions(&mut text, run, folder, &before);
    for arm in unbuilt {
        let kernel = &run.source.kernel_version;
        let _ = writeln!(text, "## Arm {} {} on Linux {kernel}\n", arm.arm, arm.what);
        if let Some(last) = before.iter().rev().find(|night| !night.unbuilt.contains(&arm.arm)) {
            let _ = writeln!(text, "It did on Linux {} ({}).\n", last.kernel, last.started);
        }
        let _ = writeln!(text, "{}\n", fenced(&arm.why));
    }
    let changes = changes(&mut text, &Night::of(run, Vec::new()), &before);
    if open + missing > 0 {
        let _ = writeln!(text, "## {} cases without a verdict\n", open + missing);
        for case in &run.cases {
            match &case.outcome {
                Outcome::Verdict { .. } => {}
                Outcome::Inconclusive { why } => {
                    let _ = writeln!(text, "- {}: inconclusive: {why}", case.id);
                }
                Outcome::Harness { what, message, .. } => {
                    let _ = writeln!(text, "- {}: {what}: {message}", case.id);
                }
            }
        }
        text.push('\n');
    }
    if regressions + unbuilt.len() + changes + open + missing == 0 {
        let _ = writeln!(text, "Nothing changed: every verdict as expected.\n");
    }
    let _ = writeln!(text, "{}", fenced(&crate::matrix(run, crate::Page::PLAIN)));
    Report { text, regressions, unbuilt: unbuilt.len(), open: open + missing, changes }
}

/// A block that its content cannot end.
fn fenced(content: &str) -> String {
    let longest = content.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{content}\n{fence}")
}

/// Every (arm, scenario) that contradicts, with its smallest case; how many.
fn regressions(text: &mut String, run: &RunRecord, folder: &str, before: &[&Night]) -> usize {
    let wrong: Vec<&Case> = run.cases.iter().filter(|case| case.contradicts()).collect();
    let mut told: Vec<(&str, &str)> = Vec::new();
    for case in &wrong {
        let key = (case.arm.as_str(), case.scenario.as_str());
        if told.contains(&key) {
            continue;
        }
        told.push(key);
        let alike: Vec<&&Case> =
            wrong.iter().filter(|c| (c.arm.as_str(), c.scenario.as_str()) == key).collect();
        // Attempt 1 can be had with `run` alone; else the quickest one.
        let Some(smallest) = alike.iter().min_by_key(|c| (c.attempt != 1, c.took_ms)) else {
            continue;
        };
        let Outcome::Verdict { verdict } = smallest.outcome else { continue };
        let _ = writeln!(
            text,
            "## {} in {}: {verdict}, expected {}\n\n{} of {} attempts. {}\n\nReproduce:\n\n    {}\n",
            case.arm,
            case.scenario,
            smallest.expected,
            alike.len(),
            run.attempts,
            since(case, before),
            reproduce(smallest, run, folder).join("\n    "),
        );
        for line in &smallest.observations {
            let _ = writeln!(text, "- {line}");
        }
        text.push('\n');
    }
    wrong.len()
}

/// Since when a case contradicts.
fn since(case: &Case, before: &[&Night]) -> String {
    let knew = |night: &&&Night| night.outcomes.contains_key(&case.id);
    let wrong = |night: &Night| night.contradictions.contains(&case.id);
    let nights: Vec<&&Night> = before.iter().filter(knew).collect();
    match nights.last() {
        None => "It was never run before.".to_owned(),
        Some(last) if !wrong(last) => format!(
            "New: the last night ({}, Linux {}) had {}.",
            last.started, last.kernel, last.outcomes[&case.id]
        ),
        Some(_) => {
            let first = nights.iter().rev().take_while(|night| wrong(night)).last();
            first.map_or_else(String::new, |first| {
                format!("Known since {} (Linux {}).", first.started, first.kernel)
            })
        }
    }
}

/// Commands that bring the case back: on this machine from its record, and
/// on any machine from nothing.
fn reproduce(case: &Case, run: &RunRecord, folder: &str) -> Vec<String> {
    let mut commands = vec![format!("cargo xtask replay {folder} {}", case.id)];
    if case.attempt == 1 {
        let source = run.source.kernel_src();
        let source = source.map_or_else(String::new, |source| format!(" --kernel-src {source}"));
        let config = match run.config.name.as_str() {
            "plain" => String::new(),
            name => format!(" --config {name}"),
        };
        commands.push(format!(
            "cargo xtask run --arm {} --scenario {} --seed {}{source}{config}",
            case.arm, case.scenario, run.seed
        ));
    }
    commands
}

/// Figures whose level changed within the last nights; how many.
fn changes(text: &mut String, tonight: &Night, before: &[&Night]) -> usize {
    let comparable: Vec<&Night> =
        before.iter().copied().filter(|night| night.machine == tonight.machine).collect();
    let mut lines = Vec::new();
    for (name, figure) in &tonight.figures {
        let mut nights: Vec<(&Night, f64)> = comparable
            .iter()
            .filter_map(|night| Some((*night, night.figures.get(name)?.value)))
            .collect();
        nights.push((tonight, figure.value));
        let values: Vec<f64> = nights.iter().map(|(_, value)| *value).collect();
        let Some(found) = change(&values) else { continue };
        if values.len() - found.at > RECENT {
            continue;
        }
        let (first, unit) = (nights[found.at].0, &figure.unit);
        lines.push(format!(
            "- {name}: {:.4} -> {:.4} {unit}, a shift of {:+.4} (95 %: {:+.4} to {:+.4}), since {} \
             (Linux {}), p {:.1e}",
            found.before,
            found.after,
            found.shift,
            found.interval.0,
            found.interval.1,
            first.started,
            first.kernel,
            found.significance,
        ));
    }
    if !lines.is_empty() {
        let _ = writeln!(
            text,
            "## {} figures changed their level\n\n{}\n",
            lines.len(),
            lines.join("\n")
        );
    }
    lines.len()
}
