// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run that is spread over several processes or machines.
//!
//! A *plan* says which case belongs to which shard and nothing about who runs
//! it. A shard's `run.json` is an ordinary, incomplete record of the whole
//! run that holds the shard's cases; merging is their union, refused when the
//! records are not of one experiment.

mod files;
mod merge;
mod plan;

pub use files::{keep_logs, shard_dir};
pub use merge::{Gap, MergeError, merge};
pub use plan::{PLAN_VERSION, Plan, PlanError, PlanScenario};
