// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the sections of the page share.

use crate::timeline::Timeline;
use maud::{Markup, PreEscaped, html};
use std::collections::BTreeMap;

/// What stands beside the record, by case id.
#[derive(Clone, Debug, Default)]
pub struct Exhibits {
    /// Time lines of the races.
    pub timelines: BTreeMap<String, Timeline>,
    /// The ends of the guests' consoles.
    pub consoles: BTreeMap<String, String>,
}

/// Escaping keeps text from being markup; this keeps it from being control
/// characters.
pub(super) fn clean(text: &str) -> String {
    crate::printable::printable(text)
}

/// An id that is safe in a link, whatever the case is called.
pub(super) fn anchor(id: &str) -> String {
    let fine = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    format!("case-{}", id.chars().map(fine).collect::<String>())
}

/// What may be wider than the page: it scrolls by itself, with the keyboard
/// too, and has a name of its own.
pub(super) fn wide(name: &str, what: &Markup) -> Markup {
    html! { div.scroll role="region" tabindex="0" aria-label=(clean(name)) { (what) } }
}

/// A table with a caption and heads, its first column being heads as well.
pub(super) fn table(caption: &str, heads: &[&str], rows: &[Vec<Markup>]) -> Markup {
    wide(
        caption,
        &html! {
            table {
                caption { (clean(caption)) }
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (at, cell) in row.iter().enumerate() {
                                @if at == 0 { th scope="row" { (cell) } } @else { (cell) }
                            }
                        }
                    }
                }
            }
        },
    )
}

/// A cell of words.
pub(super) fn text(what: &str) -> Markup {
    html! { td { (clean(what)) } }
}

/// The head of a row.
pub(super) fn head(what: &str) -> Markup {
    html! { (clean(what)) }
}

/// A cell of a figure.
pub(super) fn number(what: impl std::fmt::Display) -> Markup {
    html! { td.n { (clean(&what.to_string())) } }
}

/// Text as it was laid out.
pub(super) fn laid_out(name: &str, what: &str) -> Markup {
    html! { pre role="region" tabindex="0" aria-label=(clean(name)) { (clean(what.trim_end())) } }
}

/// A plot, which escapes what it writes itself; nothing where there is none.
pub(super) fn drawn(name: &str, svg: String) -> Markup {
    html! { @if !svg.is_empty() { (wide(name, &html! { (PreEscaped(svg)) })) } }
}
