// SPDX-License-Identifier: MIT OR Apache-2.0
//! The verdict matrix as text.

use crate::look::Look;
use crate::record::{ArmRecord, Case, Outcome, RunRecord, RunStatus, ScenarioRecord};
use crate::verdict::Verdict;
use comfy_table::{Cell, ContentArrangement, Table, presets};
use std::collections::BTreeMap;

/// What a table is printed on.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// In characters.
    pub width: usize,
    /// Whether cells are coloured, by a terminal's codes.
    pub colour: bool,
}

impl Page {
    /// A terminal that nobody has made wider, or a file.
    pub const PLAIN: Self = Self { width: 80, colour: false };
}

/// Scenarios down, arms across, with a legend of the marks that it has. Where
/// it is too wide, scenarios lose their names; then it becomes several tables.
#[must_use]
pub fn matrix(run: &RunRecord, page: Page) -> String {
    let arms: Vec<&ArmRecord> = run.arms.iter().collect();
    let named = |scenario: &ScenarioRecord| format!("{} {}", scenario.id, scenario.name);
    let all = grid(run, &arms, named);
    if width(&all) <= page.width {
        return with_legend(run, vec![all], page);
    }
    let unnamed = |arms: &[&ArmRecord]| grid(run, arms, |scenario| scenario.id.clone());
    let (mut left, mut tables) = (&arms[..], Vec::new());
    while !left.is_empty() {
        let fits = |count: &usize| width(&unnamed(&left[..*count])) <= page.width;
        let count = (1..=left.len()).rev().find(fits).unwrap_or(1);
        tables.push(unnamed(&left[..count]));
        left = &left[count..];
    }
    with_legend(run, tables, page)
}

fn with_legend(run: &RunRecord, tables: Vec<Table>, page: Page) -> String {
    let mut lines = Vec::new();
    for mut table in tables {
        if page.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(table.trim_fmt().lines().map(|line| line.trim_end().to_owned()));
    }
    let looks: Vec<Look> = run.cases.iter().map(Look::of).collect();
    for (look, meaning) in [
        (Look::Expected, "* fails, as expected"),
        (Look::Contradiction, "! AGAINST ITS EXPECTATION"),
    ] {
        if looks.contains(&look) {
            lines.push(meaning.to_owned());
        }
    }
    lines.join("\n")
}

/// As wide as it is without colours.
fn width(table: &Table) -> usize {
    let mut plain = table.clone();
    plain.force_no_tty();
    plain.trim_fmt().lines().map(|line| line.trim_end().chars().count()).max().unwrap_or(0)
}

fn grid(run: &RunRecord, arms: &[&ArmRecord], name: impl Fn(&ScenarioRecord) -> String) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let names = arms.iter().map(|arm| arm.name.clone());
    table.set_header(std::iter::once("scenario".to_owned()).chain(names));
    for scenario in &run.scenarios {
        let of = |arm: &&ArmRecord| {
            let here = |case: &&Case| case.arm == arm.name && case.scenario == scenario.id;
            let cases: Vec<&Case> = run.cases.iter().filter(here).collect();
            let cell = Cell::new(short(&cases, planned(run, cases.len())));
            match cases.iter().map(|case| Look::of(case)).max() {
                Some(look) => cell.fg(look.colour()),
                None => cell,
            }
        };
        table.add_row(std::iter::once(Cell::new(name(scenario))).chain(arms.iter().map(of)));
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 1));
    });
    table
}

/// Attempts that a cell should have. Runs that were joined have cells of
/// different lengths, each of them whole.
pub(crate) fn planned(run: &RunRecord, there: usize) -> u32 {
    match run.status {
        RunStatus::Complete => u32::try_from(there).unwrap_or(u32::MAX),
        RunStatus::Incomplete => run.attempts,
    }
}

/// `ok`, `stale*` where it shall fail, `stale!` against what was expected, `no
/// verdict` where the harness failed, `-` when nothing ran.
pub(crate) fn short(cases: &[&Case], attempts: u32) -> String {
    words(cases, attempts, |case| match &case.outcome {
        Outcome::Verdict { verdict } if case.contradicts() => format!("{verdict}!"),
        Outcome::Verdict { verdict: Verdict::Ok } => "ok".to_owned(),
        Outcome::Verdict { verdict } => format!("{verdict}*"),
        Outcome::Inconclusive { .. } => "inconclusive".to_owned(),
        Outcome::Harness { .. } => "no verdict".to_owned(),
    })
}

/// One cell in full: `stale (as expected)`, `ok 3/3`, `stale, EXPECTED ok`,
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

    fn published() -> RunRecord {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../results/published/matrix/run.json");
        crate::Store::read(path.as_ref()).unwrap().unwrap()
    }

    fn widest(text: &str) -> usize {
        text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
    }

    #[test]
    fn six_arms_and_all_scenarios_fit_into_a_terminal() {
        let mut run = published();
        assert_eq!(run.arms.len(), 6);
        let text = matrix(&run, Page::PLAIN);
        assert!(widest(&text) <= 80, "{}:\n{text}", widest(&text));
        assert!(text.contains("\nS1 race ") && text.contains("* fails"), "{text}");
        assert!(text.contains(" stale* ") && !text.contains('!'), "{text}");
        // One that nobody expected is marked, and the mark explained.
        run.cases[0].expected = Verdict::Torn;
        assert!(run.cases[0].contradicts(), "the first case has a verdict");
        let text = matrix(&run, Page::PLAIN);
        assert!(text.contains("stale! ") && text.contains("! AGAINST"), "{text}");
    }

    #[test]
    fn a_narrow_page_loses_names_and_then_gets_more_tables() {
        let run = published();
        let mail = matrix(&run, Page { width: 72, colour: false });
        assert!(widest(&mail) <= 72 && mail.contains("\nS1   "), "{mail}");
        let narrow = matrix(&run, Page { width: 40, colour: false });
        assert!(widest(&narrow) <= 40, "{narrow}");
        assert!(narrow.matches("\nS1 ").count() > 1, "{narrow}");
        assert!(run.arms.iter().all(|arm| narrow.contains(&arm.name)), "{narrow}");
    }

    #[test]
    fn colours_are_there_when_asked_for_and_never_else() {
        let run = published();
        let coloured = matrix(&run, Page { colour: true, ..Page::PLAIN });
        assert!(coloured.contains('\u{1b}'), "{coloured}");
        assert!(!matrix(&run, Page::PLAIN).contains('\u{1b}'));
    }
}
