// SPDX-License-Identifier: MIT OR Apache-2.0
//! `run`.

use super::SessionArgs;
use crate::exit::EXIT_CODES;
use clap::Args;
use std::path::PathBuf;

const RUN_EXAMPLES: &str = "\
Examples:
  cargo xtask run                                  the arms and scenarios that `list` marks with *
  cargo xtask run --dry-run                        what that would build and run, and how long it takes
  cargo xtask run --arm base --scenario S1         one case
  cargo xtask run --arm base --arm mine=fix.patch  your own patch beside the unpatched kernel
  cargo xtask run --arm rust --config lockdep      a kernel that checks itself; a report is exit code 1
  cargo xtask run --kernel-src ~/linux             your own tree (a clean git tree, a folder or a tarball)
  cargo xtask run --scenario L1 --quick            fio under load: every arm, three runs of each
  cargo xtask run --scenario L3 --arm rust --hours 8   power cuts under load, all night

A patch, an mbox (.gz too), a folder of mails or of a quilt series, or an arm.toml (it may stand on
an arm of the project) can be given as PATH. An arm of yours is expected to be clean everywhere;
`base` is expected to fail.";

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
    /// A scenario by id, name or file; repeatable. Default: all that are quick (with
    /// --full, all) but the loads.
    #[arg(long = "scenario", value_name = "ID")]
    pub scenarios: Vec<String>,
    /// Scenarios from DIR/scenarios and jobs from DIR/fio, instead of the project's.
    #[arg(long, value_name = "DIR")]
    pub workloads: Option<PathBuf>,
    /// Boot every machine from nothing. Otherwise a guest that would be booted
    /// three times or more is saved after its first boot and restored.
    #[arg(long)]
    pub cold: bool,
    /// Say what would be built and run, and how long it takes; do nothing.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub session: SessionArgs,
}

fn hours(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(hours) if hours > 0.0 && hours <= 1000.0 => Ok(hours),
        _ => Err("a number of hours above 0, such as 8 or 0.5".to_owned()),
    }
}
