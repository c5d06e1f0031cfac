// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scenarios × arms, each cell a link to its cases.

use super::parts::{anchor, clean, wide};
use crate::look::Look;
use crate::record::{Case, RunRecord};
use crate::table::{planned, short};
use maud::{Markup, html};
use std::collections::HashMap;

type Cells<'a> = HashMap<(&'a str, &'a str), Vec<&'a Case>>;

pub(super) fn matrix(run: &RunRecord) -> Markup {
    let mut cells: Cells<'_> = HashMap::new();
    for case in &run.cases {
        cells.entry((&case.arm, &case.scenario)).or_default().push(case);
    }
    let table = html! {
        table.matrix {
            caption { "Verdicts: scenarios down, kernels across. A cell leads to its case." }
            thead {
                tr {
                    th scope="col" { "scenario" }
                    @for arm in &run.arms {
                        th scope="col" title=(clean(&arm.title)) { (clean(&arm.name)) }
                    }
                }
            }
            tbody {
                @for scenario in &run.scenarios {
                    tr {
                        th scope="row" title=(clean(&scenario.title)) {
                            (clean(&scenario.id)) " " small { (clean(&scenario.name)) }
                        }
                        @for arm in &run.arms {
                            (one(run, cells.get(&(arm.name.as_str(), scenario.id.as_str()))))
                        }
                    }
                }
            }
        }
    };
    html! { (wide("verdicts", &table)) (legend()) }
}

fn one(run: &RunRecord, cases: Option<&Vec<&Case>>) -> Markup {
    let Some(cases) = cases else { return html! { td.v-none { "–" } } };
    let worst = cases.iter().max_by_key(|case| Look::of(case)).unwrap_or(&cases[0]);
    html! {
        td class=(Look::of(worst).class()) {
            a href={ "#" (anchor(&worst.id)) } { (clean(&short(cases, planned(run, cases.len())))) }
        }
    }
}

fn legend() -> Markup {
    html! {
        ul.legend {
            li { span.v-ok { "ok" } " every block holds the last write that must be seen, or a later one" }
            li { span.v-expected { "stale*" } " bad data where the kernel is known to leave it: \
                the test has teeth" }
            li { span.v-contradiction { "stale!" } " a verdict against its expectation" }
            li { span.v-inconclusive { "inconclusive" } " the window was not shown to be open: \
                nothing follows" }
            li { span.v-harness { "no verdict" } " the lab failed" }
        }
        p.words {
            b { "stale" } " bcache returns an older version than its backing device holds · "
            b { "diverged" } " a permitted version, but clean and not what the backing device holds · "
            b { "lost" } " neither has it · " b { "torn" } ", " b { "alien" }
            " a damaged block, or something never written there"
        }
    }
}
