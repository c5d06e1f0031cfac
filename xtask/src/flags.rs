// SPDX-License-Identifier: MIT OR Apache-2.0
//! The whole command line in one place; the comments here are the help text.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const EXIT_CODES: &str = "\
Exit codes:
  0  every verdict is as expected
  1  a verdict contradicts its expectation
  2  wrong usage
  3  set-up incomplete (the command that completes it is printed)
  4  the harness failed, or a case stayed inconclusive";

/// Kernels, virtual disks, power cuts: shows whether bcache serves stale data.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXIT_CODES, max_term_width = 100)]
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
    /// Write the tracker's patches as mails, and check them as a maintainer's robots would.
    Series(SeriesArgs),
    /// Say what is missing on this machine, and install it.
    Setup(SetupArgs),
    /// Build kernels; prints a line per arm: name, tab, path of the image.
    Build(BuildArgs),
    /// List arms, scenarios and configurations.
    List,
    /// Measure the tool's own speed: boots, cases, builds.
    Bench(BenchArgs),
    /// Run every test of the project.
    Test(TestArgs),
    /// Delete what the tool has built and cached.
    Clean(CleanArgs),
    /// Print the JSON schema of run.json.
    Schema,
}

const RUN_EXAMPLES: &str = "\
Examples:
  cargo xtask run                                  base, v1 and rust on every scenario
  cargo xtask run --arm base --scenario S1         one case
  cargo xtask run --arm base --arm mine=fix.patch  your own patch beside the unpatched kernel
  cargo xtask run --kernel-src ~/linux             your own tree (a clean git tree, a folder or a tarball)

A patch, mbox, quilt folder or arm.toml can be given as PATH. An arm of yours is expected to be
clean everywhere; `base` is expected to fail.";

#[derive(Debug, Clone, Args)]
#[command(after_help = format!("{RUN_EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct RunArgs {
    /// One attempt per arm and scenario (the default).
    #[arg(long, conflicts_with = "full")]
    pub quick: bool,
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
    pub session: SessionArgs,
}

/// What every command that boots machines and keeps results understands.
#[derive(Debug, Clone, Args)]
pub struct SessionArgs {
    #[command(flatten)]
    pub kernel: KernelArgs,
    /// Seed of everything random; printed and recorded.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Virtual machines at once [default: number of cores, 4 at most].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub jobs: Option<u32>,
    /// Folder of the results; what was interrupted in it is resumed
    /// [default: below results/, named after the time].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Accelerator; `auto` boots once with KVM to see whether it works.
    #[arg(long, value_enum, default_value_t)]
    pub accel: AccelArg,
    /// Stop when something is missing instead of installing it.
    #[arg(long)]
    pub no_install: bool,
}

#[derive(Debug, Clone, Args)]
pub struct KernelArgs {
    /// Kernel source: a git tree (never touched, must be clean), a folder, a
    /// tarball, or a Debian package such as linux-source-7.2
    /// [default: the newest linux-source-7.x].
    #[arg(long, value_name = "WHERE")]
    pub kernel_src: Option<String>,
    /// Kernel configuration from kernel-config/.
    #[arg(long, value_name = "NAME", default_value = "plain")]
    pub config: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum AccelArg {
    #[default]
    Auto,
    Kvm,
    Tcg,
}

const EXPLORE_EXAMPLES: &str = "\
Examples:
  cargo xtask explore base                          all crash states of S2, S3 and X1, unpatched kernel
  cargo xtask explore rust --scenario S3 --jobs 4   one scenario, four machines at once
  cargo xtask explore v1 --limit 200                a sample, spread over the whole recording

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
    #[command(flatten)]
    pub session: SessionArgs,
}

const SERIES_EXAMPLES: &str = "\
Examples:
  cargo xtask series --out mails                 write the mails and check them (seconds)
  cargo xtask series --out mails --build         also build every step (an hour; goes on where it stopped)
  git send-email --to=... mails/*.patch          what to do with them

The folder then has the mails, series.txt (what was checked, and what came of it), series.json (the
same for programs) and logs/. What the series consists of, and where it has to apply and build, is
in kernel/series/series.toml.

Exit codes:
  0  every check holds
  1  the series is at fault: checkpatch, rustfmt or clippy complain, a mail does not apply or give
     the tree that the lab tests, or a step does not build
  2  wrong usage, or an error in series.toml
  3  a tool or a package is missing, so that something could not be checked
  4  the harness failed: an unpatched kernel does not build, or no space is left";

#[derive(Debug, Clone, Args)]
#[command(after_help = SERIES_EXAMPLES)]
pub struct SeriesArgs {
    /// Folder for the mails and the results; made when it is missing.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Build every step on every kernel that series.toml names, with and
    /// without Rust, as a module and built in, and run clippy.
    #[arg(long)]
    pub build: bool,
    /// Only these kernels of series.toml; repeatable.
    #[arg(long = "on", value_name = "PACKAGE")]
    pub kernels: Vec<String>,
    /// Who sends it, 'NAME <ADDRESS>' [default: git's user.name, user.email].
    #[arg(long, value_name = "WHO")]
    pub sign_off: Option<String>,
    /// Version of the series, for [PATCH vN n/m].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub reroll: Option<u32>,
    /// Folder with series/, patches/, tracker/ and arms/
    /// [default: kernel/ of this checkout].
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
}

const SETUP_EXAMPLES: &str = "\
Examples:
  cargo xtask setup --check   only report; exit code 3 when something is missing
  cargo xtask setup           install what is missing (as root, or with sudo -n)";

#[derive(Debug, Clone, Args)]
#[command(after_help = SETUP_EXAMPLES)]
pub struct SetupArgs {
    /// Only report.
    #[arg(long)]
    pub check: bool,
    /// Also what only the tests need (libnbd's clients).
    #[arg(long)]
    pub tests: bool,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example:\n  qemu-system-x86_64 -kernel \"$(cargo xtask build base | cut -f2)\" ..."
)]
pub struct BuildArgs {
    /// Arms, as for `run --arm`.
    #[arg(required = true, value_name = "ARM[=PATH]")]
    pub arms: Vec<String>,
    #[command(flatten)]
    pub kernel: KernelArgs,
    /// Stop when something is missing instead of installing it.
    #[arg(long)]
    pub no_install: bool,
}

#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// One JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Boots and cases per figure.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub samples: u32,
    /// Also build a kernel from nothing, in a folder of its own (minutes).
    #[arg(long)]
    pub cold: bool,
}

#[derive(Debug, Clone, Args)]
pub struct TestArgs {
    /// Only the tests that need no kernel and no VM.
    #[arg(long)]
    pub no_vm: bool,
    /// Only tests whose name contains this.
    pub filter: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct CleanArgs {
    /// Delete; without it, only say what would be deleted and how large it is.
    #[arg(long)]
    pub yes: bool,
}
