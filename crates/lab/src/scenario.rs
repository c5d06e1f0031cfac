// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scenarios as data: what `workloads/scenarios/*.toml` may say.
//!
//! A scenario is disks, a bcache set-up, named blocks, a list of [`Step`]s and
//! the verdict that each arm is expected to get. A step that carries `proves`
//! is part of the scenario's *opportunity*: when it does not come about, the
//! window was not open and the case is inconclusive, whatever was read.

use crate::bcache::{BUCKET_KIB, DATA_OFFSET};
use crate::error::ScenarioError;
use crate::load::{self, LoadPlan};
use crate::step::Step;
use evidence::Verdict;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// One scenario, checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// `S1`, `S2`…
    pub id: String,
    /// Short name, as in design.md.
    pub name: String,
    /// One line for tables and help.
    pub title: String,
    /// What the scenario is after, for reports.
    pub why: String,
    /// Whether it is played when no scenario is named: slow ones wait for
    /// `--full`.
    pub quick: bool,
    /// Whether a guest that was saved after its boot may play it: see
    /// [`crate::SavedGuests`].
    pub restore: bool,
    /// The two virtual disks.
    pub disks: Disks,
    /// How bcache is set up.
    pub bcache: BcacheSetup,
    /// Named ranges of the bcache device.
    pub blocks: BTreeMap<String, Block>,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Expected verdict by arm; see [`Scenario::expected`].
    pub expect: BTreeMap<String, Verdict>,
    /// blake3 of the file.
    pub hash: String,
    /// What a load scenario has instead of steps.
    pub load: Option<LoadPlan>,
}

impl Scenario {
    /// What `arm` is expected to get. An arm that the file does not name is
    /// taken to claim that it fixes the bug: it is expected to be clean.
    #[must_use]
    pub fn expected(&self, arm: &str) -> Verdict {
        self.expect.get(arm).copied().unwrap_or(Verdict::Ok)
    }
}

/// Sizes and kinds of the virtual disks.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disks {
    /// The cache device.
    pub ssd: DiskSetup,
    /// The backing device.
    pub hdd: DiskSetup,
}

/// One virtual disk.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskSetup {
    /// Size in MiB.
    pub mib: u64,
    /// Whether completed writes stay volatile until a flush.
    pub volatile_cache: bool,
}

/// What is set in sysfs before the first step.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BcacheSetup {
    /// `writethrough`, `writeback`, `writearound` or `none`.
    pub cache_mode: CacheMode,
    /// Size of the cache's buckets in KiB. Small ones make a small cache, whose
    /// buckets are soon used up: bcache wants more than 512 of them.
    #[serde(default = "default_bucket")]
    pub bucket_kib: u64,
    /// Whether dirty data is written to the backing device in the background.
    #[serde(default = "yes")]
    pub writeback_running: bool,
}

fn yes() -> bool {
    true
}

fn default_bucket() -> u64 {
    BUCKET_KIB
}

/// Buckets that `cache_alloc` asks for: with fewer, it finds its lists of free
/// buckets to have no place at all.
const FEWEST_BUCKETS: u64 = 513;

/// bcache's cache modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum CacheMode {
    Writethrough,
    Writeback,
    Writearound,
    None,
}

impl CacheMode {
    /// As sysfs wants it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Writethrough => "writethrough",
            Self::Writeback => "writeback",
            Self::Writearound => "writearound",
            Self::None => "none",
        }
    }
}

/// A named range of the bcache device, in 512 B sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// First sector.
    pub sector: u64,
    /// Length.
    pub sectors: u32,
}

impl From<Block> for wire::Extent {
    fn from(block: Block) -> Self {
        Self { sector: block.sector, sectors: block.sectors }
    }
}

/// The file as it is written; steps are parsed one by one so that an error
/// can name its line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    id: String,
    name: String,
    title: String,
    why: String,
    #[serde(default = "yes")]
    quick: bool,
    #[serde(default = "yes")]
    restore: bool,
    disks: Disks,
    bcache: BcacheSetup,
    blocks: BTreeMap<String, Block>,
    step: Vec<Spanned<toml::Value>>,
    expect: BTreeMap<String, Verdict>,
}

/// Reads every scenario below `dir`, sorted by id.
///
/// # Errors
/// [`ScenarioError`] naming the file and the line.
pub fn load_all(dir: &Path) -> Result<Vec<Scenario>, ScenarioError> {
    let listing = std::fs::read_dir(dir)
        .map_err(|source| ScenarioError::Read { path: dir.to_owned(), source })?;
    let mut paths: Vec<PathBuf> = listing
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ext| ext == "toml"))
        .collect();
    paths.sort();
    let mut scenarios = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ScenarioError::Read { path: path.clone(), source })?;
        scenarios.push(parse(&path, &text)?);
    }
    scenarios.sort_by_key(|scenario: &Scenario| natural(&scenario.id));
    Ok(scenarios)
}

/// `S2` before `S10`, any letter before the next one, `L1` before `L1-v2`.
fn natural(id: &str) -> (String, u32, String) {
    let rest = id.trim_start_matches(|c: char| !c.is_ascii_digit());
    let tail = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = rest[..rest.len() - tail.len()].parse().unwrap_or(0);
    (id[..id.len() - rest.len()].to_owned(), number, tail.to_owned())
}

/// Parses one scenario; `path` is only for messages.
///
/// # Errors
/// [`ScenarioError`] naming the line and what is allowed there.
pub fn parse(path: &Path, text: &str) -> Result<Scenario, ScenarioError> {
    parse_with(path, text, None)
}

/// The same for a load whose `job` is given, instead of lying in a folder beside
/// `path`.
///
/// # Errors
/// [`ScenarioError`], also when the scenario names another job.
pub fn parse_with(
    path: &Path,
    text: &str,
    job: Option<&load::JobText>,
) -> Result<Scenario, ScenarioError> {
    if let Some(load) = load::parse(path, text, job) {
        return load;
    }
    let wrong = |at: Option<usize>, message: String| ScenarioError::Syntax {
        path: path.to_owned(),
        line: at.map_or(1, |at| text[..at.min(text.len())].matches('\n').count() + 1),
        message,
    };
    let raw: Raw = toml::from_str(text)
        .map_err(|error| wrong(error.span().map(|span| span.start), error.message().to_owned()))?;
    let mut steps = Vec::new();
    for (number, step) in raw.step.into_iter().enumerate() {
        let at = step.span().start;
        let step: Step = step.into_inner().try_into().map_err(|error: toml::de::Error| {
            wrong(Some(at), format!("step {}: {}", number + 1, error.message()))
        })?;
        for name in step.blocks() {
            if !raw.blocks.contains_key(name) {
                let known: Vec<_> = raw.blocks.keys().map(String::as_str).collect();
                let message = format!(
                    "step {}: no block {name:?}; [blocks] has {}",
                    number + 1,
                    known.join(", ")
                );
                return Err(wrong(Some(at), message));
            }
        }
        steps.push(step);
    }
    for (name, block) in &raw.blocks {
        // The last sector of the bcache device: data_offset is in front.
        let limit = (raw.disks.hdd.mib * 2048).saturating_sub(DATA_OFFSET);
        if block.sectors == 0 || block.sector + u64::from(block.sectors) > limit {
            let message = format!("block {name:?} must be non-empty and end before sector {limit}");
            return Err(wrong(text.find("[blocks]"), message));
        }
    }
    if raw.disks.ssd.mib * 1024 < FEWEST_BUCKETS * raw.bcache.bucket_kib {
        let message = format!(
            "an SSD of {} MiB has fewer than {FEWEST_BUCKETS} buckets of {} KiB: a larger SSD, or \
             a smaller bucket_kib",
            raw.disks.ssd.mib, raw.bcache.bucket_kib
        );
        return Err(wrong(text.find("[disks]"), message));
    }
    if !steps.iter().any(|step| step.proves().is_some()) {
        let message = "no step has `proves`: a scenario without an opportunity proves nothing";
        return Err(wrong(None, message.to_owned()));
    }
    if !matches!(steps.last(), Some(Step::Judge {})) {
        return Err(wrong(None, "the last step must be `judge`".to_owned()));
    }
    Ok(Scenario {
        id: raw.id,
        name: raw.name,
        title: raw.title,
        why: raw.why,
        quick: raw.quick,
        restore: raw.restore,
        disks: raw.disks,
        bcache: raw.bcache,
        blocks: raw.blocks,
        steps,
        expect: raw.expect,
        hash: blake3::hash(text.as_bytes()).to_hex().to_string(),
        load: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
id = "S1"
name = "n"
title = "t"
why = "w"
[disks]
ssd = { mib = 512, volatile_cache = true }
hdd = { mib = 64, volatile_cache = true }
[bcache]
cache_mode = "writearound"
[blocks]
target = { sector = 0, sectors = 8 }
[[step]]
do = "read"
at = "target"
served_by = "hdd"
proves = "x"
[[step]]
do = "judge"
[expect]
base = "stale"
"#;

    fn line_of(text: &str) -> (usize, String) {
        match parse(Path::new("x.toml"), text) {
            Err(ScenarioError::Syntax { line, message, .. }) => (line, message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_good_one_parses_and_unknown_arms_are_expected_clean() {
        let scenario = parse(Path::new("x.toml"), GOOD).unwrap();
        assert_eq!(scenario.expected("base"), Verdict::Stale);
        assert_eq!(scenario.expected("mine"), Verdict::Ok);
    }

    #[test]
    fn errors_name_the_line_and_what_is_allowed() {
        let (line, message) = line_of(&GOOD.replace("do = \"read\"", "do = \"reed\""));
        assert_eq!(line, 13);
        assert!(message.contains("reed") && message.contains("await-held"), "{message}");
        let (line, message) = line_of(&GOOD.replace("at = \"target\"", "at = \"tarjet\""));
        assert_eq!(line, 13);
        assert!(message.contains("tarjet") && message.contains("target"), "{message}");
        let (line, message) = line_of(&GOOD.replace("writearound", "writesquare"));
        assert_eq!(line, 10, "{message}");
        let (_, message) = line_of(&GOOD.replace("proves = \"x\"", ""));
        assert!(message.contains("opportunity"), "{message}");
        let (_, message) = line_of(&GOOD.replace("sector = 0", "sector = 999999999"));
        assert!(message.contains("target"), "{message}");
        let (_, message) = line_of(&GOOD.replace("mib = 512", "mib = 256"));
        assert!(message.contains("513 buckets of 512 KiB"), "{message}");
        let (line, message) = line_of(&GOOD.replace("served_by", "bucket_kib = 1\nserved_by"));
        assert!(line == 13 && message.contains("bucket_kib"), "{message}");
    }

    #[test]
    fn ids_sort_as_people_count() {
        let mut ids = ["S10a", "S2", "S10", "L1", "S11", "S7c", "S7"];
        ids.sort_by_key(|id| natural(id));
        assert_eq!(ids, ["L1", "S2", "S7", "S7c", "S10", "S10a", "S11"]);
    }

    #[test]
    fn the_shipped_scenarios_parse() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workloads/scenarios");
        let scenarios = load_all(&dir).unwrap();
        let ids: Vec<_> = scenarios.iter().map(|s| s.id.as_str()).collect();
        let staged: Vec<_> = ids.iter().copied().filter(|id| id.starts_with('S')).collect();
        assert!(staged.starts_with(&["S1", "S2", "S3"]), "{ids:?}");
        assert!(ids.contains(&"L1") && scenarios[0].load.is_some(), "{ids:?}");
    }
}
