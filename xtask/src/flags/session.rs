// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every command that boots machines understands: kernels, seeds, accelerator.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

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

impl SessionArgs {
    /// For a command that keeps no results.
    pub fn of(kernel: KernelArgs, accel: AccelArg, no_install: bool) -> Self {
        Self { kernel, seed: 1, jobs: None, out: None, accel, no_install }
    }
}

#[derive(Debug, Clone, Default, Args)]
pub struct KernelArgs {
    /// Kernel source: a git tree (never touched, must be clean), a folder, a
    /// tarball, or a Debian package such as linux-source-7.2
    /// [default: the newest linux-source-7.x]. `git:~/linux#v7.2` takes a tag,
    /// branch or commit, `dir:~/linux` the files as they lie there, changes and
    /// all, and `deb:linux-source-7.3=7.3.4-1` one version of a package.
    #[arg(long, value_name = "WHERE")]
    pub kernel_src: Option<String>,
    /// Kernel configuration from kernel-config/: plain, or one with checks of
    /// the kernel's own (lockdep, kasan, kcsan) or failing allocations (fault).
    #[arg(long, value_name = "NAME", default_value = "plain")]
    pub config: String,
    #[command(flatten)]
    pub own: OwnArgs,
}

impl KernelArgs {
    /// The newest kernel in one of the lab's configurations.
    pub fn of(config: &str) -> Self {
        Self { config: config.to_owned(), ..Self::default() }
    }
}

/// What of the user's own goes into a kernel's build, on top of all else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct OwnArgs {
    /// Kernel options of your own, in a file like .config (repeatable). They win,
    /// and each is verified to be in the final .config.
    #[arg(long = "config-fragment", value_name = "FILE")]
    pub fragments: Vec<PathBuf>,
    /// A variable for the kernel's make (repeatable): LLVM=1, CC='ccache gcc',
    /// CC=gcc-14, RUSTC=PATH, KCFLAGS=...
    #[arg(long, value_name = "NAME=VALUE")]
    pub make: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum AccelArg {
    #[default]
    Auto,
    Kvm,
    Tcg,
}
