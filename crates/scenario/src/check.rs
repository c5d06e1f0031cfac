// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong with scenarios, found without booting anything: by reading them,
//! and by going through their steps as a run would.

use crate::error::{ScenarioError, wrong};
use crate::read::parse;
use crate::scenario::Scenario;
use crate::setup::Block;
use crate::step::{Action, Mention, Piece, Proof, Step};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use wire::Extent;

/// A scenario with comments that passes [`check`], to start from.
#[must_use]
pub fn template(id: &str, name: &str) -> String {
    include_str!("template.toml").replace("ID", id).replace("NAME", name)
}

/// Everything that is wrong in `files`, by file and line. Their ids and names must
/// differ from those in `beside`, too; `arms` are those that may be named.
#[must_use]
pub fn check(files: &[PathBuf], beside: &[PathBuf], arms: &BTreeSet<String>) -> Vec<ScenarioError> {
    let mut found = Vec::new();
    let mut taken: BTreeMap<(&str, String), &Path> = BTreeMap::new();
    let all = beside.iter().map(|path| (path, false)).chain(files.iter().map(|path| (path, true)));
    for (path, wanted) in all {
        let read = std::fs::read_to_string(path)
            .map_err(|source| ScenarioError::Read { path: path.clone(), source })
            .and_then(|text| Ok((parse(path, &text)?, text)));
        let (scenario, text) = match read {
            Ok(read) => read,
            Err(error) => {
                found.extend(wanted.then_some(error));
                continue;
            }
        };
        let mut fail = |at, message| found.push(wrong(path, &text, at, message));
        for (key, value) in [("id", &scenario.id), ("name", &scenario.name)] {
            let other = taken.insert((key, value.to_lowercase()), path);
            if let Some(other) = other.filter(|_| wanted) {
                let other = other.display();
                let message = format!("{key} {value:?} is that of {other}; it must be another");
                fail(line_start(&text, 0, key), message);
            }
        }
        if wanted {
            unknown_arms(&text, arms, &mut fail);
            walk(&text, &scenario, &mut fail);
        }
    }
    found
}

/// Takes the byte and what is wrong there.
type Fail<'a> = dyn FnMut(usize, String) + 'a;

/// The byte after `from` at which a line begins with `key` and ends the word.
fn line_start(text: &str, from: usize, key: &str) -> usize {
    let mut at = from;
    for line in text[from..].split_inclusive('\n') {
        let word = line.split(['=', ' ']).next().unwrap_or_default();
        if word.trim_matches('"') == key {
            return at;
        }
        at += line.len();
    }
    from
}

fn unknown_arms(text: &str, arms: &BTreeSet<String>, fail: &mut Fail<'_>) {
    let file: toml::Table = toml::from_str(text).unwrap_or_default();
    for section in ["expect", "permit", "keys_per_write"] {
        let Some(toml::Value::Table(named)) = file.get(section) else { continue };
        for arm in named.keys().filter(|arm| !arms.contains(*arm) && *arm != "*") {
            let from = text.find(&format!("\n[{section}]")).map_or(0, |at| at + 1);
            let known: Vec<_> = arms.iter().map(String::as_str).collect();
            let message =
                format!("[{section}] names no arm {arm:?}; there are {}", known.join(", "));
            fail(line_start(text, from, arm), message);
        }
    }
}

fn walk(text: &str, scenario: &Scenario, fail: &mut Fail<'_>) {
    let mut state = State {
        blocks: &scenario.blocks,
        bucket: scenario.bcache.bucket_kib * 2,
        line: 0,
        armed: BTreeMap::new(),
        released: BTreeSet::new(),
        versions: BTreeMap::new(),
        background: BTreeSet::new(),
        reads: BTreeMap::new(),
        down: None,
    };
    let starts: Vec<usize> =
        std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    for (number, step) in (1..).zip(&scenario.steps) {
        state.line = step.line;
        for message in state.step(step) {
            fail(starts[step.line - 1], format!("step {number}: {message}"));
        }
    }
    for (name, line) in state.armed {
        fail(starts[line - 1], format!("hold {name:?} is never released: add a `release`"));
    }
}

/// What there is at a step.
struct State<'a> {
    blocks: &'a BTreeMap<String, Block>,
    /// Sectors of a bucket.
    bucket: u64,
    /// Of the present step.
    line: usize,
    /// Holds and the lines that armed them.
    armed: BTreeMap<&'a str, usize>,
    released: BTreeSet<&'a str>,
    versions: BTreeMap<&'a str, Version<'a>>,
    background: BTreeSet<&'a str>,
    /// Reads on their way, and their blocks.
    reads: BTreeMap<&'a str, &'a str>,
    /// Line of the cut after which there was no boot.
    down: Option<usize>,
}

struct Version<'a> {
    at: &'a str,
    discard: bool,
    line: usize,
}

impl<'a> State<'a> {
    fn step(&mut self, step: &'a Step) -> Vec<String> {
        let mentions = step.mentions();
        let mut found = Vec::new();
        if step.proof() == Proof::Always && step.proves.is_none() {
            found.push("it is there to show something: `proves` says in words what".to_owned());
        }
        let without_machine = |mention: &Mention<'_>| {
            matches!(mention, Mention::Arms(_) | Mention::Releases(_) | Mention::Boots)
        };
        if let Some(line) = self.down
            && !mentions.iter().any(without_machine)
        {
            found.push(format!("the machine is down since line {line}: `boot` comes first"));
            // Once is enough.
            self.down = None;
        }
        if matches!(step.action, Action::Boot(_)) && self.down.is_none() {
            found.push("a machine is running: `cut` comes first".to_owned());
        }
        found.extend(mentions.into_iter().filter_map(|mention| self.mention(mention).err()));
        found
    }

    fn mention(&mut self, mention: Mention<'a>) -> Result<(), String> {
        match mention {
            // Looked at when the file is read.
            Mention::Block(_) => {}
            Mention::Pieces(name, piece) => self.pieces(name, piece)?,
            Mention::Arms(name) => {
                if let Some(line) = self.armed.insert(name, self.line) {
                    return Err(format!(
                        "hold {name:?} is armed already, in line {line}: release it before, or \
                         choose another name"
                    ));
                }
            }
            Mention::Holds(name) if self.armed.contains_key(name) => {}
            Mention::Holds(name) if self.released.contains(name) => {}
            Mention::Holds(name) => {
                return Err(unknown("no hold", name, "armed", self.armed.keys()));
            }
            Mention::Releases(name) => {
                self.armed
                    .remove(name)
                    .ok_or_else(|| unknown("no hold", name, "armed", self.armed.keys()))?;
                self.released.insert(name);
            }
            Mention::Writes { version, at, background, discard } => {
                if background {
                    self.background.insert(version);
                }
                let new = Version { at, discard, line: self.line };
                if let Some(old) = self.versions.insert(version, new) {
                    let line = old.line;
                    return Err(format!(
                        "version {version:?} is that of line {line}: another name"
                    ));
                }
            }
            Mention::Joins(name) => {
                if !self.background.remove(name) {
                    return Err(unknown("no write", name, "on its way", &self.background));
                }
            }
            Mention::Version(name) => {
                self.version(name)?;
            }
            Mention::StartsRead { name, at } => {
                if self.reads.insert(name, at).is_some() {
                    return Err(format!("read {name:?} is on its way already: another name"));
                }
            }
            Mention::JoinsRead { name, returns } => {
                let at = self
                    .reads
                    .remove(name)
                    .ok_or_else(|| unknown("no read", name, "on its way", self.reads.keys()))?;
                returns.map_or(Ok(()), |version| self.returns(at, version))?;
            }
            Mention::Returns { at, version } => self.returns(at, version)?,
            Mention::Cuts => {
                self.down = Some(self.line);
                self.armed.clear();
                self.released.clear();
                self.background.clear();
                self.reads.clear();
            }
            Mention::Boots => self.down = None,
        }
        Ok(())
    }

    fn version(&self, name: &str) -> Result<&Version<'a>, String> {
        let known = self.versions.keys();
        self.versions.get(name).ok_or_else(|| unknown("no version", name, "written before", known))
    }

    fn returns(&self, at: &str, name: &str) -> Result<(), String> {
        let version = self.version(name)?;
        if version.discard {
            return Err(format!("no read returns {name:?}: a discard leaves zeroes"));
        }
        let range = |name: &str| Extent::from(self.blocks[name]).range();
        let (read, written) = (range(at), range(version.at));
        if written.start <= read.start && read.end <= written.end {
            return Ok(());
        }
        let said = |name: &str| {
            let Range { start, end } = self.blocks[name].range();
            format!("{name:?} ({start} to {end}{})", self.blocks[name].on.suffix())
        };
        Err(format!(
            "no read of {}, in sectors, returns {name:?}, which was written at {}",
            said(at),
            said(version.at)
        ))
    }

    fn pieces(&self, name: &str, piece: Piece) -> Result<(), String> {
        /// 4 KiB.
        const PAGE: u64 = 8;
        let block = self.blocks[name];
        let length = match piece {
            Piece::Sectors(sectors) => sectors,
            Piece::Buckets(buckets) => buckets * self.bucket,
        };
        if block.sector.is_multiple_of(PAGE) && u64::from(block.sectors).is_multiple_of(length) {
            return Ok(());
        }
        Err(format!(
            "block {name:?} is used in pieces of {length} sectors: it must begin at a multiple of \
             {PAGE} and be a multiple of {length} long"
        ))
    }
}

fn unknown<'a>(
    what: &str,
    name: &str,
    is: &str,
    known: impl IntoIterator<Item = &'a &'a str>,
) -> String {
    let known: Vec<_> = known.into_iter().copied().collect();
    let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
    format!("{what} {name:?} is {is}; {known} is")
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
