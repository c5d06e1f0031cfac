// SPDX-License-Identifier: MIT OR Apache-2.0
//! `shard`.

use super::{AccelArg, KernelArgs};
use clap::{Args, Subcommand};
use std::path::PathBuf;

const SHARD_EXAMPLES: &str = "\
Examples:
  cargo xtask shard plan --shards 4 --out farm --full   farm/plan.json: which case belongs where
  cargo xtask shard run farm 3                          one shard, on any machine with this checkout
  cargo xtask shard run farm --all --jobs 2             all shards here, two at once
  cargo xtask shard merge farm                          one run in farm/merged, as if unsharded
  sbatch farm/shards.sbatch                             with `plan --slurm`: a Slurm job array

Everything can be repeated: a plan is the same for the same options, a shard goes on where it
stopped, a merge replaces what it made before. Merging refuses records of different kernels,
scenarios, guests or tools, and names a shard that is missing.";

#[derive(Debug, Clone, Args)]
#[command(after_help = SHARD_EXAMPLES)]
pub struct ShardArgs {
    #[command(subcommand)]
    pub what: ShardCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub enum ShardCommand {
    /// Deal the cases of a run out to shards.
    Plan(ShardPlanArgs),
    /// Run one shard, or all of them here.
    Run(ShardRunArgs),
    /// Put the shards' results together.
    Merge(ShardMergeArgs),
}

#[derive(Debug, Clone, Args)]
pub struct ShardPlanArgs {
    /// Into how many shards.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=9999))]
    pub shards: u32,
    /// Folder of the plan; the shards' results go beside it.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Attempts per arm and scenario [default: 1, with --full 5].
    #[arg(long, value_name = "N", conflicts_with = "full",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub attempts: Option<u32>,
    /// Five attempts per arm and scenario.
    #[arg(long)]
    pub full: bool,
    /// An arm of the project, or NAME=PATH for your own patch; repeatable.
    #[arg(long = "arm", value_name = "NAME[=PATH]")]
    pub arms: Vec<String>,
    /// A scenario by id or name; repeatable. Default: all of them.
    #[arg(long = "scenario", value_name = "ID")]
    pub scenarios: Vec<String>,
    #[command(flatten)]
    pub kernel: KernelArgs,
    /// Seed of everything random.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Accelerator of all machines.
    #[arg(long, value_enum, default_value_t)]
    pub accel: AccelArg,
    /// Also write shards.sbatch, a Slurm job array that runs the shards.
    #[arg(long)]
    pub slurm: bool,
    /// Print a GitHub Actions job matrix (one line of JSON) and nothing else.
    #[arg(long)]
    pub github: bool,
}

#[derive(Debug, Clone, Args)]
pub struct ShardRunArgs {
    /// Folder of the plan.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Which shard, from 1.
    #[arg(value_name = "NUMBER", required_unless_present = "all")]
    pub number: Option<u32>,
    /// All shards that are not finished, each in a process of its own.
    #[arg(long, conflicts_with = "number")]
    pub all: bool,
    /// Virtual machines at once; with --all, shards at once
    /// [default: number of cores, 4 at most].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub jobs: Option<u32>,
    /// Stop when something is missing instead of installing it.
    #[arg(long)]
    pub no_install: bool,
}

#[derive(Debug, Clone, Args)]
pub struct ShardMergeArgs {
    /// Folder of the plan.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Folder of the merged run [default: DIR/merged].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}
