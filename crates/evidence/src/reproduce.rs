// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands that made a run, as a shell takes them.

use crate::mail::{WIDTH, wrap};
use crate::printable::one_line;
use crate::record::RunRecord;
use std::borrow::Cow;

/// The commands word for word, one after the other, then the one that makes
/// the evidence; with the checkout that they belong to.
pub(crate) fn reproduce(run: &RunRecord) -> String {
    let commit = match &run.tool.commit {
        Some(commit) => format!("commit {}", one_line(commit)),
        None => format!("version {}", one_line(&run.tool.version)),
    };
    let changed = if run.tool.dirty { ", with changes that are in no commit" } else { "" };
    let mut text =
        wrap(&format!("In a checkout of bcache-lab ({commit}{changed}), on Debian with Rust:"));
    text.push_str("\n\n");
    let commands = commands(run);
    if commands.is_empty() {
        text.push_str(&wrap(
            "(This record is older than the field that keeps the command. Its arms, scenarios, \
             attempts and seed are in run.json.)",
        ));
    }
    for command in commands {
        text.push_str(&command);
        text.push('\n');
    }
    text
}

/// As in [`reproduce`], each with lines that a shell joins.
pub(crate) fn commands(run: &RunRecord) -> Vec<String> {
    if run.commands.is_empty() {
        return Vec::new();
    }
    let mut names = vec!["evidence".to_owned()];
    for (number, words) in run.commands.iter().enumerate() {
        names.push(match out(words) {
            Some(folder) => folder.to_owned(),
            None if run.commands.len() == 1 => "latest".to_owned(),
            None => format!("RUN{}", number + 1),
        });
    }
    run.commands.iter().chain([&names]).map(|words| command(words)).collect()
}

/// `--out`, where it was given.
fn out(words: &[String]) -> Option<&str> {
    let at = words.iter().position(|word| word == "--out");
    let next = at.and_then(|at| words.get(at + 1)).map(String::as_str);
    next.or_else(|| words.iter().find_map(|word| word.strip_prefix("--out=")))
}

/// `cargo xtask …`, wrapped between its words: an option stays with its value.
fn command(words: &[String]) -> String {
    let mut parts = vec!["cargo xtask".to_owned()];
    // What follows an option, or the program, stays with it.
    let mut belongs = true;
    for word in words {
        let quoted = shlex::try_quote(word).unwrap_or(Cow::Borrowed("''"));
        let quoted = one_line(&quoted);
        let is_option = word.starts_with("--");
        match parts.last_mut() {
            Some(last) if belongs && !is_option => {
                last.push(' ');
                last.push_str(&quoted);
            }
            _ => parts.push(quoted),
        }
        belongs = is_option && !word.contains('=');
    }
    let mut lines = vec![String::from(" ")];
    for part in parts {
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        if line + 1 + part.chars().count() > WIDTH - 2 && line > 6 {
            lines.push("     ".to_owned());
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(&part);
        }
    }
    lines.join(" \\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_gets_back_the_words_that_were_given() {
        let given = "run --arm base --arm|mine=my fix's.patch|--kernel-src|~/linux|--config lockdep \
                     --scenario L1-sequential --scenario L1-writethrough --attempts 5 --seed=7";
        let words: Vec<String> = given
            .split('|')
            .enumerate()
            .flat_map(|(at, part)| match at {
                1 => vec![part],
                _ => part.split_whitespace().collect(),
            })
            .map(str::to_owned)
            .collect();
        let text = command(&words);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        let joined = text.replace("\\\n", " ");
        let mut back = shlex::split(&joined).unwrap();
        assert_eq!(back.drain(..2).collect::<Vec<_>>(), ["cargo", "xtask"]);
        assert_eq!(back, words);
        // An option is not parted from its value.
        assert!(text.lines().all(|l| !l.trim_end_matches([' ', '\\']).ends_with("--scenario")));
    }

    #[test]
    fn a_folder_that_was_named_is_the_one_that_evidence_reads() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(out(&words("run --out results/a --full")), Some("results/a"));
        assert_eq!(out(&words("perf --out=results/b")), Some("results/b"));
        assert_eq!(out(&words("perf --quick")), None);
    }
}
