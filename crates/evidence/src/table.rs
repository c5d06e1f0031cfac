// SPDX-License-Identifier: MIT OR Apache-2.0
//! The verdict matrix as text.

use crate::record::{Case, Outcome, RunRecord, ScenarioRecord};
use crate::verdict::Verdict;
use comfy_table::{ContentArrangement, Table, presets};
use std::collections::BTreeMap;

/// Columns of a terminal that nobody has made wider.
const WIDTH: usize = 80;

/// Scenarios down, arms across, with a legend of the marks that it has. Six
/// arms fit into 80 columns; where more do not, scenarios lose their names.
#[must_use]
pub fn matrix(run: &RunRecord) -> String {
    let named = lines(run, |scenario| format!("{} {}", scenario.id, scenario.name));
    let fits = named.iter().all(|line| line.chars().count() <= WIDTH);
    let mut lines = if fits { named } else { lines(run, |scenario| scenario.id.clone()) };
    for (mark, meaning) in [("*", "* fails, as expected"), ("!", "! AGAINST ITS EXPECTATION")] {
        if lines.iter().skip(1).any(|line| line.contains(mark)) {
            lines.push(meaning.to_owned());
        }
    }
    lines.join("\n")
}

fn lines(run: &RunRecord, name: impl Fn(&ScenarioRecord) -> String) -> Vec<String> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let arms = run.arms.iter().map(|arm| arm.name.clone());
    table.set_header(std::iter::once("scenario".to_owned()).chain(arms));
    for scenario in &run.scenarios {
        let of = |arm: &str| -> Vec<&Case> {
            let here = |case: &&Case| case.arm == arm && case.scenario == scenario.id;
            run.cases.iter().filter(here).collect()
        };
        let cells = run.arms.iter().map(|arm| words(&of(&arm.name), run.attempts, short));
        table.add_row(std::iter::once(name(scenario)).chain(cells));
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 1));
    });
    table.trim_fmt().lines().map(|line| line.trim_end().to_owned()).collect()
}

/// `ok`, `stale*` where it shall fail, `stale!` against what was expected.
fn short(case: &Case) -> String {
    match &case.outcome {
        Outcome::Verdict { verdict } if case.contradicts() => format!("{verdict}!"),
        Outcome::Verdict { verdict: Verdict::Ok } => "ok".to_owned(),
        Outcome::Verdict { verdict } => format!("{verdict}*"),
        Outcome::Inconclusive { .. } => "inconclusive".to_owned(),
        Outcome::Harness { what, .. } => format!("harness: {what}"),
    }
}

/// One cell: `stale (as expected)`, `ok 3/3`, `stale, EXPECTED ok`,
/// `inconclusive, expected ok`, `harness: panicked`, `-` when nothing ran.
#[must_use]
pub fn cell(cases: &[&Case], attempts: u32) -> String {
    words(cases, attempts, |case| match &case.outcome {
        Outcome::Verdict { verdict } if case.contradicts() => {
            format!("{verdict}, EXPECTED {}", case.expected)
        }
        // A control that fails as it should is not an alarm.
        Outcome::Verdict { verdict: Verdict::Ok } => "ok".to_owned(),
        Outcome::Verdict { verdict } => format!("{verdict} (as expected)"),
        Outcome::Inconclusive { .. } => format!("inconclusive, expected {}", case.expected),
        Outcome::Harness { what, .. } => format!("harness: {what}"),
    })
}

/// The outcomes of one arm in one scenario, with how often each came.
fn words(cases: &[&Case], attempts: u32, word: impl Fn(&Case) -> String) -> String {
    if cases.is_empty() {
        return "-".to_owned();
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases {
        *seen.entry(word(case)).or_default() += 1;
    }
    let words: Vec<String> = seen
        .into_iter()
        .map(|(word, count)| if attempts > 1 { format!("{word} {count}/{attempts}") } else { word })
        .collect();
    words.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_arms_and_all_scenarios_fit_into_a_terminal() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../results/published/matrix/run.json");
        let mut run = crate::Store::read(path.as_ref()).unwrap().unwrap();
        assert_eq!(run.arms.len(), 6);
        let text = matrix(&run);
        let widest = text.lines().map(str::len).max();
        assert!(widest <= Some(WIDTH), "{widest:?}:\n{text}");
        assert!(text.contains("\nS1 race ") && text.contains("* fails"), "{text}");
        assert!(text.contains(" stale* ") && !text.contains('!'), "{text}");
        // One that nobody expected is marked, and the mark explained.
        run.cases[0].expected = Verdict::Torn;
        assert!(run.cases[0].contradicts(), "the first case has a verdict");
        let text = matrix(&run);
        assert!(text.contains("stale! ") && text.contains("! AGAINST"), "{text}");
    }
}
