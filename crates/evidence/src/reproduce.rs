// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands that made a run, as a shell takes them.

use crate::mail::{WIDTH, wrap};
use crate::printable::one_line;
use crate::record::{JoinedRecord, RunRecord};
use std::borrow::Cow;

/// The commands word for word, one after the other, then the one that makes
/// the evidence; with the checkout that they belong to.
pub(crate) fn reproduce(run: &RunRecord) -> String {
    let parts = run.parts();
    let mut text = wrap(&format!("In a {}, on Debian with Rust:", checkout(&parts)));
    text.push_str("\n\n");
    let commands = commands(&parts);
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

/// Where the commands belong.
fn checkout(parts: &[JoinedRecord]) -> String {
    let first = &parts[0].tool;
    if parts.iter().any(|part| part.tool != *first) {
        return "clone of bcache-lab".to_owned();
    }
    let commit = match &first.commit {
        Some(commit) => format!("commit {}", one_line(commit)),
        None => format!("version {}", one_line(&first.version)),
    };
    let changed = if first.dirty { ", with changes that are in no commit" } else { "" };
    format!("checkout of bcache-lab ({commit}{changed})")
}

/// As in [`reproduce`], each with lines that a shell joins. Where the runs are of
/// several commits, each is checked out before its commands.
fn commands(parts: &[JoinedRecord]) -> Vec<String> {
    let count: usize = parts.iter().map(|part| part.commands.len()).sum();
    let several = parts.iter().any(|part| part.tool != parts[0].tool);
    let mut lines = Vec::new();
    let mut names = vec!["evidence".to_owned()];
    let mut there = None;
    for part in parts.iter().filter(|part| !part.commands.is_empty()) {
        let commit = part.tool.checkout().filter(|_| several);
        if let Some(commit) = commit.filter(|_| commit != there) {
            lines.push(format!("  git checkout {}", one_line(commit)));
            there = Some(commit);
        }
        for words in &part.commands {
            names.push(match out(words) {
                Some(folder) => folder.to_owned(),
                None if count == 1 => "latest".to_owned(),
                None => format!("RUN{}", names.len()),
            });
            lines.push(command(words));
        }
    }
    if count > 0 {
        lines.push(command(&names));
    }
    lines
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
