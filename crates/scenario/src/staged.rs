// SPDX-License-Identifier: MIT OR Apache-2.0
//! The file of a scenario that goes step by step.

use crate::error::{ScenarioError, wrong};
use crate::layout::DATA_OFFSET;
use crate::scenario::Scenario;
use crate::setup::{BcacheSetup, Block, DiskSetup, Disks, yes};
use crate::step::{Action, Mention, Registered, Step};
use crate::volume::Volume;
use evidence::Verdict;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use toml::Spanned;

/// Buckets that `cache_alloc` asks for: with fewer, it finds its lists of free
/// buckets to have no place at all.
const FEWEST_BUCKETS: u64 = 513;

/// A scenario that goes step by step. Steps are parsed one by one so that an error
/// can name its line.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StagedFile {
    /// `S1`, `S2`...; explorations are `X1`...
    id: String,
    /// Short name.
    name: String,
    /// One line for tables and help.
    title: String,
    /// What the scenario is after, for reports.
    why: String,
    /// Whether it is played when no scenario is named: slow ones wait for
    /// `--full`.
    #[serde(default = "yes")]
    quick: bool,
    /// Whether a guest that was saved after its boot may play it.
    #[serde(default = "yes")]
    restore: bool,
    /// The two virtual disks.
    disks: Disks,
    /// What is set in sysfs before the first step.
    bcache: BcacheSetup,
    /// Named ranges of the bcache device.
    blocks: BTreeMap<String, Block>,
    /// What is done, in order; the last one is `judge`.
    #[schemars(with = "Vec<Action>")]
    step: Vec<Spanned<toml::Table>>,
    /// Expected verdict by arm; `ok` for those that are not named.
    expect: BTreeMap<String, Verdict>,
}

/// Parses one; `path` is only for messages.
pub(crate) fn parse(path: &Path, text: &str) -> Result<Scenario, ScenarioError> {
    let fail = |at: usize, message| Err(wrong(path, text, at, message));
    let raw: StagedFile = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        wrong(path, text, at, error.message().to_owned())
    })?;
    let mut steps = Vec::new();
    for (number, step) in (1..).zip(raw.step) {
        let at = step.span().start;
        let line = text[..at.min(text.len())].matches('\n').count() + 1;
        let step = Step::parse(step.into_inner(), line).and_then(|step| {
            match step.mentions().iter().find_map(|name| unknown_block(*name, &raw.blocks)) {
                Some(message) => Err(message),
                None => Ok(step),
            }
        });
        match step {
            Ok(step) => steps.push(step),
            Err(message) => return fail(at, format!("step {number}: {message}")),
        }
    }
    if let Some((word, message)) = volumes(&raw.disks, &raw.bcache, &steps) {
        return fail(text.find(word).unwrap_or(0), message.to_owned());
    }
    for (name, block) in &raw.blocks {
        let Some(limit) = sectors(block.on, &raw.disks, &raw.bcache, &steps) else {
            let message =
                format!("block {name:?} is on a device that is not there: {:?}", block.on);
            let message = format!("{message}; see disks.hdd2 and bcache.flash_mib");
            return fail(text.find("[blocks]").unwrap_or(0), message);
        };
        if block.sectors == 0 || block.sector.saturating_add(block.sectors.into()) > limit {
            let message = format!("block {name:?} must be non-empty and end before sector {limit}");
            let blocks = text.find("[blocks]").unwrap_or(0);
            let at = text[blocks..].find(&format!("\n{name} ")).map_or(0, |at| at + 1);
            return fail(blocks + at, message);
        }
    }
    if raw.disks.ssd.mib * 1024 < FEWEST_BUCKETS * raw.bcache.bucket_kib {
        let message = format!(
            "an SSD of {} MiB has fewer than {FEWEST_BUCKETS} buckets of {} KiB: a larger SSD, or \
             a smaller bucket_kib",
            raw.disks.ssd.mib, raw.bcache.bucket_kib
        );
        return fail(text.find("[disks]").unwrap_or(0), message);
    }
    if steps.iter().all(|step| step.proves.is_none()) {
        let message = "no step has `proves`: a scenario without an opportunity proves nothing";
        return fail(0, message.to_owned());
    }
    if !matches!(steps.last(), Some(Step { action: Action::Judge(_), .. })) {
        return fail(0, "the last step must be `judge`".to_owned());
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
        path: path.to_owned(),
        hash: blake3::hash(text.as_bytes()).to_hex().to_string(),
        load: None,
    })
}

/// The most sectors that a bcache device ever has; `None` where it is not there.
fn sectors(of: Volume, disks: &Disks, bcache: &BcacheSetup, steps: &[Step]) -> Option<u64> {
    // data_offset is in front.
    let behind = |disk: &DiskSetup| (disk.mib * 2048).saturating_sub(DATA_OFFSET);
    match of {
        Volume::Hdd => Some(behind(&disks.hdd)),
        Volume::Hdd2 => disks.hdd2.as_ref().map(behind),
        Volume::Flash => {
            let sizes = resizes(steps).chain(bcache.flash_mib);
            bcache.flash_mib.and_then(|_| sizes.max()).map(|mib| mib * 2048)
        }
    }
}

/// The sizes that the flash-only volume is given, in MiB.
fn resizes(steps: &[Step]) -> impl Iterator<Item = u64> {
    steps.iter().filter_map(|step| match &step.action {
        Action::Resize(resize) => Some(resize.mib),
        _ => None,
    })
}

/// What is wrong with the bcache devices, and the word to look at.
fn volumes(
    disks: &Disks,
    bcache: &BcacheSetup,
    steps: &[Step],
) -> Option<(&'static str, &'static str)> {
    let ssd_first = |step: &Step| match &step.action {
        Action::Boot(boot) => boot.register == Registered::SsdFirst,
        _ => false,
    };
    if bcache.flash_mib.is_none() {
        let message = "there is no flash-only volume to resize: see bcache.flash_mib";
        return resizes(steps).next().map(|_| ("\"resize\"", message));
    }
    if disks.hdd2.is_some() {
        return Some(("hdd2", "hdd2 and bcache.flash_mib: one of them is enough"));
    }
    steps.iter().any(ssd_first).then_some((
        "\"boot\"",
        "a flash-only volume comes with its cache set, and the backing device is to be \
         /dev/bcache0: register = \"hdd-first\" in each `boot`",
    ))
}

/// What to say of a block that is not there.
fn unknown_block(mention: Mention<'_>, blocks: &BTreeMap<String, Block>) -> Option<String> {
    let (Mention::Block(name) | Mention::Pieces(name, _)) = mention else { return None };
    (!blocks.contains_key(name)).then(|| {
        let known: Vec<_> = blocks.keys().map(String::as_str).collect();
        format!("no block {name:?}; [blocks] has {}", known.join(", "))
    })
}
