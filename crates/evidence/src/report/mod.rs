// SPDX-License-Identifier: MIT OR Apache-2.0
//! One page that says it all: self-contained, without a network, light and
//! dark, on a phone as on a desk. What stands in it comes from the record and
//! the case's own logs; a section without data says what would fill it.
//!
//! Everything in a record may be somebody else's words: it reaches the page
//! through maud, which escapes, and never as markup.

mod cases;
mod matrix;
mod measured;
mod parts;
mod provenance;
mod style;

pub use parts::Exhibits;

use crate::record::{RunRecord, Summary};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use parts::clean;

#[must_use]
pub fn report(run: &RunRecord, exhibits: &Exhibits) -> String {
    let title = format!("bcache-lab: {}", run.run_id);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Nothing is fetched and nothing is run, whatever a record says.
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                title { (clean(&title)) }
                style { (PreEscaped(style::STYLE)) }
            }
            body {
                main {
                    (head(run))
                    section id="verdicts" { h2 { "Verdicts" } (matrix::matrix(run))
                        @if !run.cases.is_empty() { (matrix::legend()) } }
                    section id="rates" { h2 { "Stale blocks under load" } (measured::load(run)) }
                    section id="speed" { h2 { "Speed" } (measured::speed(run)) }
                    section id="memory" { h2 { "Memory and precision" } (measured::memory(run)) }
                    section id="cases" { h2 { "Cases" } (cases::cases(run, exhibits)) }
                    section id="provenance" { h2 { "Provenance" } (provenance::provenance(run)) }
                }
            }
        }
    };
    page.into_string()
}

/// A drawing as a file of its own, for a README.
#[must_use]
pub fn standalone(drawing: &Markup) -> String {
    let text = drawing.clone().into_string();
    let Some(end) = text.find('>').filter(|_| text.starts_with("<svg ")) else { return text };
    let (open, rest) = text.split_at(end + 1);
    let paper = "svg{background:var(--bg)}";
    format!("{open}<style>{}{paper}</style>{rest}\n", style::STYLE)
}

fn head(run: &RunRecord) -> Markup {
    let Summary { planned, as_expected, contradictions, inconclusive, harness_failures } =
        run.summary;
    html! {
        header {
            h1 { "bcache stale-read-fill race" }
            p.lead {
                "Linux " (clean(&run.source.kernel_version)) ", "
                (run.arms.len()) " kernels"
                @if !run.scenarios.is_empty() { " × " (run.scenarios.len()) (if run.scenarios.len() == 1 { " scenario" } else { " scenarios" }) } ", "
                (run.started.get(..10).unwrap_or(&run.started)) "; run " code { (clean(&run.run_id)) }
            }
            @if planned > 0 { ul.tally {
                li { strong { (planned) } " cases" }
                li.ok { strong { (as_expected) } " as expected" }
                li.bad[contradictions > 0] { strong { (contradictions) } " contradict" }
                li.warn[inconclusive > 0] { strong { (inconclusive) } " inconclusive" }
                li.warn[harness_failures > 0] { strong { (harness_failures) } " without a verdict" }
            } }
            nav {
                a href="#verdicts" { "verdicts" } a href="#rates" { "rates" }
                a href="#speed" { "speed" } a href="#memory" { "memory" }
                a href="#cases" { "cases" } a href="#provenance" { "provenance" }
            }
        }
    }
}
