// SPDX-License-Identifier: MIT OR Apache-2.0
//! `nightly`.

use super::SessionArgs;
use clap::Args;
use std::path::PathBuf;

const NIGHTLY_EXAMPLES: &str = "\
Examples:
  cargo xtask nightly                                everything here, in one process
  cargo xtask nightly --plan farm --shards 8         only build and plan; prints a GitHub job matrix
  cargo xtask nightly --from farm/merged             only compare a run that was made elsewhere

The report opens with regressions and the commands that reproduce them, then patches that no longer
apply (with the hunk), then figures whose level changed (with the interval; noise is not reported).
Exit code 1: a verdict contradicts its expectation, or an arm has no kernel any more.";

#[derive(Debug, Clone, Args)]
#[command(after_help = NIGHTLY_EXAMPLES)]
pub struct NightlyArgs {
    /// One line per night; tonight's is added
    /// [default: results/nightly.jsonl].
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// Also write the report there (Markdown).
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Attempts per arm and scenario.
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub attempts: u32,
    /// Arms; repeatable. Default: all but mutants and KUnit kernels.
    #[arg(long = "arm", value_name = "NAME[=PATH]")]
    pub arms: Vec<String>,
    /// A scenario by id or name; repeatable. Default: all of them.
    #[arg(long = "scenario", value_name = "ID")]
    pub scenarios: Vec<String>,
    /// Build the kernels and write a shard plan there instead of running.
    #[arg(long, value_name = "DIR", requires = "shards", conflicts_with = "from")]
    pub plan: Option<PathBuf>,
    /// Shards of --plan.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=9999))]
    pub shards: Option<u32>,
    /// Compare this run's folder instead of running.
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    #[command(flatten)]
    pub session: SessionArgs,
}
