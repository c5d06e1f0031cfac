// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the sections of the page share.

use crate::timeline::Timeline;
use maud::{Markup, html};
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

/// A section without data: what would fill it.
pub(super) fn missing(what: &str, command: &str) -> Markup {
    html! { p.missing { (what) " " code { (command) } } }
}
