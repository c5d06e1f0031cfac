// SPDX-License-Identifier: MIT OR Apache-2.0
//! One page that says it all: self-contained, without a network, light and
//! dark, on a phone as on a desk. What stands in it comes from the record and
//! the case's own logs; a section without data is not there.
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

use crate::outcome;
use crate::record::RunRecord;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use parts::clean;

#[must_use]
pub fn report(run: &RunRecord, exhibits: &Exhibits) -> String {
    let verdicts = (!run.cases.is_empty()).then(|| matrix::matrix(run));
    let sections = [
        ("verdicts", "Verdicts", verdicts),
        ("load", "Under load", measured::load(run)),
        ("cost", "Cost", measured::speed(run)),
        ("memory", "Memory and precision", measured::memory(run)),
        ("cases", "Cases", cases::cases(run, exhibits)),
        ("provenance", "Provenance", Some(provenance::provenance(run))),
    ];
    let sections: Vec<(&str, &str, Markup)> =
        sections.into_iter().filter_map(|(id, title, body)| Some((id, title, body?))).collect();
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
                title { (clean(&title(run))) }
                style { (PreEscaped(style::STYLE)) }
            }
            body {
                main {
                    header {
                        h1 { (clean(&title(run))) }
                        (claim(run))
                        nav aria-label="sections" {
                            @for (id, title, _) in &sections {
                                a href={ "#" (id) } { (title) } " "
                            }
                        }
                    }
                    @for (id, title, body) in &sections {
                        section id=(id) { h2 { (title) } (body) }
                    }
                }
            }
        }
    };
    page.into_string()
}

/// What the page is about, and no other page.
fn title(run: &RunRecord) -> String {
    let arms: Vec<&str> = run.arms.iter().map(|arm| arm.name.as_str()).collect();
    format!("{}: bcache on Linux {}, {}", run.run_id, run.source.kernel_version, arms.join(", "))
}

/// The claim and the figures that a maintainer asks for.
fn claim(run: &RunRecord) -> Markup {
    let day = run.started.get(..10).unwrap_or(&run.started);
    html! {
        p.lead {
            "Does bcache return old data when a read that misses the cache runs beside a write that \
             bypasses it? Each kernel was booted on virtual disks, the window opened on purpose, \
             the power cut, every block checked (" (clean(day)) ")."
        }
        ul.claim {
            @for sentence in outcome::sentences(run) { li { (clean(&sentence)) } }
        }
    }
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
