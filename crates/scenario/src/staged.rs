// SPDX-License-Identifier: MIT OR Apache-2.0
//! The file of a scenario that goes step by step.

use crate::error::ScenarioError;
use crate::layout::DATA_OFFSET;
use crate::scenario::Scenario;
use crate::setup::{BcacheSetup, Block, Disks, yes};
use crate::step::Step;
use evidence::Verdict;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use toml::Spanned;

/// Buckets that `cache_alloc` asks for: with fewer, it finds its lists of free
/// buckets to have no place at all.
const FEWEST_BUCKETS: u64 = 513;

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

/// Parses one; `path` is only for messages.
pub(crate) fn parse(path: &Path, text: &str) -> Result<Scenario, ScenarioError> {
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
