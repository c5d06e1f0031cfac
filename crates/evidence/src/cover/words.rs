// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text as wide as a mailing list wants it.

use crate::printable::one_line;

/// Widest line, in characters.
pub const WIDTH: usize = 72;

/// Words of a record are kept from being lines of the letter.
pub(crate) fn wrap(text: &str) -> String {
    textwrap::fill(&one_line(text), whole_words(WIDTH))
}

/// Versions and paths are not broken at their dashes.
pub(crate) fn whole_words(width: usize) -> textwrap::Options<'static> {
    textwrap::Options::new(width).word_splitter(textwrap::WordSplitter::NoHyphenation)
}

/// A point of a list.
pub(crate) fn item(text: &str) -> String {
    let options = whole_words(WIDTH).initial_indent("  - ").subsequent_indent("    ");
    format!("{}\n", textwrap::fill(&one_line(text), options))
}

/// A line that would be wider is cut, not wrapped: tables stay tables.
pub(crate) fn fit(line: &str) -> String {
    line.trim_end().chars().take(WIDTH).collect()
}
