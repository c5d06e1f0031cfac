// SPDX-License-Identifier: MIT OR Apache-2.0
//! What somebody may have meant.

/// How alike two words must be, from 0 to 1.
const ALIKE: f64 = 0.75;

/// `; did you mean "base"?`, where a known word is near enough.
pub fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let word = word.to_lowercase();
    let alike = |known: &str| strsim::jaro_winkler(&word, &known.to_lowercase());
    let rated = known.into_iter().map(|known| (alike(known), known));
    match rated.filter(|(by, _)| *by >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((_, near)) => format!("; did you mean {near:?}?"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_seen_and_another_word_is_not() {
        let known = ["base", "rust", "ordered", "two-pass"];
        assert_eq!(suggestion("bsae", known), "; did you mean \"base\"?");
        assert_eq!(suggestion("Orderd", known), "; did you mean \"ordered\"?");
        assert_eq!(suggestion("xyz", known), "");
    }
}
