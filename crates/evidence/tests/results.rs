// SPDX-License-Identifier: MIT OR Apache-2.0
//! The results format: exit codes, tables, and what a damaged file does.

mod support;

use evidence::{
    Case, Observation, Outcome, Page, RunRecord, RunStatus, SCHEMA_VERSION, Store, StoreError,
    Verdict, matrix,
};
use std::path::Path;
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
    let table = matrix(&record, Page::PLAIN);
    assert!(table.contains("stale*") && table.contains("ok"), "{table}");
}

#[test]
fn a_fixed_arm_that_is_stale_is_one() {
    let record = run(vec![
        case("base", "S1", Verdict::Stale, verdict(Verdict::Stale)),
        case("rust", "S1", Verdict::Ok, verdict(Verdict::Stale)),
    ]);
    assert_eq!(record.exit_code(), 1);
    assert!(matrix(&record, Page::PLAIN).contains("stale!"));
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
        what: evidence::HarnessFailure::Panicked,
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
    assert!(good.contains("\"schema_version\": 2"), "{good}");
    let bad = [
        good[..good.len() / 2].to_owned(),
        good.replacen("\"schema_version\": 2", "\"schema_version\": 9", 1),
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

/// Every record that was ever published, whatever its schema.
#[test]
fn published_records_still_read() {
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results/published");
    let mut read = 0;
    for entry in std::fs::read_dir(published).unwrap() {
        let path = entry.unwrap().path().join("run.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let raw: serde_json::Value = serde_json::from_str(&text).unwrap();
        let run = Store::read(&path).unwrap().unwrap();
        let (cases, perf) = (raw["cases"].as_array().unwrap(), raw["perf"].is_object());
        assert_eq!((run.cases.len(), run.perf.is_some()), (cases.len(), perf), "{path:?}");
        assert_eq!(run.exit_code(), 0, "{path:?}");
        for (case, raw) in run.cases.iter().zip(cases) {
            let sectors: u64 = case.sectors.iter().map(|(_, sectors)| sectors).sum();
            let raw_sectors = raw["sectors"].as_object().unwrap().values();
            assert_eq!(sectors, raw_sectors.map(|n| n.as_u64().unwrap()).sum::<u64>());
            let texts = case.observations.iter().map(Observation::text);
            let raw_texts = raw["observations"].as_array().unwrap().iter();
            // A string in schema 1.
            assert!(texts.eq(raw_texts.map(|o| o.as_str().or(o["text"].as_str()).unwrap())));
        }
        // It may be written again, as it is written today.
        let again = RunRecord::parse(&serde_json::to_string(&run).unwrap()).unwrap();
        assert_eq!((again.schema_version, &again), (SCHEMA_VERSION, &run));
        read += 1;
    }
    assert!(read >= 4, "{read}");
}

/// Not dropped, not taken for another: refused, with what is wrong and whose
/// record it is.
#[test]
fn a_verdict_of_a_newer_tool_is_refused_with_its_name() {
    let mut record = run(vec![case("base", "S1", Verdict::Stale, verdict(Verdict::Stale))]);
    record.cases[0].sectors.add(Verdict::Stale, 8);
    let good = serde_json::to_string(&record).unwrap();
    assert_eq!(RunRecord::parse(&good).unwrap(), record);
    for (old, new) in [
        (r#""expected":"stale""#, r#""expected":"poisoned""#),
        (r#""verdict":"stale""#, r#""verdict":"poisoned""#),
        (r#""sectors":{"stale":8}"#, r#""sectors":{"poisoned":8}"#),
    ] {
        assert!(good.contains(old), "{old} in {good}");
        let error = RunRecord::parse(&good.replacen(old, new, 1)).unwrap_err();
        assert!(error.contains("`poisoned`") && error.contains("`stale`"), "{error}");
        assert!(error.contains("version 0, commit unknown, perhaps a newer one"), "{error}");
    }
    let future = good.replacen("\"schema_version\":2", "\"schema_version\":3", 1);
    let error = RunRecord::parse(&future).unwrap_err();
    assert!(error.contains("schema version 3, this tool reads 1 to 2"), "{error}");
}

#[test]
fn a_run_that_came_to_nothing_leaves_no_folder() {
    let parent = tempfile::tempdir().unwrap();
    let (fresh, old) = (parent.path().join("fresh"), parent.path().join("old"));
    let nothing = support::record(&["base"], &["S1"], vec![]);
    let store = Store::open(&fresh).unwrap();
    store.save(&nothing).unwrap();
    drop(store);
    assert!(!fresh.exists());
    // One that was there before stays, and so does what has a case.
    std::fs::create_dir(&old).unwrap();
    drop(Store::open(&old).unwrap());
    assert!(old.exists());
    let store = Store::open(&fresh).unwrap();
    let one = support::case("base", "S1", Verdict::Ok, support::verdict(Verdict::Ok));
    store.save(&support::run(vec![one])).unwrap();
    drop(store);
    assert!(fresh.join("run.json").is_file());
}
