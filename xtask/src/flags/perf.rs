// SPDX-License-Identifier: MIT OR Apache-2.0
//! `perf`.

use super::SessionArgs;
use clap::Args;
use perf::Part;

const PERF_EXAMPLES: &str = "\
Examples:
  cargo xtask perf --quick                      instructions, memory, hits: some ten minutes on two cores
  cargo xtask perf --arm base --arm rust        two arms, everything
  cargo xtask perf --only instructions          noise-free, whatever else the machine does
  cargo xtask perf --pairs 10 --out results/p   more pairs; the same --out resumes

Boots come in ABBA order; one boot is one sample. The first arm is the reference, and is measured
twice in every round: the ratio of the two is the noise floor. Instructions are counted inside
QEMU (TCG); times are those of the accelerator, and indicative only without KVM.

Exit codes: 0 measured; 2 wrong usage; 3 set-up incomplete; 4 the harness failed.";

#[derive(Debug, Clone, Args)]
#[command(after_help = PERF_EXAMPLES)]
pub struct PerfArgs {
    /// An arm of the project, or NAME=PATH for your own patch; repeatable. The
    /// first is the reference. Default: those whose file says so.
    #[arg(long = "arm", alias = "arms", value_delimiter = ',', value_name = "NAME[=PATH]")]
    pub arms: Vec<String>,
    /// Boots of every arm [default: 6, with --quick 4].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub pairs: Option<u32>,
    /// Fewer pairs and points, and no fio.
    #[arg(long)]
    pub quick: bool,
    /// Only these parts; repeatable.
    #[arg(long, value_enum, value_name = "PART")]
    pub only: Vec<Part>,
    /// Half-width of the equivalence statements in per cent.
    #[arg(long, value_name = "PERCENT", default_value_t = 2.0)]
    pub margin: f64,
    /// Say what would be built and measured and how long it takes; do nothing.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub session: SessionArgs,
}
