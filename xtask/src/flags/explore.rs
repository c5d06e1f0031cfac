// SPDX-License-Identifier: MIT OR Apache-2.0
//! `explore`, and `log` for what it and other runs recorded.

use super::SessionArgs;
use crate::exit::EXIT_CODES;
use clap::Args;

const EXPLORE_EXAMPLES: &str = "\
Examples:
  cargo xtask explore base                          all crash states of S2, S3 and X1, unpatched kernel
  cargo xtask explore rust --scenario S3 --jobs 4   one scenario, four machines at once
  cargo xtask explore v1 --limit 200                a sample, spread over the whole recording
  cargo xtask explore base --scenario X4 --out DIR --state 62
                                                    one state of an earlier exploration once more

Which bad states an arm is expected to have is in workloads/explore.toml. Exit code 1 says that
there are others, or that a faulty arm did not show what it must.";

#[derive(Debug, Clone, Args)]
#[command(after_help = format!("{EXPLORE_EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct ExploreArgs {
    /// An arm of the project, or NAME=PATH for your own patch.
    #[arg(value_name = "ARM[=PATH]")]
    pub arm: String,
    /// A scenario to record, by id or name, up to its first cut; repeatable
    /// [default: S2, S3 and X1].
    #[arg(long = "scenario", value_name = "ID")]
    pub scenarios: Vec<String>,
    /// At most so many distinct states per scenario, spread evenly
    /// [default: all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Only this state of an exploration in --out, once more: from a cold boot,
    /// shrunk and explained. Needs one --scenario.
    #[arg(long, value_name = "N", requires_all = ["out", "scenarios"], conflicts_with = "limit")]
    pub state: Option<u64>,
    #[command(flatten)]
    pub session: SessionArgs,
}

const LOG_EXAMPLES: &str = "\
Examples:
  cargo xtask log latest base/S2                           everything that both disks saw
  cargo xtask log results/RUN/logs/base-S2-1/events --disk hdd --sector 65552
                                                           what happened to one sector
  cargo xtask log events --json | jq .                     one JSON object a line

A log that was cut short because its tool was killed is printed as far as it goes, and where it
stops is said (exit code 0); for a damaged one, the exit code is 4. The format is described in
crates/vdisk/src/log/mod.rs.";

#[derive(Debug, Clone, Args)]
#[command(after_help = LOG_EXAMPLES)]
pub struct LogArgs {
    /// A run, as for `show`; or an event log, or a folder that has one.
    #[arg(value_name = "RUN|FILE")]
    pub from: String,
    /// A case of the run: ARM/SCENARIO, or ARM/SCENARIO/ATTEMPT.
    #[arg(value_name = "CASE")]
    pub case: Option<String>,
    /// Only events of this disk (ssd, hdd) and of all.
    #[arg(long, value_name = "NAME")]
    pub disk: Option<String>,
    /// Only requests that touch this sector (512 B) of a disk, and flushes.
    #[arg(long, value_name = "N")]
    pub sector: Option<u64>,
    /// One JSON object per event instead of text.
    #[arg(long)]
    pub json: bool,
}
