// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text as wide as a mailing list wants it.

use crate::printable::one_line;

/// Widest line, in characters.
pub(crate) const WIDTH: usize = 72;

/// Words of a record are kept from being lines of the letter.
pub(crate) fn wrap(text: &str) -> String {
    textwrap::fill(&one_line(text), whole_words(WIDTH))
}

/// Nothing is broken inside a word, versions and paths at their dashes neither.
fn whole_words(width: usize) -> textwrap::Options<'static> {
    textwrap::Options::new(width)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
}

/// As [`wrap`], with all lines but the first set in.
pub(crate) fn hanging(text: &str) -> String {
    textwrap::fill(&one_line(text), whole_words(WIDTH).subsequent_indent("    "))
}

/// A point of a list.
pub(crate) fn item(text: &str) -> String {
    let options = whole_words(WIDTH).initial_indent("  - ").subsequent_indent("    ");
    format!("{}\n", textwrap::fill(&one_line(text), options))
}
