// SPDX-License-Identifier: MIT OR Apache-2.0
//! The block of README.md that comes from a published run: between two
//! comments, so that a program can rewrite it and say whether it is fresh.

use crate::load_table::load_table;
use crate::record::RunRecord;
use crate::table::matrix;
use std::fmt::Write;

const BEGIN: &str = "<!-- published: ";
const BEGIN_END: &str = " -->";
const END: &str = "<!-- end of published -->";

/// A run below `results/published/`.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its folder's name.
    pub name: String,
    /// Its record.
    pub run: RunRecord,
    /// Drawings in its folder: file name and caption.
    pub pictures: Vec<(String, String)>,
}

/// Why the README cannot be rewritten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadmeError {
    /// No place for it.
    #[error(
        "README.md has no block to rewrite; where the table shall stand, put the two lines\n  \
         {BEGIN}NAME{BEGIN_END}\n  {END}\nNAME being a folder below results/published"
    )]
    NoBlock,
    /// A block that does not end, or a second one.
    #[error("README.md: the block {BEGIN}…{BEGIN_END} needs one {END:?} after it, and only one")]
    Broken,
}

/// The name that the README's block asks for.
///
/// # Errors
/// [`ReadmeError`].
fn asked(readme: &str) -> Result<(usize, usize, &str), ReadmeError> {
    let start = readme.find(BEGIN).ok_or(ReadmeError::NoBlock)?;
    let rest = &readme[start + BEGIN.len()..];
    let (name, _) = rest.split_once(BEGIN_END).ok_or(ReadmeError::Broken)?;
    let from = start + BEGIN.len() + name.len() + BEGIN_END.len();
    let length = readme[from..].find(END).ok_or(ReadmeError::Broken)?;
    let twice = readme[from + length + END.len()..].contains(BEGIN) || name.contains('\n');
    if twice { Err(ReadmeError::Broken) } else { Ok((from, from + length, name.trim())) }
}

/// The README with its block rewritten; `find` brings the published run of a
/// name.
///
/// # Errors
/// [`ReadmeError`], or what `find` says.
pub fn splice<E: From<ReadmeError>>(
    readme: &str,
    find: impl FnOnce(&str) -> Result<Published, E>,
) -> Result<String, E> {
    let (from, to, name) = asked(readme)?;
    let text = block(&find(name)?);
    Ok(format!("{}\n{text}{}", &readme[..from], &readme[to..]))
}

/// The block's text.
#[must_use]
pub fn block(published: &Published) -> String {
    let Published { name, run, pictures } = published;
    let folder = format!("results/published/{name}");
    let s = &run.summary;
    let seconds: u64 = run.cases.iter().map(|case| case.took_ms).sum::<u64>() / 1000;
    let mut out = format!(
        "{} cases on Linux {} ({}, {}): {} as expected, {} against their expectation, {} \
         inconclusive, {} without a verdict; {} of machine time. [Report]({folder}/report.html), \
         [cover letter]({folder}/cover-letter.txt), [record]({folder}/run.json), \
         [replay bundles]({folder}/bundles).\n\n",
        s.planned,
        word(&run.source.kernel_version),
        word(&run.source.origin),
        word(&run.qemu.accelerator).to_uppercase(),
        s.as_expected,
        s.contradictions,
        s.inconclusive,
        s.harness_failures,
        duration(seconds),
    );
    let _ = writeln!(out, "```\n{}\n```", fenced(&matrix(run)));
    let loads = load_table(run);
    if !loads.is_empty() {
        let _ = writeln!(out, "\n```\n{}\n```", fenced(loads.trim_end()));
    }
    for (file, caption) in pictures {
        let _ = writeln!(out, "\n![{}]({folder}/{file})", word(caption));
    }
    out
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
    crate::export::printable(text).replace("```", "'''").replace("<!--", "<! --")
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
        let twice = format!("{open}{END}\n{BEGIN}more{BEGIN_END}\n{END}\n");
        assert_eq!(splice_with(&twice), Err(ReadmeError::Broken));
    }

    #[test]
    fn the_name_is_read() {
        let text = format!("a\n{BEGIN}full{BEGIN_END}\nold\n{END}\nb\n");
        let (from, to, name) = asked(&text).unwrap();
        assert_eq!((name, &text[from..to]), ("full", "\nold\n"));
    }
}
