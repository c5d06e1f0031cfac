// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arms × scenarios, each cell a link to its cases.

use super::parts::{anchor, clean};
use crate::record::{Case, Outcome, RunRecord};
use crate::table::cell;
use crate::verdict::Verdict;
use maud::{Markup, html};
use std::collections::HashMap;

/// How a cell looks: the worst of its cases.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Look {
    Ok,
    Expected,
    Inconclusive,
    Harness,
    Contradiction,
}

impl Look {
    pub fn of(case: &Case) -> Self {
        match case.outcome {
            Outcome::Verdict { .. } if case.contradicts() => Self::Contradiction,
            Outcome::Verdict { verdict: Verdict::Ok } => Self::Ok,
            Outcome::Verdict { .. } => Self::Expected,
            Outcome::Inconclusive { .. } => Self::Inconclusive,
            Outcome::Harness { .. } => Self::Harness,
        }
    }

    pub fn class(self) -> &'static str {
        match self {
            Self::Ok => "v-ok",
            Self::Expected => "v-expected",
            Self::Inconclusive => "v-inconclusive",
            Self::Harness => "v-harness",
            Self::Contradiction => "v-contradiction",
        }
    }
}

pub(super) type Cells<'a> = HashMap<(&'a str, &'a str), Vec<&'a Case>>;

pub(super) fn cells(run: &RunRecord) -> Cells<'_> {
    let mut cells: Cells<'_> = HashMap::new();
    for case in &run.cases {
        cells.entry((&case.arm, &case.scenario)).or_default().push(case);
    }
    cells
}

pub(super) fn matrix(run: &RunRecord) -> Markup {
    let cells = cells(run);
    if cells.is_empty() {
        return super::parts::missing("No cases were run; verdicts come from", "cargo xtask run");
    }
    html! {
        div.scroll {
            table.matrix {
                thead {
                    tr {
                        th { "arm" }
                        @for scenario in &run.scenarios {
                            th title=(clean(&scenario.title)) {
                                (clean(&scenario.id)) br; small { (clean(&scenario.name)) }
                            }
                        }
                    }
                }
                tbody {
                    @for arm in &run.arms {
                        tr {
                            th title=(clean(&arm.title)) { (clean(&arm.name)) }
                            @for scenario in &run.scenarios {
                                (one(cells.get(&(arm.name.as_str(), scenario.id.as_str()))))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn one(cases: Option<&Vec<&Case>>) -> Markup {
    let Some(cases) = cases.filter(|cases| !cases.is_empty()) else {
        return html! { td.v-none { "–" } };
    };
    let worst = cases.iter().max_by_key(|case| Look::of(case)).unwrap_or(&cases[0]);
    let attempts = u32::try_from(cases.len()).unwrap_or(u32::MAX);
    html! {
        td class=(Look::of(worst).class()) {
            a href={ "#" (anchor(&worst.id)) } { (clean(&cell(cases, attempts))) }
        }
    }
}

pub(super) fn legend() -> Markup {
    html! {
        ul.legend {
            li { span.v-ok { "ok" } " every block holds the last write that binds, or a later one" }
            li { span.v-expected { "as expected" } " bad data where the arm is known to leave it: \
                the test has teeth" }
            li { span.v-contradiction { "EXPECTED …" } " a verdict against its expectation" }
            li { span.v-inconclusive { "inconclusive" } " the window was not shown to be open: \
                nothing follows" }
            li { span.v-harness { "harness" } " the lab failed: no verdict" }
        }
        p.words {
            b { "stale" } " bcache returns an older version than its backing device holds · "
            b { "diverged" } " a permitted version, but clean and not what the backing device holds · "
            b { "lost" } " neither has it · " b { "torn" } ", " b { "alien" }
            " a damaged block, or something never written there"
        }
    }
}
