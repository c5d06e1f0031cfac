// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask shard` without machines: what a plan promises, what a merge
//! refuses, how long it takes.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use assert_cmd::Command;
use evidence::shard::{Plan, shard_dir};
use evidence::{RunRecord, RunStatus, Store, Verdict};
use predicates::prelude::*;
use predicates::str::contains;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

fn shard(args: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    command.arg("shard").args(args).arg(dir);
    command
}

fn plan(dir: &Path, options: &[&str]) -> Plan {
    shard(&[&["plan"], options, &["--out"]].concat(), dir).assert().success();
    Plan::read(&dir.join("plan.json")).unwrap()
}

/// The record of shard `number`, as if it had run.
fn done(plan: &Plan, number: usize) -> RunRecord {
    let arms: Vec<&str> = plan.arm_names().collect();
    let scenarios: Vec<(&str, &str)> =
        plan.scenarios.iter().map(|s| (s.id.as_str(), s.hash.as_str())).collect();
    let mut record = support::record(&arms, &scenarios, plan.attempts);
    record.seed = plan.seed;
    record.commands = vec![vec!["run".to_owned()]];
    for id in &plan.shards[number - 1] {
        let stale = id.starts_with("base/");
        record.cases.push(support::case(id, if stale { Verdict::Stale } else { Verdict::Ok }));
    }
    record.summarise();
    record
}

/// Saves a shard's record, with a log of every case.
fn save(dir: &Path, number: usize, record: &RunRecord) {
    let place = shard_dir(dir, number);
    for case in &record.cases {
        let logs = place.join(&case.files["logs"]);
        fs::create_dir_all(logs.join("boot-1")).unwrap();
        fs::write(logs.join("boot-1/console.log"), &case.id).unwrap();
        fs::write(logs.join("events"), &case.id).unwrap();
    }
    Store::open(&place).unwrap().save(record).unwrap();
}

fn merged(dir: &Path) -> RunRecord {
    Store::read(&dir.join("merged/run.json")).unwrap().unwrap()
}

const TWO_BY_TWO: [&str; 8] =
    ["--shards", "3", "--arm", "base", "--arm", "rust", "--attempts", "2"];

#[test]
fn a_merged_run_has_the_shape_of_an_unsharded_one() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(dir.path(), &TWO_BY_TWO);
    for number in 1..=3 {
        save(dir.path(), number, &done(&plan, number));
    }
    shard(&["merge"], dir.path()).assert().success().stdout(contains("stale* 2/2"));
    let whole = merged(dir.path());
    assert_eq!(whole.status, RunStatus::Complete);
    // The same cases in the same order as one process has them.
    let ids: Vec<String> = whole.cases.iter().map(|case| case.id.clone()).collect();
    assert_eq!(ids, whole.planned_ids().collect::<Vec<_>>());
    let keys = |record: &RunRecord| {
        let value = serde_json::to_value(record).unwrap();
        value.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(keys(&whole), keys(&done(&plan, 1)));
    for case in &whole.cases {
        let events = dir.path().join("merged").join(&case.files["events"]);
        assert_eq!(fs::read_to_string(events).unwrap(), case.id);
    }
    // Again: nothing changes.
    shard(&["merge"], dir.path()).assert().success();
    assert_eq!(merged(dir.path()), whole);
    // The command that its letter gives is a run of the same cases.
    let [words] = &whole.commands[..] else { panic!("{:?}", whole.commands) };
    let mut run = Command::new(env!("CARGO_BIN_EXE_xtask"));
    run.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let (cases, scenarios) = (whole.cases.len(), whole.scenarios.len());
    run.args(words).arg("--dry-run").assert().success().stdout(contains(format!(
        "{cases} cases (2 arms x {scenarios} scenarios x 2, seed {}",
        whole.seed
    )));
}

#[test]
fn a_missing_shard_is_named_with_the_command_that_runs_it() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(dir.path(), &TWO_BY_TWO);
    save(dir.path(), 1, &done(&plan, 1));
    let mut half = done(&plan, 3);
    half.cases.pop();
    save(dir.path(), 3, &half);
    let run = format!("cargo xtask shard run {} ", dir.path().display());
    shard(&["merge"], dir.path()).assert().code(4).stderr(
        contains("shard 2 has not run")
            .and(contains("shard 3 is not finished"))
            .and(contains(format!("{run}2")))
            .and(contains(format!("{run}3")))
            .and(contains(format!("{run}1")).not()),
    );
    assert!(!dir.path().join("merged").exists());
}

/// Every hash that makes a run what it is, changed in one shard.
#[test]
fn mixed_shards_are_refused_by_what_differs() {
    type Change = fn(&mut RunRecord);
    let changes: [(&str, Change); 10] = [
        ("content of arm rust", |r| r.arms[1].hash = "x".into()),
        ("kernel image of arm base", |r| r.arms[0].image = "x".into()),
        ("kernel of arm rust", |r| r.arms[1].vmlinux = Some("x".into())),
        ("kernel source", |r| r.source.hash = "x".into()),
        ("configuration", |r| r.config.hash = "x".into()),
        ("compiler", |r| r.toolchain.cc = "clang version 19".into()),
        ("guest image", |r| r.guest.hash = "x".into()),
        ("accelerator or QEMU", |r| r.qemu.accelerator = "kvm".into()),
        ("commit of the lab", |r| r.tool.commit = Some("x".into())),
        ("its seed is 7", |r| r.seed = 7),
    ];
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(dir.path(), &TWO_BY_TWO);
    for number in 1..=3 {
        save(dir.path(), number, &done(&plan, number));
    }
    for (what, change) in changes {
        let mut other = done(&plan, 2);
        change(&mut other);
        save(dir.path(), 2, &other);
        let refused = shard(&["merge"], dir.path()).assert().code(2);
        refused.stderr(contains("shard 2").and(contains(what)));
    }
    // Another host is no other experiment.
    let mut elsewhere = done(&plan, 2);
    elsewhere.host.cpu = "another".into();
    save(dir.path(), 2, &elsewhere);
    shard(&["merge"], dir.path()).assert().success();
    assert_eq!(merged(dir.path()).host.cpu, "another / cpu");
}

#[test]
fn a_shard_with_foreign_cases_or_paths_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(dir.path(), &TWO_BY_TWO);
    for number in 1..=3 {
        save(dir.path(), number, &done(&plan, number));
    }
    save(dir.path(), 2, &done(&plan, 1));
    shard(&["merge"], dir.path()).assert().code(2).stderr(contains("is not its own"));
    let mut evil = done(&plan, 2);
    evil.cases[0].files.insert("events".into(), "../../../etc/passwd".into());
    let path = shard_dir(dir.path(), 2).join("run.json");
    fs::write(path, serde_json::to_vec(&evil).unwrap()).unwrap();
    shard(&["merge"], dir.path()).assert().failure().stderr(contains("etc/passwd"));
    assert!(!dir.path().join("merged/run.json").exists());
}

#[test]
fn a_folder_keeps_its_plan_once_a_shard_has_run() {
    let dir = tempfile::tempdir().unwrap();
    let first = plan(dir.path(), &TWO_BY_TWO);
    assert_eq!(first, plan(dir.path(), &TWO_BY_TWO));
    let smaller = plan(dir.path(), &["--shards", "2"]);
    assert_ne!(first, smaller);
    save(dir.path(), 2, &done(&smaller, 2));
    shard(&["plan", "--shards", "3", "--out"], dir.path())
        .assert()
        .code(2)
        .stderr(contains("another plan").and(contains("shard 2 has run")));
    assert_eq!(plan(dir.path(), &["--shards", "2"]), smaller);
}

#[test]
fn wrong_numbers_and_folders_are_usage() {
    let dir = tempfile::tempdir().unwrap();
    shard(&["merge"], dir.path()).assert().code(2).stderr(contains("shard plan --out"));
    plan(dir.path(), &TWO_BY_TWO);
    let run = |number: &str| {
        let mut command = shard(&["run"], dir.path());
        command.arg(number).assert().code(2)
    };
    run("0").stderr(contains("1 to 3"));
    run("4").stderr(contains("1 to 3"));
    fs::write(dir.path().join("plan.json"), "{}").unwrap();
    run("1").stderr(contains("not a shard plan"));
}

#[test]
fn a_scenario_that_was_edited_since_the_plan_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    plan(dir.path(), &TWO_BY_TWO);
    let path = dir.path().join("plan.json");
    let mut old: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    old["scenarios"][0]["hash"] = "old".into();
    fs::write(&path, old.to_string()).unwrap();
    let mut command = shard(&["run"], dir.path());
    command.arg("1").assert().code(2).stderr(contains("was changed since the plan"));
}

#[test]
fn the_github_matrix_is_the_only_output() {
    let dir = tempfile::tempdir().unwrap();
    let out = shard(&["plan", "--shards", "4", "--github", "--out"], dir.path()).assert().success();
    let matrix: serde_json::Value = serde_json::from_slice(&out.get_output().stdout).unwrap();
    assert_eq!(matrix["include"].as_array().unwrap().len(), 4);
}

/// 100 shards of 20 cases, with their logs.
#[test]
fn a_hundred_shards_are_merged_in_two_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let options = ["--shards", "100", "--arm", "base", "--arm", "rust", "--scenario", "S1"];
    let plan = plan(dir.path(), &[&options[..], &["--attempts", "1000"]].concat());
    for number in 1..=100 {
        save(dir.path(), number, &done(&plan, number));
    }
    let began = Instant::now();
    shard(&["merge"], dir.path()).assert().success();
    let took = began.elapsed();
    assert_eq!(merged(dir.path()).cases.len(), 2000);
    eprintln!("100 shards, 2000 cases: {took:?}");
    // Ten times the figure seen: the machine may be busy with other tests.
    assert!(took < Duration::from_secs(20), "{took:?}");
}
