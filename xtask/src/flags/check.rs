// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check` and `new`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

const CHECK_EXAMPLES: &str = "\
Examples:
  cargo xtask check                     every scenario of the project
  cargo xtask check mine.toml           one file, its id and name against the project's as well
  cargo xtask check mine/ --arm mine    a folder, whose [expect] may name the arm \"mine\"

What a scenario may say is in docs/scenarios.md. Exit codes: 0 nothing wrong; 2 mistakes.";

#[derive(Debug, Clone, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct CheckArgs {
    /// Scenarios, or folders of them [default: those of the project].
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// An arm of yours that [expect] may name; repeatable.
    #[arg(long = "arm", value_name = "NAME")]
    pub arms: Vec<String>,
    /// JSON instead of lines.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct NewArgs {
    #[command(subcommand)]
    pub what: NewCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub enum NewCommand {
    /// A scenario with comments, which passes `check`.
    Scenario {
        /// Lower-case letters, digits and dashes.
        name: String,
        /// Where to put it [default: workloads/scenarios].
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}
