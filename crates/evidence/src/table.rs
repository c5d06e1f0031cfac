// SPDX-License-Identifier: MIT OR Apache-2.0
//! The verdict matrix as text.

use crate::record::{Case, Outcome, RunRecord};
use crate::verdict::Verdict;
use comfy_table::{ContentArrangement, Table, presets};
use std::collections::BTreeMap;

/// Arms × scenarios; every cell says what was seen and, where that is not
/// what was expected, says so.
#[must_use]
pub fn matrix(run: &RunRecord) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::ASCII_MARKDOWN)
        .set_content_arrangement(ContentArrangement::Disabled);
    let heads = run.scenarios.iter().map(|s| format!("{} {}", s.id, s.name));
    table.set_header(std::iter::once("arm".to_owned()).chain(heads));
    for arm in &run.arms {
        let cells = run.scenarios.iter().map(|scenario| {
            let cases: Vec<&Case> = run
                .cases
                .iter()
                .filter(|case| case.arm == arm.name && case.scenario == scenario.id)
                .collect();
            cell(&cases, run.attempts)
        });
        table.add_row(std::iter::once(arm.name.clone()).chain(cells));
    }
    table.to_string()
}

/// One cell: `stale (expected)`, `ok 3/3`, `stale, expected ok`,
/// `inconclusive`, `panicked`, `-` when nothing ran.
#[must_use]
pub fn cell(cases: &[&Case], attempts: u32) -> String {
    let Some(first) = cases.first() else { return "-".to_owned() };
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases {
        let word = match &case.outcome {
            Outcome::Verdict { verdict } if case.contradicts() => {
                format!("{verdict}, EXPECTED {}", case.expected)
            }
            // A control that fails as it should is not an alarm.
            Outcome::Verdict { verdict: Verdict::Ok } => "ok".to_owned(),
            Outcome::Verdict { verdict } => format!("{verdict} (as expected)"),
            Outcome::Inconclusive { .. } => format!("inconclusive, expected {}", first.expected),
            Outcome::Harness { what, .. } => format!("harness: {what}"),
        };
        *seen.entry(word).or_default() += 1;
    }
    let words: Vec<String> = seen
        .into_iter()
        .map(|(word, count)| if attempts > 1 { format!("{word} {count}/{attempts}") } else { word })
        .collect();
    words.join("; ")
}
