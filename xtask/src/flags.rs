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
    /// Write the tracker's patches as mails, and check them as a maintainer's robots would.
    Series(SeriesArgs),
    /// Say what is missing on this machine, and install it.
    Setup(SetupArgs),
    /// Build kernels; prints a line per arm: name, tab, path of the image.
    Build(BuildArgs),
    /// List arms, scenarios and configurations.
    List,
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
}

const RUN_EXAMPLES: &str = "\
Examples:
  cargo xtask run                                  base, v1 and rust on every quick scenario
  cargo xtask run --arm base --scenario S1         one case
  cargo xtask run --arm base --arm mine=fix.patch  your own patch beside the unpatched kernel
  cargo xtask run --arm rust --config lockdep      a kernel that checks itself; a report is exit code 1
  cargo xtask run --kernel-src ~/linux             your own tree (a clean git tree, a folder or a tarball)
  cargo xtask run --scenario L1 --quick            fio under load: every arm, three runs of each
  cargo xtask run --scenario L3 --arm rust --hours 8   power cuts under load, all night

A patch, mbox, quilt folder or arm.toml can be given as PATH. An arm of yours is expected to be
clean everywhere; `base` is expected to fail.";

#[derive(Debug, Clone, Args)]
#[command(after_help = format!("{RUN_EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct RunArgs {
    /// One attempt per arm and scenario (the default); loads (L1, ...): three,
    /// of every arm where none is named.
    #[arg(long, conflicts_with = "full")]
    pub quick: bool,
    /// Five attempts per arm and scenario, the slow scenarios included; loads:
    /// twenty, of every arm where none is named.
    #[arg(long)]
    pub full: bool,
    /// So many attempts instead: fixed before the first one runs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub attempts: Option<u32>,
    /// Power cuts in each case of L2 and L3.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "hours")]
    pub cycles: Option<u32>,
    /// Hours that each case of L2 and L3 goes on.
    #[arg(long, value_name = "H", value_parser = hours)]
    pub hours: Option<f64>,
    /// An arm of the project, or NAME=PATH for your own patch; repeatable.
    #[arg(long = "arm", value_name = "NAME[=PATH]")]
    pub arms: Vec<String>,
    /// A scenario by id or name; repeatable. Default: all that are quick (with
    /// --full, all) but the loads.
    #[arg(long = "scenario", value_name = "ID")]
    pub scenarios: Vec<String>,
    /// Boot every machine from nothing. Otherwise a guest that would be booted
    /// three times or more is saved after its first boot and restored.
    #[arg(long)]
    pub cold: bool,
    #[command(flatten)]
    pub session: SessionArgs,
}

fn hours(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(hours) if hours > 0.0 && hours <= 1000.0 => Ok(hours),
        _ => Err("a number of hours above 0, such as 8 or 0.5".to_owned()),
    }
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
    /// Kernel configuration from kernel-config/: plain, or one with checks of
    /// the kernel's own (lockdep, kasan, kcsan) or failing allocations (fault).
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
  cargo xtask log results/RUN/logs/base-S2-1               everything that both disks saw
  cargo xtask log results/RUN/logs/base-S2-1/events --disk hdd --sector 65552
                                                           what happened to one sector
  cargo xtask log events --json | jq .                     one JSON object a line

A log that was cut short because its tool was killed is printed as far as it goes, and where it
stops is said (exit code 0); for a damaged one, the exit code is 4. The format is described in
crates/vdisk/src/log/mod.rs.";

#[derive(Debug, Clone, Args)]
#[command(after_help = LOG_EXAMPLES)]
pub struct LogArgs {
    /// An event log, or the folder of a case that has one.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
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

const EVIDENCE_EXAMPLES: &str = "\
Examples:
  cargo xtask evidence                          the newest run below results/, into its folder evidence/
  cargo xtask evidence r1 soak --out /tmp/e     two runs of the same kernels as one
  cargo xtask evidence latest --publish full    also keep it, small, as results/published/full
  cargo xtask evidence --readme --check         exit code 1 when README.md or a plot is not what is published

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
    /// Also keep the evidence and replay bundles in results/published/NAME, and
    /// renew what README.md shows of it.
    #[arg(long, value_name = "NAME")]
    pub publish: Option<String>,
    /// Rewrite the blocks of README.md that come from results/published/, and
    /// their plots.
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
    /// Go on with a kernel that other compilers have built, or that is not the
    /// same bit for bit.
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
    /// Build on these kernels of series.toml only; repeatable.
    #[arg(long = "on", value_name = "PACKAGE", requires = "build")]
    pub kernels: Vec<String>,
    /// Who sends it, 'NAME <ADDRESS>' [default: git's user.name, user.email].
    #[arg(long, value_name = "WHO", value_parser = person)]
    pub sign_off: Option<String>,
    /// Version of the series, for [PATCH vN n/m].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub reroll: Option<u32>,
    /// Folder with series/, patches/, tracker/ and arms/
    /// [default: kernel/ of this checkout].
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
}

fn person(text: &str) -> Result<String, String> {
    if kbuild::series::is_person(text) {
        Ok(text.to_owned())
    } else {
        Err("'NAME <ADDRESS>' is expected".to_owned())
    }
}

const SETUP_EXAMPLES: &str = "\
Examples:
  cargo xtask setup --check   only report; exit code 3 when something is missing
  cargo xtask setup           install what is missing (as root, or with sudo -n)
  cargo xtask setup --config kasan   and clang";

#[derive(Debug, Clone, Args)]
#[command(after_help = SETUP_EXAMPLES)]
pub struct SetupArgs {
    /// Only report.
    #[arg(long)]
    pub check: bool,
    /// Also what only the tests need (libnbd's clients).
    #[arg(long)]
    pub tests: bool,
    /// Also what this configuration needs: kasan and kcsan are built with
    /// clang.
    #[arg(long, value_name = "NAME", default_value = "plain")]
    pub config: String,
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
    /// Only the virtual disks, beside a raw file of QEMU and nbdkit's memory.
    #[arg(long, conflicts_with = "cold")]
    pub disks: bool,
    /// Only the comparison of a 1 GiB device with its cache, which ends a load.
    #[arg(long, conflicts_with_all = ["cold", "disks"])]
    pub sweep: bool,
    /// Also build a kernel from nothing, in a folder of its own (minutes).
    #[arg(long)]
    pub cold: bool,
}

#[derive(Debug, Clone, Args)]
pub struct TestArgs {
    /// Only the tests that need no kernel and no VM.
    #[arg(long)]
    pub no_vm: bool,
    /// Also every build of the series, and every debugging configuration: all
    /// scenarios on rust, c and ordered must stay clean, the tracker's KUnit
    /// tests must pass, and a faulty kernel must be found out. Builds a dozen
    /// kernels from nothing (hours on two cores); interrupted, the same command
    /// goes on.
    #[arg(long, conflicts_with_all = ["no_vm", "filter"])]
    pub full: bool,
    /// Only that part of --full, for this configuration (repeatable).
    #[arg(long = "config", value_name = "NAME", conflicts_with_all = ["no_vm", "filter", "full"])]
    pub configs: Vec<String>,
    /// Only tests whose name contains this.
    pub filter: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct CleanArgs {
    /// Delete; without it, only say what would be deleted and how large it is.
    #[arg(long)]
    pub yes: bool,
    /// Only kernel sources, object trees, images and leftovers that were not
    /// used for DAYS days.
    #[arg(long, value_name = "DAYS", num_args = 0..=1, default_missing_value = "30")]
    pub old: Option<u32>,
}

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
