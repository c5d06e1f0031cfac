// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words of somebody else, made fit for a terminal and a file format.

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
