// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of a case in the light of what its kernels said on their consoles.

use crate::trouble::{Stop, Trouble};
use evidence::{HarnessFailure, Observation};
use judge::kernel_report::{KernelReport, KnownReport, Said, read};
use std::path::Path;

/// The end of a case in the light of what its kernels said: a report if there
/// is one, else the end itself; known reports go to `observations`.
///
/// # Errors
/// As given; a stall is trouble.
pub fn judge(
    end: Result<(), Stop>,
    logs: &Path,
    known: &[KnownReport],
    observations: &mut Vec<Observation>,
) -> Result<Option<KernelReport>, Stop> {
    // An oops or a panic has a name already, unless a check foresaw it.
    let died = matches!(&end, Err(Stop::Trouble(t))
        if matches!(t.what, HarnessFailure::Oops | HarnessFailure::Panicked));
    match read(logs, known, observations) {
        Said::Report(report) if !(died && report.kind == "bug") => Ok(Some(report)),
        Said::Stall(text) if end.is_ok() => {
            let next = "is the machine overloaded? try --jobs 1; if it stays, it is the kernel's";
            let first = text.first().cloned().unwrap_or_default();
            let mut trouble = Trouble::new(HarnessFailure::KernelStall, first, next);
            trouble.console_tail = text.join("\n");
            Err(trouble.into())
        }
        _ => end.map(|()| None),
    }
}

#[cfg(test)]
mod tests;
