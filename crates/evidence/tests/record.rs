// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a record says of itself.

mod support;

use evidence::{ArmRecord, Load, Role, RunStatus, ToolRecord, Verdict};
use std::path::{Path, PathBuf};
use support::{case, inconclusive, verdict};

#[test]
fn only_a_packages_source_is_known_elsewhere() {
    let mut record = support::run(vec![]);
    record.source.hash = "deb:linux-source-6.1=6.1.1-1".into();
    assert_eq!(record.source.kernel_src(), Some("linux-source-6.1=6.1.1-1"));
    record.source.hash = "git-tree:abc".into();
    assert_eq!(record.source.kernel_src(), None);
}

/// A record may be somebody else's.
#[test]
fn a_cases_files_are_below_the_runs_folder() {
    let mut case = case("base", "S1", Verdict::Ok, verdict(Verdict::Ok));
    for (key, path) in [("console", "logs/a"), ("up", "logs/../../a"), ("root", "/etc/passwd")] {
        case.files.insert(key.into(), path.into());
    }
    let file = |key| case.file(Path::new("run"), key);
    assert_eq!(file("console"), Some(PathBuf::from("run/logs/a")));
    assert_eq!((file("up"), file("root"), file("events")), (None, None, None));
}

#[test]
fn a_run_is_complete_with_each_attempt_of_each_arm_in_each_scenario() {
    let (arms, scenarios) = (["base", "rust"], ["S1", "S2", "S3"]);
    let good = || case("base", "S1", Verdict::Ok, verdict(Verdict::Ok));
    let mut record = support::record(&arms, &scenarios, vec![good(); 11]);
    record.attempts = 2;
    record.summarise();
    assert_eq!((record.summary.planned, record.status), (12, RunStatus::Incomplete));
    record.cases.push(case("rust", "S3", Verdict::Ok, inconclusive("no miss")));
    record.summarise();
    let summary = &record.summary;
    assert_eq!((summary.as_expected, summary.inconclusive), (11, 1));
    assert_eq!((summary.harness_failures, summary.contradictions), (0, 0));
    assert_eq!((record.status, record.exit_code()), (RunStatus::Complete, 4));
    record.cases[0].outcome = verdict(Verdict::Stale);
    record.cases[1].outcome = verdict(Verdict::Lost);
    record.cases[2].outcome = support::harness("panicked");
    record.cases[3].outcome = support::harness("panicked");
    record.summarise();
    let summary = &record.summary;
    assert_eq!((summary.contradictions, summary.harness_failures), (2, 2));
    assert_eq!(summary.as_expected, 7);
}

#[test]
fn a_load_may_have_other_verdicts_than_the_expected_one() {
    let mut case = case("base", "L2", Verdict::Ok, verdict(Verdict::Diverged));
    assert!(case.contradicts());
    case.load = Some(Load { permitted: vec![Verdict::Diverged], ..Load::default() });
    assert!(!case.contradicts());
    case.outcome = verdict(Verdict::Lost);
    assert!(case.contradicts());
}

#[test]
fn the_exit_code_is_of_the_worst_that_happened() {
    let with = |outcome| {
        let mut record = support::run(vec![case("base", "S1", Verdict::Ok, outcome)]);
        record.summarise();
        record
    };
    assert_eq!(with(verdict(Verdict::Ok)).exit_code(), 0);
    assert_eq!(with(verdict(Verdict::Stale)).exit_code(), 1);
    assert_eq!(with(inconclusive("no miss")).exit_code(), 4);
    assert_eq!(with(support::harness("panicked")).exit_code(), 4);
    let mut missing = with(verdict(Verdict::Ok));
    missing.attempts = 2;
    missing.summarise();
    assert_eq!(missing.exit_code(), 4);
}

#[test]
fn a_commit_is_a_checkout_where_nothing_was_changed() {
    let tool = |dirty| ToolRecord { version: "1".into(), commit: Some("abc".into()), dirty };
    assert_eq!(tool(false).checkout(), Some("abc"));
    assert_eq!(tool(true).checkout(), None);
}

#[test]
fn a_run_that_was_not_joined_is_its_own_part() {
    let mut record = support::run(vec![]);
    let own = record.parts();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].run_id, record.run_id);
    record.joined = [own.clone(), own].concat();
    record.joined[1].run_id = "another".into();
    assert_eq!(record.parts(), record.joined);
}

#[test]
fn the_control_is_known_by_its_role_and_in_older_records_by_its_name() {
    let arm = |name: &str, role| ArmRecord { name: name.into(), role, ..ArmRecord::default() };
    assert!(arm("base", None).is_control() && arm("plain", Some(Role::Control)).is_control());
    assert!(!arm("rust", None).is_control() && !arm("base", Some(Role::Fix)).is_control());
}
