// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was seen in every case.

use super::parts::{Exhibits, anchor, clean, laid_out, wide};
use crate::look::Look;
use crate::record::{Case, Outcome, RunRecord};
use crate::table::cell;
use crate::timeline::svg;
use maud::{Markup, html};

pub(super) fn cases(run: &RunRecord, exhibits: &Exhibits) -> Option<Markup> {
    let of = |id: &str| run.cases.iter().filter(|case| case.scenario == id).collect::<Vec<_>>();
    (!run.cases.is_empty()).then(|| {
        html! {
            @for (scenario, of) in run.scenarios.iter().map(|s| (s, of(&s.id))) {
                @if !of.is_empty() {
                    // What wants a look is not folded away.
                    details open[of.iter().any(|case| Look::of(case) > Look::Expected)] {
                        summary {
                            h3 { (clean(&scenario.id)) " " (clean(&scenario.name)) }
                            " " small { (clean(&scenario.title)) }
                        }
                        @for case in of { (one(run, case, exhibits)) }
                    }
                }
            }
        }
    })
}

fn one(run: &RunRecord, case: &Case, exhibits: &Exhibits) -> Markup {
    let look = Look::of(case).class();
    let seconds = format!("{:.1} s", case.took_ms as f64 / 1e3);
    let origin = run.origin(case);
    html! {
        details {
            summary {
                code { (clean(&case.id)) } " "
                span class=(look) { (clean(&cell(&[case], 1))) } " " small { (seconds) }
            }
            // Behind the summary: a link to what is folded away unfolds it.
            div.case id=(anchor(&case.id)) {
            @match &case.outcome {
                Outcome::Harness { message, next_step, .. } => {
                    p { b { "The harness failed: " } (clean(message)) }
                    p { b { "Next: " } (clean(next_step)) }
                }
                Outcome::Inconclusive { why } => p { b { "Inconclusive: " } (clean(why)) }
                Outcome::Verdict { .. } => {}
            }
            @if !case.opportunities.is_empty() {
                h4 { "The window" }
                ul.proofs {
                    @for proof in &case.opportunities {
                        li.open[proof.open].closed[!proof.open] {
                            b { (clean(&proof.claim)) } br; (clean(&proof.detail))
                        }
                    }
                }
            }
            @if let Some(line) = exhibits.timelines.get(&case.id) {
                h4 { "Event by event" }
                p.focus { (clean(&line.focus)) }
                (wide(&format!("time line of {}", case.id), &svg(line)))
            } @else if case.files.contains_key("events") {
                p.words {
                    "Event by event: "
                    code { "cargo xtask show " (clean(&origin.run)) " " (clean(&origin.case)) }
                }
            }
            @if !case.observations.is_empty() {
                h4 { "Seen on the way" }
                ul { @for line in &case.observations { li { (clean(line.text())) } } }
            }
            (console(case, exhibits))
            dl.facts {
                dt { "sectors judged" } dd { (sectors(case)) }
                @for cut in &case.cuts {
                    dt { (clean(&cut.kind)) " cut" }
                    dd { "at event " (cut.at_event) ", " (cut.writes_lost) " completed writes lost" }
                }
                dt { "seed" } dd { (case.seed) }
                dt { "boots" }
                dd {
                    @for (at, ms) in case.boots_ms.iter().enumerate() {
                        @if at > 0 { ", " } (ms) " ms"
                    }
                }
                dt { "again" }
                dd { code { "cargo xtask replay " (clean(&origin.run)) " " (clean(&origin.case)) } }
            }
            }
        }
    }
}

fn sectors(case: &Case) -> String {
    let words: Vec<String> =
        case.sectors.iter().map(|(verdict, sectors)| format!("{sectors} {verdict}")).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn console(case: &Case, exhibits: &Exhibits) -> Markup {
    let tail = match &case.outcome {
        Outcome::Harness { console_tail, .. } if !console_tail.is_empty() => Some(console_tail),
        _ => exhibits.consoles.get(&case.id).filter(|tail| !tail.trim().is_empty()),
    };
    html! {
        @if let Some(tail) = tail {
            h4 { "The guest's console, at its end" }
            (laid_out(&format!("console of {}", case.id), tail))
        }
    }
}
