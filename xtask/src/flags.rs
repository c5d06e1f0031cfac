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
    /// Report, cover letter and exports from complete runs.
    Evidence(EvidenceArgs),
    /// Show one case: what was seen, and its race event by event.
    Show(ShowArgs),
    /// Play a case again and say whether its verdict comes back.
    Replay(ReplayArgs),
    /// A machine with bcache set up, its console on this terminal.
    Shell(ShellArgs),
    /// Measure what the fix costs: instructions, memory, cache hits, speed.
    Perf(PerfArgs),
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

const EVIDENCE_EXAMPLES: &str = "\
Examples:
  cargo xtask evidence                          the newest run below results/, into its folder evidence/
  cargo xtask evidence r1 soak --out /tmp/e     two runs of the same kernels as one
  cargo xtask evidence latest --publish full    also keep it, small, as results/published/full
  cargo xtask evidence --readme --check         exit code 1 when README.md is not what is published

Written: report.html, cover-letter.txt, run.json, kcidb.json (KCIDB I/O 5.3), junit.xml, results.ktap.
Runs whose kernels or tools differ, and incomplete ones, are refused.";

#[derive(Debug, Clone, Args)]
#[command(after_help = EVIDENCE_EXAMPLES)]
pub struct EvidenceArgs {
    /// Runs: folders, names below results/, or `latest` [default: latest].
    #[arg(value_name = "RUN")]
    pub runs: Vec<String>,
    /// Folder to write to [default: evidence/ in the first run's folder].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Also keep the evidence and replay bundles in results/published/NAME.
    #[arg(long, value_name = "NAME")]
    pub publish: Option<String>,
    /// Rewrite the block of README.md that comes from results/published/.
    #[arg(long, conflicts_with_all = ["runs", "out", "publish"])]
    pub readme: bool,
    /// With --readme: change nothing, exit code 1 when it is out of date.
    #[arg(long, requires = "readme")]
    pub check: bool,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  cargo xtask show results/20261124t101500z base/S1   the case and its time line
  cargo xtask show latest rust/S3/2                   second attempt, newest run below results/
  cargo xtask show latest base/L1 --sector 40960      another block of the bcache device

Time runs downwards; a column per disk shows which requests were under way. What bcache did by
itself cannot be seen at the disks: it is inferred, and marked so.";

#[derive(Debug, Clone, Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub struct ShowArgs {
    /// A run: its folder, its name below results/, or `latest`.
    #[arg(value_name = "RUN")]
    pub run: String,
    /// A case: ARM/SCENARIO, or ARM/SCENARIO/ATTEMPT.
    #[arg(value_name = "CASE")]
    pub case: String,
    /// The block to follow, by a sector of the bcache device
    /// [default: the one that the case is about].
    #[arg(long, value_name = "SECTOR")]
    pub sector: Option<u64>,
}

const REPLAY_EXAMPLES: &str = "\
Examples:
  cargo xtask replay latest base/S2                     same kernel, seed, schedule and holds
  cargo xtask replay latest base/S2 --bundle s2.bundle  one small file for somebody else
  cargo xtask replay s2.bundle                          theirs: builds the same kernel, checks its hash

A bundle is data: its scenario is played in a virtual machine. Its kernel is built from the arm of
this checkout when that has the same content; a patch that came with the bundle is built only with
--trust, because a kernel's Makefiles run on this machine. Read it first: --show-patch.

Exit codes: 0 the same outcome, 1 another one, 2 wrong usage, 3 set-up incomplete, 4 no verdict.";

#[derive(Debug, Clone, Args)]
#[command(after_help = REPLAY_EXAMPLES)]
pub struct ReplayArgs {
    /// A run (folder, name below results/, `latest`), or a bundle.
    #[arg(value_name = "RUN|BUNDLE")]
    pub from: String,
    /// A case of the run: ARM/SCENARIO, or ARM/SCENARIO/ATTEMPT.
    #[arg(value_name = "CASE")]
    pub case: Option<String>,
    /// Write a bundle of the case instead of playing it.
    #[arg(long, value_name = "FILE", requires = "case")]
    pub bundle: Option<PathBuf>,
    /// Build the patch that came with a bundle.
    #[arg(long)]
    pub trust: bool,
    /// Print the patch that came with a bundle, and do nothing else.
    #[arg(long)]
    pub show_patch: bool,
    /// Go on with a kernel that other compilers have built.
    #[arg(long)]
    pub other_compiler: bool,
    /// Kernel source, as for `run`; it must have the recorded content
    /// [default: as recorded].
    #[arg(long, value_name = "WHERE")]
    pub kernel_src: Option<String>,
    /// Folder of the replay's results [default: below results/].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Stop when something is missing instead of installing it.
    #[arg(long)]
    pub no_install: bool,
}

const SHELL_EXAMPLES: &str = "\
Examples:
  cargo xtask shell base                 /dev/bcache0 is there, fio too
  cargo xtask shell rust --gdb           and `gdb` may attach to the kernel on port 1234
  echo 'cat /sys/block/bcache0/bcache/state' | cargo xtask shell base

Leave with `exit`, `poweroff`, Ctrl-D or Ctrl-]; nothing stays behind. The disks are virtual and
forgotten at the end.";

#[derive(Debug, Clone, Args)]
#[command(after_help = SHELL_EXAMPLES)]
pub struct ShellArgs {
    /// An arm of the project, or NAME=PATH for your own patch.
    #[arg(value_name = "ARM[=PATH]")]
    pub arm: String,
    /// Let gdb attach to the guest's kernel on this port of this machine only.
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "1234")]
    pub gdb: Option<u16>,
    /// Size of the cache device.
    #[arg(long, value_name = "MIB", default_value_t = 512,
        value_parser = clap::value_parser!(u64).range(512..=65536))]
    pub ssd_mib: u64,
    /// Size of the backing device.
    #[arg(long, value_name = "MIB", default_value_t = 1024,
        value_parser = clap::value_parser!(u64).range(16..=1_048_576))]
    pub hdd_mib: u64,
    #[command(flatten)]
    pub kernel: KernelArgs,
    /// Accelerator; `auto` boots once with KVM to see whether it works.
    #[arg(long, value_enum, default_value_t)]
    pub accel: AccelArg,
    /// Stop when something is missing instead of installing it.
    #[arg(long)]
    pub no_install: bool,
}

const PERF_EXAMPLES: &str = "\
Examples:
  cargo xtask perf --quick                      instructions, memory, hits: some ten minutes on two cores
  cargo xtask perf --arms base,rust             two arms, everything
  cargo xtask perf --only instructions          noise-free, whatever else the machine does
  cargo xtask perf --pairs 10 --out results/p   more pairs; the same --out resumes

Boots come in ABBA order; one boot is one sample. The first arm is the reference, and is measured
twice in every round: the ratio of the two is the noise floor. Instructions are counted inside
QEMU (TCG); times are those of the accelerator, and indicative only without KVM.

Exit codes: 0 measured; 2 wrong usage; 3 set-up incomplete; 4 the harness failed.";

#[derive(Debug, Clone, Args)]
#[command(after_help = PERF_EXAMPLES)]
pub struct PerfArgs {
    /// Arms, the first being the reference; NAME=PATH for your own.
    #[arg(
        long,
        value_name = "A,B",
        value_delimiter = ',',
        default_value = "base,c,rust,ordered,two-pass"
    )]
    pub arms: Vec<String>,
    /// Boots of every arm [default: 6, with --quick 4].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub pairs: Option<u32>,
    /// Fewer pairs and points, and no fio.
    #[arg(long)]
    pub quick: bool,
    /// Only these parts; repeatable.
    #[arg(long, value_enum, value_name = "PART")]
    pub only: Vec<PerfPart>,
    /// Half-width of the equivalence statements in per cent.
    #[arg(long, value_name = "PERCENT", default_value_t = 2.0)]
    pub margin: f64,
    #[command(flatten)]
    pub session: SessionArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PerfPart {
    /// Instructions and journal writes per request.
    Instructions,
    /// fio's figures.
    Speed,
    /// Memory of the tracker for 1, 10 and 100 TiB.
    Memory,
    /// Needless skips of cache fills against writes in flight.
    Hits,
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
