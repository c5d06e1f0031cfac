// SPDX-License-Identifier: MIT OR Apache-2.0
//! What KUnit said at boot: KTAP on the kernel's console.
//!
//! `kunit_run_all_tests()` prints a plan, and for each suite a nested plan and
//! a line per case. A line that is missing is a failure: a kernel that died in
//! a case leaves half a document, which must not pass.

use crate::complaint;
use crate::tools::Tools;
use crate::trouble::Stop;
use proc::Cancel;
use std::path::Path;
use std::time::{Duration, Instant};
use vm::{Vm, VmError};

/// Longest boot of a plain kernel, its tests included.
const BOOT: Duration = Duration::from_secs(180);

/// What the tests take, in MiB.
const MEMORY_MIB: u32 = 1024;

/// What the tests of one boot said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KunitRun {
    /// The tracker's cases: the kernel's own suites for Rust come along.
    pub cases: Vec<KunitCase>,
    /// What the kernel reported meanwhile, if anything, from its first line on.
    pub report: Vec<evidence::Observation>,
}

impl KunitRun {
    /// How many passed, failed and were skipped.
    #[must_use]
    pub fn counts(&self) -> [usize; 3] {
        let count =
            |like: fn(&KunitEnd) -> bool| self.cases.iter().filter(|c| like(&c.end)).count();
        [
            count(|end| *end == KunitEnd::Passed),
            count(|end| matches!(end, KunitEnd::Failed(_))),
            count(|end| matches!(end, KunitEnd::Skipped(_))),
        ]
    }

    /// What is wrong: `report` of the kernel, or `failed` cases.
    #[must_use]
    pub fn verdict(&self) -> Option<&'static str> {
        let [_, failed, _] = self.counts();
        match (self.report.is_empty(), failed) {
            (false, _) => Some("report"),
            (true, 1..) => Some("failed"),
            (true, 0) => None,
        }
    }
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum KunitRunError {
    /// The kernel did not come up.
    #[error(transparent)]
    Vm(#[from] VmError),
    /// Its console cannot be read.
    #[error("cannot read the console: {0}")]
    Console(#[from] std::io::Error),
    /// Its console is no whole document.
    #[error(transparent)]
    Ktap(#[from] KunitError),
    /// A stall, or lines missing from the console: no verdict.
    #[error("{0}")]
    Stall(String),
}

/// Boots a kernel with KUnit, whose tests run before the first process, and
/// reads its console. Logs go to `logs/boot-1`.
///
/// # Errors
/// [`KunitRunError`]
pub fn run_kunit(
    kernel: &Path,
    tools: &Tools,
    logs: &Path,
    cancel: &Cancel,
) -> Result<KunitRun, KunitRunError> {
    let boot = logs.join("boot-1");
    let mut config = tools.guest(kernel, boot.clone());
    config.memory_mib = config.memory_mib.max(MEMORY_MIB);
    // KTAP is printed with KERN_INFO, which `quiet` keeps off the console.
    config.cmdline_extra.push("ignore_loglevel".to_owned());
    // A case that fails in a loop prints faster than the console takes it, and
    // what the log cannot keep until then is dropped, results among it.
    config.cmdline_extra.push("log_buf_len=16M".to_owned());
    // Built from allnoconfig, KUnit is there but neither enabled nor started
    // by itself: without these words not one case runs, and nothing says so.
    config.cmdline_extra.extend(["kunit.enable=1", "kunit.autorun=1"].map(str::to_owned));
    config.boot_deadline = config.patience(BOOT);
    let vm = Vm::boot(&config, cancel)?;
    drain(&boot.join("console.log"), config.patience(QUIET), cancel)?;
    drop(vm);
    let known = &tools.known_reports;
    let report = match complaint::judge(Ok(()), logs, known, &mut Vec::new()) {
        Ok(report) => report.map(|report| report.lines()).unwrap_or_default(),
        Err(Stop::Trouble(trouble)) => return Err(KunitRunError::Stall(trouble.message)),
        Err(_) => Vec::new(),
    };
    let console = std::fs::read(boot.join("console.log"))?;
    let mut cases = kunit_cases(&String::from_utf8_lossy(&console))?;
    cases.retain(|case| case.name.starts_with("bcache_inflight/"));
    Ok(KunitRun { cases, report })
}

/// A console this long without a new byte has none to come.
const QUIET: Duration = Duration::from_secs(5);

/// Waits until the console has all results, or nothing more: the first process may
/// answer while most of what the tests have printed still waits for the serial line.
fn drain(console: &Path, quiet: Duration, cancel: &Cancel) -> Result<(), KunitRunError> {
    const GLANCE: Duration = Duration::from_millis(200);
    let (mut size, mut since) = (0, Instant::now());
    while since.elapsed() < quiet && !cancel.is_cancelled() {
        let bytes = std::fs::read(console)?;
        if kunit_cases(&String::from_utf8_lossy(&bytes)).is_ok() {
            break;
        }
        if bytes.len() > size {
            (size, since) = (bytes.len(), Instant::now());
        }
        std::thread::sleep(GLANCE);
    }
    Ok(())
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KunitEnd {
    /// `ok`
    Passed,
    /// `ok … # SKIP`, with the reason.
    Skipped(String),
    /// `not ok`, with the expectations that failed.
    Failed(Vec<String>),
}

/// One case of a suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KunitCase {
    /// The suite's name, a slash, the case's.
    pub name: String,
    /// How it ended.
    pub end: KunitEnd,
}

/// Why a console is no whole document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KunitError {
    /// No KTAP at all: KUnit is not in this kernel, or it died before.
    #[error(
        "no KTAP on the console: is KUnit configured, and `kunit.enable=1 kunit.autorun=1 \
         ignore_loglevel` on the command line?"
    )]
    Nothing,
    /// A plan promised more than came.
    #[error("{what}: {planned} planned, {seen} seen (did the kernel die in a test?)")]
    Truncated {
        /// The suite, or `suites`.
        what: String,
        /// From the plan.
        planned: usize,
        /// Result lines.
        seen: usize,
    },
    /// A suite says otherwise than its cases.
    #[error("suite {0} is not ok, though no case of it failed")]
    Suite(String),
}

/// One suite while it is read.
#[derive(Default)]
struct Suite {
    name: String,
    planned: Option<usize>,
    said: Vec<String>,
    cases: Vec<KunitCase>,
}

/// Reads the cases of all suites from a console.
///
/// # Errors
/// [`KunitError`] where the document is not whole.
pub fn kunit_cases(console: &str) -> Result<Vec<KunitCase>, KunitError> {
    let mut all = Vec::new();
    let (mut begun, mut planned, mut suites) = (false, None, 0);
    let mut suite = Suite::default();
    for line in console.lines().filter_map(message) {
        // A nested document is indented by four blanks.
        let (nested, text) =
            line.strip_prefix("    ").map_or((false, line), |text| (true, text.trim_start()));
        if !begun {
            begun = line == "KTAP version 1";
        } else if let Some(name) = text.strip_prefix("# Subtest: ").filter(|_| nested) {
            suite = Suite { name: name.to_owned(), ..Suite::default() };
        } else if let Some(count) = text.strip_prefix("1..").and_then(|n| n.parse().ok()) {
            *(if nested { &mut suite.planned } else { &mut planned }) = Some(count);
        } else if let Some((ok, name, rest)) = result(text) {
            if nested {
                suite.case(ok, name, rest);
            } else {
                suites += 1;
                all.extend(std::mem::take(&mut suite).finish(ok)?);
            }
        } else if nested {
            suite.said.push(text.to_owned());
        }
    }
    match planned {
        None => Err(KunitError::Nothing),
        Some(planned) if planned != suites => {
            Err(KunitError::Truncated { what: "suites".to_owned(), planned, seen: suites })
        }
        Some(_) => Ok(all),
    }
}

impl Suite {
    fn case(&mut self, ok: bool, name: &str, rest: &str) {
        let said = std::mem::take(&mut self.said);
        let end = match rest.split_once("SKIP") {
            _ if !ok => KunitEnd::Failed(said),
            Some((_, why)) => KunitEnd::Skipped(why.trim().to_owned()),
            None => KunitEnd::Passed,
        };
        self.cases.push(KunitCase { name: format!("{}/{name}", self.name), end });
    }

    fn finish(self, ok: bool) -> Result<Vec<KunitCase>, KunitError> {
        let (planned, seen) = (self.planned.unwrap_or(0), self.cases.len());
        if planned != seen || seen == 0 {
            return Err(KunitError::Truncated { what: self.name, planned, seen });
        }
        let failed = self.cases.iter().any(|case| matches!(case.end, KunitEnd::Failed(_)));
        if !ok && !failed {
            return Err(KunitError::Suite(self.name));
        }
        Ok(self.cases)
    }
}

/// `ok 1 name # SKIP why`: whether, name, what follows.
fn result(text: &str) -> Option<(bool, &str, &str)> {
    let (ok, rest) = match text.strip_prefix("not ok ") {
        Some(rest) => (false, rest),
        None => (true, text.strip_prefix("ok ")?),
    };
    let (number, rest) = rest.split_once(' ')?;
    number.parse::<u32>().ok()?;
    let (name, rest) = rest.split_once(" # ").unwrap_or((rest, ""));
    Some((ok, name.trim(), rest))
}

/// What follows `printk`'s time; KTAP's own indentation stays.
fn message(line: &str) -> Option<&str> {
    let (time, message) = line.trim_end().strip_prefix('[')?.split_once(']')?;
    time.trim().parse::<f64>().ok()?;
    Some(message.strip_prefix(' ').unwrap_or(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSOLE: &str = "\
[    0.400000] bcache: bch_init() x
[    0.500000] KTAP version 1
[    0.500001] 1..1
[    0.500002]     KTAP version 1
[    0.500003]     # Subtest: bcache_inflight
[    0.500004]     # module: inflight_test
[    0.500005]     1..3
[    0.510000]     ok 1 inflight_edges
[    0.520000]     ok 2 inflight_exact # SKIP chunks are not exact
[    0.530000]     # inflight_many: EXPECTATION FAILED at drivers/md/bcache/inflight_test.c:127
[    0.530001]     Expected missed == 0, but
[    0.530002]     not ok 3 inflight_many
[    0.540000] # bcache_inflight: pass:1 fail:1 skip:1 total:3
[    0.540001] not ok 1 bcache_inflight
[    0.600000] Freeing unused kernel image
";

    /// The kernel's first process answers while results still wait for the serial line.
    #[test]
    fn a_console_with_a_backlog_is_waited_for_and_a_cut_off_one_is_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("console.log");
        let (early, late) = CONSOLE.split_at(CONSOLE.len() / 2);
        std::fs::write(&path, early).unwrap();
        let quiet = Duration::from_secs(1);
        drain(&path, quiet, &Cancel::new()).unwrap();
        assert!(kunit_cases(&std::fs::read_to_string(&path).unwrap()).is_err(), "no more came");
        let (there, text) = (path.clone(), early.to_owned() + late);
        let writer = std::thread::spawn(move || {
            std::thread::sleep(quiet / 2);
            std::fs::write(there, text).unwrap();
        });
        drain(&path, Duration::from_secs(60), &Cancel::new()).unwrap();
        assert!(kunit_cases(&std::fs::read_to_string(&path).unwrap()).is_ok());
        writer.join().unwrap();
    }

    #[test]
    fn cases_are_told_with_their_ends() {
        let cases = kunit_cases(CONSOLE).unwrap();
        let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names[0], "bcache_inflight/inflight_edges");
        assert_eq!(cases[0].end, KunitEnd::Passed);
        assert_eq!(cases[1].end, KunitEnd::Skipped("chunks are not exact".into()));
        let KunitEnd::Failed(said) = &cases[2].end else { panic!("{cases:?}") };
        assert!(said.iter().any(|line| line.contains("EXPECTATION FAILED")), "{said:?}");
    }

    #[test]
    fn half_a_document_is_no_success() {
        assert_eq!(kunit_cases("[ 0.1] nothing\n"), Err(KunitError::Nothing));
        let before = |end: &str| &CONSOLE[..CONSOLE.find(end).unwrap()];
        for (end, what) in [("[    0.520000]", "suites"), ("[    0.540001]", "suites")] {
            let Err(KunitError::Truncated { what: found, .. }) = kunit_cases(before(end)) else {
                panic!("{end}")
            };
            assert_eq!(found, what);
        }
        let gap = CONSOLE.replace("[    0.510000]     ok 1 inflight_edges\n", "");
        assert!(matches!(
            kunit_cases(&gap),
            Err(KunitError::Truncated { planned: 3, seen: 2, .. })
        ));
    }

    #[test]
    fn a_suite_that_fails_by_itself_is_not_ok() {
        let suite = CONSOLE.replace("    not ok 3", "    ok 3");
        assert_eq!(kunit_cases(&suite), Err(KunitError::Suite("bcache_inflight".into())));
    }
}
