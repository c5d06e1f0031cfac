// SPDX-License-Identifier: MIT OR Apache-2.0
//! The results format: exit codes, tables, and what a damaged file does.

mod support;

use evidence::{Case, Outcome, RunRecord, RunStatus, Store, StoreError, Verdict, matrix};
use support::{case, verdict};

/// `base` and `rust` on S1, whichever cases there are.
fn run(cases: Vec<Case>) -> RunRecord {
    support::record(&["base", "rust"], &["S1"], cases)
}

#[test]
fn all_as_expected_is_zero() {
    let record = run(vec![
        case("base", "S1", Verdict::Stale, verdict(Verdict::Stale)),
        case("rust", "S1", Verdict::Ok, verdict(Verdict::Ok)),
    ]);
    assert_eq!((record.exit_code(), record.status), (0, RunStatus::Complete));
    let table = matrix(&record);
    assert!(table.contains("stale (as expected)") && table.contains("ok"), "{table}");
}

#[test]
fn a_fixed_arm_that_is_stale_is_one() {
    let record = run(vec![
        case("base", "S1", Verdict::Stale, verdict(Verdict::Stale)),
        case("rust", "S1", Verdict::Ok, verdict(Verdict::Stale)),
    ]);
    assert_eq!(record.exit_code(), 1);
    assert!(matrix(&record).contains("stale, EXPECTED ok"));
}

#[test]
fn a_control_that_does_not_fail_is_one() {
    let record = run(vec![
        case("base", "S1", Verdict::Stale, verdict(Verdict::Ok)),
        case("rust", "S1", Verdict::Ok, verdict(Verdict::Ok)),
    ]);
    assert_eq!(record.exit_code(), 1);
}

#[test]
fn inconclusive_trouble_and_missing_cases_are_four_and_one_wins() {
    let open = Outcome::Inconclusive { why: "w".into() };
    let broken = Outcome::Harness {
        what: "panicked".into(),
        message: String::new(),
        console_tail: String::new(),
        next_step: String::new(),
    };
    let ok = || case("base", "S1", Verdict::Stale, verdict(Verdict::Stale));
    for outcome in [open, broken] {
        let mut record = run(vec![ok(), case("rust", "S1", Verdict::Ok, outcome)]);
        assert_eq!(record.exit_code(), 4);
        record.cases[0].outcome = verdict(Verdict::Lost);
        record.summarise();
        assert_eq!(record.exit_code(), 1);
    }
    let record = run(vec![ok()]);
    assert_eq!((record.exit_code(), record.status), (4, RunStatus::Incomplete));
}

#[test]
fn a_saved_run_reads_back_and_a_folder_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert!(store.load().unwrap().is_none());
    let record = run(vec![case("base", "S1", Verdict::Stale, verdict(Verdict::Stale))]);
    store.save(&record).unwrap();
    assert_eq!(store.load().unwrap(), Some(record));
    assert!(matches!(Store::open(dir.path()), Err(StoreError::InUse { .. })));
    drop(store);
    Store::open(dir.path()).unwrap();
}

#[test]
fn damaged_and_future_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.json");
    let store = Store::open(dir.path()).unwrap();
    store.save(&run(vec![])).unwrap();
    let good = std::fs::read_to_string(&path).unwrap();
    let bad = [
        good[..good.len() / 2].to_owned(),
        good.replacen("\"schema_version\": 1", "\"schema_version\": 9", 1),
        good.replacen("\"seed\"", "\"sead\"", 1),
        "[]".to_owned(),
    ];
    for text in bad {
        std::fs::write(&path, text).unwrap();
        assert!(matches!(store.load(), Err(StoreError::Format { .. })));
    }
}

#[test]
fn a_save_that_fails_leaves_the_old_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.save(&run(vec![])).unwrap();
    // A folder where the new file would go: the write cannot begin.
    std::fs::create_dir(dir.path().join(".run.json.new")).unwrap();
    let later = run(vec![case("base", "S1", Verdict::Stale, verdict(Verdict::Stale))]);
    assert!(matches!(store.save(&later), Err(StoreError::Io { .. })));
    assert_eq!(store.load().unwrap(), Some(run(vec![])));
}
