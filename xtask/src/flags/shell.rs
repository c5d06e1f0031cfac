// SPDX-License-Identifier: MIT OR Apache-2.0
//! `shell`.

use super::{AccelArg, KernelArgs};
use clap::Args;

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
