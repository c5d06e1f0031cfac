// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of a case in the light of what its kernels said on their consoles.

use crate::tools::Tools;
use crate::trouble::{Stop, Trouble};
use evidence::{HarnessFailure, Observation};
use judge::kernel_report::{KernelReport, KnownReport, Said, read};
use std::path::Path;

/// The end of a case in the light of what its kernels said: a report if there
/// is one, else the end itself; known reports go to `observations`.
///
/// # Errors
/// As given; a stall is trouble, and so is a console with lines missing.
pub fn judge(
    end: Result<(), Stop>,
    logs: &Path,
    known: &[KnownReport],
    observations: &mut Vec<Observation>,
) -> Result<Option<KernelReport>, Stop> {
    // An oops or a panic has a name already, unless a check foresaw it or it is bcache's.
    let died = matches!(&end, Err(Stop::Trouble(t))
        if matches!(t.what, HarnessFailure::Oops | HarnessFailure::Panicked));
    match read(logs, known, observations) {
        Said::Report(report) if !(died && report.kind == "bug" && !report.is_bcache_dying()) => {
            Ok(Some(report))
        }
        Said::Stall(text) if end.is_ok() => {
            let next = "is the machine overloaded? try --jobs 1; if it stays, it is the kernel's";
            let first = text.first().cloned().unwrap_or_default();
            let mut trouble = Trouble::new(HarnessFailure::KernelStall, first, next);
            trouble.console_tail = text.join("\n");
            Err(trouble.into())
        }
        // A report may have been among it.
        Said::Dropped(line) if end.is_ok() => {
            let next =
                "give the kernel a longer log: --config-fragment with CONFIG_LOG_BUF_SHIFT=20";
            Err(Trouble::new(HarnessFailure::ConsoleDropped, line, next).into())
        }
        _ => end.map(|()| None),
    }
}

/// Nothing is clean on a guest whose kernel has complained.
///
/// # Errors
/// Trouble with the report's text; a stall, too.
pub fn none(logs: &Path, tools: &Tools) -> Result<(), Stop> {
    let Some(report) = judge(Ok(()), logs, &tools.known_reports, &mut Vec::new())? else {
        return Ok(());
    };
    let next = "read the report: a bug of the kernel under test, or of its configuration";
    let mut trouble = Trouble::new(HarnessFailure::KernelReport, report.kind, next);
    trouble.console_tail = report.text.join("\n");
    Err(trouble.into())
}

#[cfg(test)]
mod tests;
