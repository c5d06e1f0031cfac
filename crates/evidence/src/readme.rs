// SPDX-License-Identifier: MIT OR Apache-2.0
//! The blocks of README.md and docs/ that come from published runs: each
//! between two comments, so that a program can rewrite it and say whether it
//! is fresh. The first comment names the run, and may name some of its arms.

use crate::load_table::load_table;
use crate::perf_table::summary;
use crate::record::RunRecord;
use crate::table::{Page, matrix};
use std::fmt::Write;

const BEGIN: &str = "<!-- published: ";
const BEGIN_END: &str = " -->";
const END: &str = "<!-- end of published -->";

/// A run below `results/published/`.
#[derive(Clone, Debug)]
pub struct Published {
    pub name: String,
    /// From the text's folder to the repository's: empty, or `../`.
    pub up: &'static str,
    pub run: RunRecord,
    /// Drawings in its folder: file name and caption.
    pub pictures: Vec<(String, String)>,
}

/// Why the README cannot be rewritten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadmeError {
    /// No place for it.
    #[error(
        "no block to rewrite; where the table shall stand, put the two lines\n  \
         {BEGIN}NAME{BEGIN_END}\n  {END}\nNAME being a folder below results/published"
    )]
    NoBlock,
    /// A block that does not end before the next one begins.
    #[error("every block {BEGIN}…{BEGIN_END} needs one {END:?} after it")]
    Broken,
}

/// A block: its text from and to, and the name that it asks for.
type Asked<'a> = (usize, usize, &'a str);

/// The first block from `at` on.
fn asked(readme: &str, at: usize) -> Result<Option<Asked<'_>>, ReadmeError> {
    let Some(start) = readme[at..].find(BEGIN) else { return Ok(None) };
    let start = at + start + BEGIN.len();
    let (name, _) = readme[start..].split_once(BEGIN_END).ok_or(ReadmeError::Broken)?;
    let from = start + name.len() + BEGIN_END.len();
    let length = readme[from..].find(END).ok_or(ReadmeError::Broken)?;
    let next = readme[from..].find(BEGIN).is_some_and(|next| next < length);
    if next || name.contains('\n') {
        return Err(ReadmeError::Broken);
    }
    Ok(Some((from, from + length, name.trim())))
}

/// Stands where nothing is published yet.
const NOTHING: &str = "Nothing is published here yet.\n";

/// The README with its blocks rewritten; `find` brings the published run of a
/// name, if there is one.
///
/// # Errors
/// [`ReadmeError`], or what `find` says.
pub fn splice<E: From<ReadmeError>>(
    readme: &str,
    mut find: impl FnMut(&str) -> Result<Option<Published>, E>,
) -> Result<String, E> {
    let (mut out, mut at) = (String::new(), 0);
    while let Some((from, to, name)) = asked(readme, at)? {
        out.push_str(&readme[at..from]);
        out.push('\n');
        let (name, arms) = name.split_once(' ').unwrap_or((name, ""));
        let arms: Vec<&str> = arms.split_whitespace().collect();
        let published = find(name)?;
        let text = published.map_or_else(|| NOTHING.to_owned(), |run| block(&of(run, &arms)));
        out.push_str(&text);
        at = to;
    }
    if at == 0 {
        return Err(ReadmeError::NoBlock.into());
    }
    Ok(out + &readme[at..])
}

/// The run with those arms only; all of them where none is named.
fn of(mut published: Published, arms: &[&str]) -> Published {
    let run = &mut published.run;
    if !arms.is_empty() {
        run.arms.retain(|arm| arms.contains(&arm.name.as_str()));
        run.cases.retain(|case| arms.contains(&case.arm.as_str()));
        run.summarise();
    }
    published
}

#[must_use]
pub fn block(published: &Published) -> String {
    let Published { name, up, run, pictures } = published;
    let folder = format!("{up}results/published/{name}");
    // Lines that fit into a terminal.
    let mut out = format!(
        "{} on Linux {} ({}, {}){}.\n[Report]({folder}/report.html),\n\
         [cover letter]({folder}/cover-letter.txt),\n[record]({folder}/run.json)",
        what(run),
        word(&run.source.kernel_version),
        word(&run.source.origin.to_string()),
        word(&run.qemu.accelerator).to_uppercase(),
        came_of(run),
    );
    if run.cases.is_empty() {
        out.push_str(".\n");
    } else {
        let _ = writeln!(out, ",\n[replay bundles]({folder}/bundles).");
    }
    let loads = load_table(run);
    // Loads have a table of their own, which says more.
    if run.cases.iter().any(|case| case.load.is_none()) {
        let _ = writeln!(out, "\n```\n{}\n```", fenced(&matrix(run, Page::PLAIN)));
    }
    if !loads.is_empty() {
        let _ = writeln!(out, "\n```\n{}\n```", fenced(loads.trim_end()));
    }
    let cost = run.perf.as_ref().map(|perf| summary(perf, run.seed)).unwrap_or_default();
    if !cost.is_empty() {
        let _ = writeln!(out, "\n```\n{}\n```", fenced(cost.trim_end()));
    }
    for (file, caption) in pictures {
        let _ = writeln!(out, "\n![{}]({folder}/{file})", word(caption));
    }
    out
}

/// The record in a few words.
fn what(run: &RunRecord) -> String {
    match (&run.perf, run.cases.len()) {
        (Some(perf), 0) => {
            let boots = perf.series.iter().map(|series| series.samples.len()).max().unwrap_or(0);
            format!("{} arms, up to {boots} boots of each", run.arms.len())
        }
        (_, _) => format!("{} cases", run.summary.planned),
    }
}

/// What came of the cases; empty without any.
fn came_of(run: &RunRecord) -> String {
    if run.cases.is_empty() {
        return String::new();
    }
    let s = &run.summary;
    let seconds: u64 = run.cases.iter().map(|case| case.took_ms).sum::<u64>() / 1000;
    format!(
        ":\n{} as expected, {} against their expectation, {} inconclusive, {} without a verdict;\n\
         {} of machine time",
        s.as_expected,
        s.contradictions,
        s.inconclusive,
        s.harness_failures,
        duration(seconds),
    )
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A word of a record in running Markdown: no markup, no comment's end.
fn word(text: &str) -> String {
    let fine = |c: char| !c.is_control() && !"<>[]`*_|\\".contains(c);
    text.chars().filter(|c| fine(*c)).collect()
}

/// Inside a fence only the fence, and our own comment, mean something.
fn fenced(text: &str) -> String {
    crate::printable::printable(text).replace("```", "'''").replace("<!--", "<! --")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn splice_with(readme: &str) -> Result<String, ReadmeError> {
        splice(readme, |_| Err(ReadmeError::Broken))
    }

    #[test]
    fn a_readme_without_a_block_or_with_a_broken_one_is_refused() {
        assert_eq!(splice_with("# x\n"), Err(ReadmeError::NoBlock));
        let open = format!("a\n{BEGIN}full{BEGIN_END}\nold\n");
        assert_eq!(splice_with(&open), Err(ReadmeError::Broken));
        let nested = format!("{open}{BEGIN}more{BEGIN_END}\n{END}\n");
        assert_eq!(asked(&nested, 0), Err(ReadmeError::Broken));
    }

    #[test]
    fn a_block_without_a_run_says_so() {
        let open = format!("a\n{BEGIN}full{BEGIN_END}\nold\n{END}\n");
        let spliced = splice(&open, |_| Ok::<_, ReadmeError>(None)).unwrap();
        assert_eq!(spliced, open.replace("old\n", NOTHING));
    }

    #[test]
    fn every_block_is_found_with_its_name() {
        let block = |name: &str| format!("{BEGIN}{name}{BEGIN_END}\nold\n{END}\n");
        let text = format!("a\n{}b\n{}c\n", block("full"), block("perf"));
        let (from, to, name) = asked(&text, 0).unwrap().unwrap();
        assert_eq!((name, &text[from..to]), ("full", "\nold\n"));
        let (from, to, name) = asked(&text, to).unwrap().unwrap();
        assert_eq!((name, &text[from..to]), ("perf", "\nold\n"));
        assert_eq!(asked(&text, to), Ok(None));
    }
}
