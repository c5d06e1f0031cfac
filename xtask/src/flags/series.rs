// SPDX-License-Identifier: MIT OR Apache-2.0
//! `series`.

use clap::Args;
use std::path::PathBuf;

const SERIES_EXAMPLES: &str = "\
Examples:
  cargo xtask series --out mails --draft         write the mails and check them (seconds)
  cargo xtask series --out mails --figures RUN   with what a run of these kernels has shown
  cargo xtask series --out mails --kernel-src ~/linux   for a commit: base-commit, and Fixes looked up
  cargo xtask series --out mails --draft --build also build every step (an hour; goes on where it stopped)
  git send-email --no-thread mails/fix/*.patch   what to do with them; mails/fix.mbox is for b4 and git am

The folder then has a folder and an mbox of each part, series.txt (what was checked, and what came of it), series.json (the
same for programs) and logs/. What the series consists of, and where it has to apply and build, is
in kernel/series/series.toml.

Exit codes:
  0  every check holds
  1  the series is at fault: checkpatch, rustfmt or clippy complain, a placeholder is left, a mail
     does not apply or give the tree that the lab tests, or a step does not build
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
    /// Kernel source that the mails are made for: a git tree, whose commit then is their
    /// base-commit, or what else `run` takes [default: the first of series.toml].
    #[arg(long, value_name = "WHERE")]
    pub kernel_src: Option<String>,
    /// Runs whose figures go into the cover letters; of the same kernel source
    /// and arms only.
    #[arg(long, value_name = "RUN", num_args = 1..)]
    pub figures: Vec<String>,
    /// The mails are not to be sent: placeholders may be left in them.
    #[arg(long)]
    pub draft: bool,
    /// Folder with series/, patches/, tracker/ and arms/
    /// [default: kernel/ of this checkout].
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
}

fn person(text: &str) -> Result<String, String> {
    if ::series::is_person(text) {
        Ok(text.to_owned())
    } else {
        Err("'NAME <ADDRESS>' is expected".to_owned())
    }
}
