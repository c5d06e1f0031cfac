// SPDX-License-Identifier: MIT OR Apache-2.0
//! KTAP, the kernel's own test protocol (`Documentation/dev-tools/ktap.rst`).

use crate::printable::one_line;
use crate::record::{Case, Outcome, RunRecord};
use crate::verdict::Verdict;
use std::fmt::Write;

/// One test per arm, one subtest per case. A control that fails as it should
/// is an expected failure; a case without a verdict is never `ok`.
#[must_use]
pub fn ktap(run: &RunRecord) -> String {
    let mut out = format!("KTAP version 1\n# bcache-lab run {}\n", one_line(&run.run_id));
    if run.cases.is_empty() {
        // An arm without a test would be an error to a parser.
        return out + "1..0 # SKIP no case in this run\n";
    }
    let _ = writeln!(out, "1..{}", run.arms.len());
    for (number, arm) in run.arms.iter().enumerate() {
        let cases: Vec<&Case> = run.cases.iter().filter(|case| case.arm == arm.name).collect();
        let name_of_arm = name(&arm.name);
        let _ = writeln!(out, "  KTAP version 1\n  # Subtest: {name_of_arm}\n  1..{}", cases.len());
        for (number, case) in cases.iter().enumerate() {
            let (ok, directive) = result(case);
            let word = if ok { "ok" } else { "not ok" };
            let name = name(&format!("{}/{}", case.scenario, case.attempt));
            let _ = writeln!(out, "  {word} {} {name}{}", number + 1, one_line(&directive));
            for line in details(case) {
                let _ = writeln!(out, "  # {}", one_line(&line));
            }
        }
        let word = if cases.iter().all(|case| result(case).0) { "ok" } else { "not ok" };
        let _ = writeln!(out, "{word} {} {name_of_arm}", number + 1);
    }
    out
}

fn result(case: &Case) -> (bool, String) {
    match &case.outcome {
        Outcome::Verdict { verdict } if case.contradicts() => {
            (false, format!(" # {verdict}, expected {}", case.expected))
        }
        Outcome::Verdict { verdict: Verdict::Ok } => (true, String::new()),
        Outcome::Verdict { verdict } => (true, format!(" # XFAIL {verdict}, as expected")),
        Outcome::Inconclusive { why } => (false, format!(" # ERROR inconclusive: {why}")),
        Outcome::Harness { what, message, .. } => (false, format!(" # ERROR {what}: {message}")),
    }
}

fn details(case: &Case) -> Vec<String> {
    if matches!(case.outcome, Outcome::Verdict { .. }) && !case.contradicts() {
        return Vec::new();
    }
    case.observations.iter().map(ToString::to_string).collect()
}

/// A `#` would begin a directive.
fn name(text: &str) -> String {
    one_line(text).replace('#', "_")
}
