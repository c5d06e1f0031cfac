// SPDX-License-Identifier: MIT OR Apache-2.0
//! JUnit XML, for what shows test results in CI.

use crate::observation::Observation;
use crate::printable::printable;
use crate::record::{Case, Outcome, RunRecord};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// A suite per arm. A verdict against its expectation is a failure, a case
/// without a verdict an error.
///
/// # Panics
/// Never: XML in memory has no reason to fail.
#[must_use]
pub fn junit(run: &RunRecord) -> String {
    let mut report = Report::new(format!("bcache-lab {}", printable(&run.run_id)));
    for arm in &run.arms {
        let mut suite = TestSuite::new(printable(&arm.name));
        suite.add_property(("kernel", printable(&run.source.kernel_version).as_str()));
        suite.add_property(("arm", arm.hash.as_str()));
        let cases = run.cases.iter().filter(|case| case.arm == arm.name);
        suite.add_test_cases(cases.map(test_case));
        report.add_test_suite(suite);
    }
    let mut out = report.to_string().expect("XML in memory");
    out.push('\n');
    out
}

fn test_case(case: &Case) -> TestCase {
    let status = match &case.outcome {
        Outcome::Verdict { verdict } if case.contradicts() => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let message = format!("{verdict}, expected {}", case.expected);
            status.set_type(verdict.as_str()).set_message(message);
            status.set_description(printable(&words(case)));
            status
        }
        Outcome::Verdict { .. } => TestCaseStatus::success(),
        Outcome::Inconclusive { why } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("inconclusive").set_message(printable(why));
            status
        }
        Outcome::Harness { what, message, console_tail, next_step } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type(printable(&what.to_string())).set_message(printable(message));
            status.set_description(printable(&format!("{console_tail}\nnext: {next_step}")));
            status
        }
    };
    let name = printable(&format!("{}/{}", case.scenario, case.attempt));
    let mut test = TestCase::new(name, status);
    test.set_classname(printable(&case.arm));
    test.set_time(Duration::from_millis(case.took_ms));
    if let Outcome::Verdict { verdict } = case.outcome {
        test.set_system_out(printable(&format!(
            "verdict {verdict}, expected {}\n{}",
            case.expected,
            words(case)
        )));
    }
    test
}

fn words(case: &Case) -> String {
    let lines: Vec<&str> = case.observations.iter().map(Observation::text).collect();
    lines.join("\n")
}
