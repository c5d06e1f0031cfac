// SPDX-License-Identifier: MIT OR Apache-2.0
//! The whole command line, a file per kind of command; the comments are the help text.

mod check;
mod explore;
mod nightly;
mod perf;
mod results;
mod run;
mod series;
mod session;
mod shard;
mod shell;
mod upkeep;

pub use self::perf::PerfArgs;
use crate::exit::EXIT_CODES;
pub use check::{CheckArgs, NewArgs, NewCommand};
use clap::{Parser, Subcommand};
pub use explore::{ExploreArgs, LogArgs};
pub use nightly::NightlyArgs;
pub use results::{EvidenceArgs, ReplayArgs, RunsArgs, ShowArgs};
pub use run::RunArgs;
pub use series::SeriesArgs;
pub use session::{AccelArg, KernelArgs, OwnArgs, SessionArgs};
pub use shard::{ShardArgs, ShardCommand, ShardMergeArgs, ShardPlanArgs, ShardRunArgs};
pub use shell::ShellArgs;
pub use upkeep::{
    BenchArgs, BuildArgs, CleanArgs, CompletionsArgs, ListArgs, SetupArgs, ShellName, TestArgs,
};

/// Kernels, virtual disks, power cuts: shows whether bcache serves stale data.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    after_help = EXIT_CODES,
    max_term_width = 100
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build the arms, run the scenarios, print the table of verdicts.
    Run(RunArgs),
    /// Try every crash state of a recorded run.
    Explore(ExploreArgs),
    /// Report, cover letter and exports from complete runs.
    Evidence(EvidenceArgs),
    /// Show a run's table again, or one case and its race event by event.
    Show(ShowArgs),
    /// List the runs that are kept below results/.
    Runs(RunsArgs),
    /// Play a case again and say whether its verdict comes back.
    Replay(ReplayArgs),
    /// A machine with bcache set up, its console on this terminal.
    Shell(ShellArgs),
    /// Measure what the fix costs: instructions, memory, cache hits, speed.
    Perf(PerfArgs),
    /// Write the tracker's patches as mails, and check them as a maintainer's robots would.
    Series(SeriesArgs),
    /// Say what is missing on this machine, and install it.
    Setup(SetupArgs),
    /// Build kernels; prints a line per arm: name, tab, path of the image.
    Build(BuildArgs),
    /// List arms, scenarios and configurations.
    List(ListArgs),
    /// Find what is wrong with scenarios, without booting anything.
    Check(CheckArgs),
    /// Write a file to start from: a scenario.
    New(NewArgs),
    /// Print the disks' event log of a case.
    Log(LogArgs),
    /// Measure the tool's own speed: boots, cases, builds, disks.
    Bench(BenchArgs),
    /// Spread a run over several processes or machines.
    Shard(ShardArgs),
    /// The nightly run on the newest kernel, compared with earlier nights.
    Nightly(NightlyArgs),
    /// Run every test of the project.
    Test(TestArgs),
    /// Delete what the tool has built and cached.
    Clean(CleanArgs),
    /// Print the JSON schema of run.json.
    Schema,
    /// Print what makes a shell complete this command line.
    Completions(CompletionsArgs),
}

impl Command {
    /// Whether it prints what there is, and neither makes nor ends anything.
    #[must_use]
    pub fn only_prints(&self) -> bool {
        matches!(
            self,
            Self::List(_)
                | Self::Check(_)
                | Self::Completions(_)
                | Self::Runs(_)
                | Self::Schema
                | Self::Show(_)
        )
    }
}
