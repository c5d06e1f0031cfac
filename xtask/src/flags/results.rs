// SPDX-License-Identifier: MIT OR Apache-2.0
//! What reads runs: `evidence`, `show`, `runs`, `replay`.

use clap::Args;
use std::path::PathBuf;

const EVIDENCE_EXAMPLES: &str = "\
Examples:
  cargo xtask evidence                          the newest run below results/, into its folder evidence/
  cargo xtask evidence matrix load perf         runs of the same kernels as one letter and one report
  cargo xtask evidence r1 soak --out /tmp/e     the same, into a folder of its own
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
  cargo xtask show                                    the newest run's table again
  cargo xtask show base/race                          a case of it, and its time line
  cargo xtask show results/20261124t101500z base/S1   of another run; scenarios by id or by name
  cargo xtask show latest rust/S3/2                   second attempt
  cargo xtask show latest base/L1 --sector 40960      another block of the bcache device

Time runs downwards; a column per disk shows which requests were under way. What bcache did by
itself cannot be seen at the disks: it is inferred, and marked so.";

#[derive(Debug, Clone, Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub struct ShowArgs {
    /// A run: its folder, its name below results/, or `latest` [default: latest].
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// A case: ARM/SCENARIO, or ARM/SCENARIO/ATTEMPT. Without one, the run's
    /// table is shown.
    #[arg(value_name = "CASE")]
    pub case: Option<String>,
    /// The block to follow, by a sector of the bcache device
    /// [default: the one that the case is about].
    #[arg(long, value_name = "SECTOR")]
    pub sector: Option<u64>,
    /// The record of the run, or of the case, as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct RunsArgs {
    /// JSON instead of a table.
    #[arg(long)]
    pub json: bool,
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
    #[command(flatten)]
    pub own: super::OwnArgs,
    /// Folder of the replay's results [default: below results/].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Stop when something is missing instead of installing it.
    #[arg(long)]
    pub no_install: bool,
}
