// SPDX-License-Identifier: MIT OR Apache-2.0
//! A plan's folder, with the shards' records.

use crate::exit;
use anyhow::Result;
use evidence::shard::{Plan, shard_dir};
use evidence::{RunRecord, Store};
use std::path::Path;

pub const PLAN: &str = "plan.json";

pub fn read_plan(dir: &Path) -> Result<Plan> {
    Plan::read(&dir.join(PLAN)).map_err(|error| {
        exit::usage(format!("{error}\n`cargo xtask shard plan --out {}` makes one", dir.display()))
    })
}

/// A shard's record; `None` when it has not run.
pub fn record_of(dir: &Path, number: usize) -> Result<Option<RunRecord>> {
    let path = shard_dir(dir, number).join("run.json");
    Store::read(&path).map_err(|error| exit::usage(error.to_string()))
}
