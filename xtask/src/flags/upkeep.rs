// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tool and its machine: `list`, `completions`, `setup`, `build`, `bench`,
//! `test`, `clean`.

use super::KernelArgs;
use clap::{Args, ValueEnum};

#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// JSON instead of tables.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example, for this shell only:\n  source <(cargo xtask completions bash)\n\nIt also defines `xtask`, which stands for `cargo xtask` and is what is completed."
)]
pub struct CompletionsArgs {
    #[arg(value_enum)]
    pub shell: ShellName,
}

/// The shells that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShellName {
    Bash,
    Fish,
    Zsh,
}

const SETUP_EXAMPLES: &str = "\
Examples:
  cargo xtask setup --check   only report; exit code 3 when something is missing
  cargo xtask setup           install what is missing (as root, or with sudo -n)
  cargo xtask setup --config kasan   and clang
  cargo xtask setup --check --as fedora   what another host would be told";

#[derive(Debug, Clone, Args)]
#[command(after_help = SETUP_EXAMPLES)]
pub struct SetupArgs {
    /// Only report.
    #[arg(long)]
    pub check: bool,
    /// Also what only the tests need (libnbd's clients).
    #[arg(long)]
    pub tests: bool,
    /// What all of it is called on another host (arch, debian, debian-12,
    /// fedora, opensuse, ubuntu).
    #[arg(long = "as", value_name = "HOST", requires = "check")]
    pub as_host: Option<String>,
    /// Boot a guest under KVM and print what to report, whatever comes of it.
    #[arg(long, conflicts_with_all = ["check", "tests"])]
    pub try_kvm: bool,
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
