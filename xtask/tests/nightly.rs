// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask nightly --from`: what a morning's report says, and what it
//! keeps quiet about.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use assert_cmd::Command;
use evidence::nightly::{History, Night};
use evidence::{RunRecord, Store, Verdict};
use predicates::prelude::*;
use predicates::str::contains;
use std::path::Path;

fn nightly(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    command.args(["nightly", "--from"]).arg(dir.join("run"));
    command.arg("--history").arg(dir.join("history.jsonl"));
    command.arg("--summary").arg(dir.join("summary.md"));
    command
}

/// Night number `n`, with boots that take `boot` milliseconds.
fn night(n: usize, boot: u64) -> RunRecord {
    let mut record = support::record(&["base", "rust"], &[("S1", "h")], 2);
    record.run_id = format!("night-{n:03}");
    record.started = format!("2026-{:02}-{:02}T03:00:00Z", 1 + n / 28, 1 + n % 28);
    for attempt in 1..=2 {
        for (arm, verdict) in [("base", Verdict::Stale), ("rust", Verdict::Ok)] {
            let mut case = support::case(&format!("{arm}/S1/{attempt}"), verdict);
            case.boots_ms = vec![boot];
            record.cases.push(case);
        }
    }
    record.summarise();
    record
}

/// A series with noise of about 4 %, the same on every machine.
fn noise(n: usize) -> u64 {
    let mixed = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) % 70
}

fn save(dir: &Path, nights: usize, boot: impl Fn(usize) -> u64, tonight: &RunRecord) {
    let mut history = History::default();
    for n in 0..nights {
        history.enter(Night::of(&night(n, boot(n)), vec![]));
    }
    history.save(&dir.join("history.jsonl")).unwrap();
    let store = Store::open(&dir.join("run")).unwrap();
    store.save(tonight).unwrap();
}

#[test]
fn a_night_like_the_others_is_no_news_and_is_entered_once() {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), 40, |n| 900 + noise(n), &night(40, 930));
    for _ in 0..2 {
        nightly(dir.path())
            .assert()
            .success()
            .stdout(contains("Nothing changed").and(contains("41 nights in")));
    }
}

#[test]
fn a_regression_comes_first_with_its_smallest_reproduction() {
    let dir = tempfile::tempdir().unwrap();
    let mut tonight = night(40, 930);
    for case in tonight.cases.iter_mut().filter(|case| case.arm == "rust") {
        case.outcome = evidence::Outcome::Verdict { verdict: Verdict::Stale };
    }
    tonight.summarise();
    save(dir.path(), 40, |n| 900 + noise(n), &tonight);
    let run = dir.path().join("run");
    let package = "--kernel-src linux-source-7.3=7.3.4-1";
    let report = contains("## rust in S1: stale, expected ok")
        .and(contains("2 of 2 attempts. New: the last night (2026-02-12T03:00:00Z, Linux 7.3.4)"))
        .and(contains(format!("cargo xtask replay {} rust/S1/1", run.display())))
        .and(contains(format!("cargo xtask run --arm rust --scenario S1 --seed 1 {package}")));
    nightly(dir.path()).assert().code(1).stdout(report);
    let summary = std::fs::read_to_string(dir.path().join("summary.md")).unwrap();
    let at = |text: &str| summary.find(text).unwrap();
    assert!(at("## rust in S1") < at("```\nscenario"), "{summary}");

    // The night after: known, no longer new.
    let mut next = tonight.clone();
    (next.run_id, next.started) = ("night-041".into(), "2026-02-14T03:00:00Z".into());
    Store::open(&run).unwrap().save(&next).unwrap();
    nightly(dir.path()).assert().code(1).stdout(contains("Known since 2026-02-13T03:00:00Z"));
}

#[test]
fn a_slower_boot_is_told_with_its_interval_and_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let boot = |n: usize| if n < 30 { 900 + noise(n) } else { 1100 + noise(n) };
    save(dir.path(), 40, boot, &night(40, 1130));
    let report = contains("1 figures changed their level")
        .and(contains("- boot: "))
        .and(contains("(95 %: +"))
        .and(contains("since 2026-02-03T03:00:00Z"));
    nightly(dir.path()).assert().success().stdout(report);
}

#[test]
fn nights_of_another_machine_are_not_compared() {
    let dir = tempfile::tempdir().unwrap();
    let mut tonight = night(40, 1130);
    tonight.host.cpu = "a slower one".into();
    let boot = |n: usize| if n < 30 { 900 + noise(n) } else { 1100 + noise(n) };
    save(dir.path(), 40, boot, &tonight);
    nightly(dir.path()).assert().success().stdout(contains("Nothing changed"));
}

#[test]
fn cases_without_a_verdict_are_four() {
    let dir = tempfile::tempdir().unwrap();
    let mut tonight = night(40, 930);
    tonight.cases[1].outcome = evidence::Outcome::Inconclusive { why: "nothing was held".into() };
    tonight.cases.pop();
    tonight.summarise();
    save(dir.path(), 3, |n| 900 + noise(n), &tonight);
    nightly(dir.path())
        .assert()
        .code(4)
        .stdout(contains("2 cases without a verdict").and(contains("nothing was held")));
}

#[test]
fn an_arm_without_a_kernel_is_told_with_its_hunk() {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), 3, |n| 900 + noise(n), &night(3, 930));
    let unbuilt = serde_json::json!([{
        "arm": "ordered", "what": "does not apply",
        "why": "ordered.patch does not apply: hunk 2 of request.c fails at @@ -1 +1 @@\n-a\n+b",
    }]);
    std::fs::write(dir.path().join("run/unbuilt.json"), unbuilt.to_string()).unwrap();
    let report = contains("## Arm ordered does not apply on Linux 7.3.4")
        .and(contains("It did on Linux 7.3.4"))
        .and(contains("hunk 2 of request.c fails at @@ -1 +1 @@\n-a\n+b"));
    nightly(dir.path()).assert().code(1).stdout(report);
}

#[test]
fn a_damaged_history_is_named_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), 3, |n| 900 + noise(n), &night(3, 930));
    let path = dir.path().join("history.jsonl");
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str("half a li");
    std::fs::write(&path, &text).unwrap();
    nightly(dir.path()).assert().code(2).stderr(contains("history.jsonl:4"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

/// On real kernels: the arms that fit run, the one that does not is told.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_patch_that_fits_no_more_does_not_hide_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let patch = dir.path().join("stale.patch");
    let hunk = "@@ -10,2 +10,2 @@\n not in any kernel\n-old\n+new\n";
    let file = "drivers/md/bcache/request.c";
    std::fs::write(&patch, format!("--- a/{file}\n+++ b/{file}\n{hunk}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    command.args(["nightly", "--attempts", "1", "--scenario", "S1", "--arm", "base"]);
    command.arg("--arm").arg(format!("mine={}", patch.display()));
    command.arg("--history").arg(dir.path().join("history.jsonl"));
    command.arg("--out").arg(dir.path().join("run"));
    let report = contains("## Arm mine does not apply on Linux")
        .and(contains(format!("patch failed: {file}:10")))
        .and(contains("-old\n+new"))
        .and(contains("stale*"));
    command.assert().code(1).stdout(report);
}
