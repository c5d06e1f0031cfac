// SPDX-License-Identifier: MIT OR Apache-2.0
//! The record in the formats of other tools.

mod junit;
mod kcidb;
mod ktap;

pub use junit::junit;
pub use kcidb::kcidb;
pub use ktap::ktap;

/// Without control characters but for line ends and tabs: most formats cannot
/// carry them, and a terminal should not obey them.
pub(crate) fn printable(text: &str) -> String {
    let fine = |c: char| !c.is_control() || c == '\n' || c == '\t';
    text.chars().map(|c| if fine(c) { c } else { '\u{fffd}' }).collect()
}

/// As [`printable`], in one line.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
