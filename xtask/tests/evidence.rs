// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evidence`, `show` and `replay` as a user meets them, without a machine.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};
use std::path::Path;

fn xtask() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    command
}

fn case(arm: &str, verdict: &str, expected: &str) -> Value {
    json!({
        "id": format!("{arm}/S1/1"), "arm": arm, "scenario": "S1", "attempt": 1, "seed": 7,
        "expected": expected, "outcome": { "kind": "verdict", "verdict": verdict },
        "opportunities": [], "observations": ["something was seen"],
        "sectors": { "ok": 1, "diverged": 0, "stale": 0, "lost": 0, "torn": 0, "alien": 0 },
        "cuts": [], "boots_ms": [1], "took_ms": 2, "files": { "events": "logs/none/events" },
    })
}

/// A run of two cases, in a folder of its own.
fn run(dir: &Path, change: impl FnOnce(&mut Value)) {
    let arm = |name: &str| json!({ "name": name, "title": name, "hash": "h", "image": "i" });
    let mut record = json!({
        "schema_version": 1, "run_id": "r", "status": "complete",
        "started": "2026-01-01T00:00:00Z", "finished": null, "seed": 1,
        "tool": { "version": "0", "commit": null, "dirty": false },
        "host": { "os": "o", "kernel": "k", "cpu": "c", "cores": 2, "memory_mib": 1 },
        "qemu": { "version": "q", "accelerator": "tcg" },
        "source": { "origin": "o", "kernel_version": "7", "hash": "h" },
        "config": { "name": "plain", "hash": "h" },
        "toolchain": { "cc": "gcc", "rustc": null, "bindgen": null },
        "guest": { "hash": "g", "fio": "f" },
        "arms": [arm("base"), arm("rust")],
        "scenarios": [{ "id": "S1", "name": "race", "title": "t", "hash": "no such file" }],
        "attempts": 1, "cases": [case("base", "stale", "stale"), case("rust", "ok", "ok")],
        "summary": { "planned": 2, "as_expected": 2, "contradictions": 0, "inconclusive": 0,
                     "harness_failures": 0 },
    });
    change(&mut record);
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join("run.json"), record.to_string()).unwrap();
}

#[test]
fn all_files_are_written_and_named() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), |_| ());
    let out = dir.path().join("e");
    let mut command = xtask();
    command.arg("evidence").arg(dir.path()).arg("--out").arg(&out);
    command.assert().success().stdout(contains("report.html"));
    for (file, word) in [
        ("report.html", ">stale*</a>"),
        ("cover-letter.txt", " stale*"),
        ("run.json", "schema_version"),
        ("kcidb.json", "\"FAIL\""),
        ("junit.xml", "<testsuites"),
        ("results.ktap", "# XFAIL stale"),
    ] {
        let text = std::fs::read_to_string(out.join(file)).unwrap();
        assert!(text.contains(word), "{file}: {text}");
        assert!(!text.contains("root:x:0"), "{file} has a file from outside its run");
    }
    // What was written can be read again: a gathered record is a record.
    xtask().arg("evidence").arg(&out).assert().success();
}

#[test]
fn incomplete_and_mixed_runs_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (short, other) = (dir.path().join("short"), dir.path().join("other"));
    run(&short, |record| drop(record["cases"].as_array_mut().unwrap().pop()));
    let mut command = xtask();
    command.arg("evidence").arg(&short);
    let place = contains(format!("--out {}", short.display()));
    command.assert().code(2).stderr(contains("1 of 2 cases").and(contains("xtask run")).and(place));
    run(&short, |record| {
        record["status"] = json!("incomplete");
        record["cases"] = json!([]);
        record["summary"]["planned"] = json!(0);
        record["perf"] = json!({ "indicative": true, "reference": "base", "margin": 0.02,
                                 "series": [], "memory": [], "hit_ratio": [] });
    });
    let mut command = xtask();
    command.arg("evidence").arg(&short);
    let place = contains(format!("--out {}", short.display()));
    command.assert().code(2).stderr(contains("`cargo xtask perf`").and(place));
    run(&short, |_| ());
    run(&other, |record| {
        record["started"] = json!("2026-01-02T00:00:00Z");
        record["arms"][1]["image"] = json!("another");
    });
    let mut command = xtask();
    command.arg("evidence").arg(&short).arg(&other);
    command.assert().code(2).stderr(contains("the kernel of arm rust differs (i / another)"));
}

#[test]
fn runs_and_cases_that_are_not_there_name_those_that_are() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), |_| ());
    xtask().args(["evidence", "no-such-run"]).assert().code(2).stderr(contains("no-such-run"));
    let mut command = xtask();
    command.arg("show").arg(dir.path()).arg("base/S9");
    command.assert().code(2).stderr(contains("did you mean \"base/S1/1\"?"));
}

/// By id or by name, in `show` and in `log`; the run alone is its table.
#[test]
fn a_run_is_shown_again_and_its_cases_have_names() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), |_| ());
    let mut command = xtask();
    command.arg("show").arg(dir.path());
    command.assert().success().stdout(contains("S1 race  stale* ok").and(contains("2 cases")));
    for case in ["base/S1", "base/s1/1", "base/race"] {
        let mut command = xtask();
        command.args(["show"]).arg(dir.path()).args([case, "--json"]);
        command.assert().success().stdout(contains("\"id\": \"base/S1/1\""));
        let mut command = xtask();
        command.arg("log").arg(dir.path()).arg(case);
        command.assert().code(2).stderr(contains("the event log of base/S1/1 is not in"));
    }
}

/// A run that went wrong begins with what is wrong; nothing is coloured for a
/// program.
#[test]
fn what_is_against_its_expectation_comes_first() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), |record| record["cases"][1]["outcome"]["verdict"] = json!("stale"));
    let mut command = xtask();
    let out = command.arg("show").arg(dir.path()).assert().success().get_output().stdout.clone();
    let text = String::from_utf8(out).unwrap();
    let first = "against its expectation: rust/S1/1 stale, expected ok\n";
    assert!(text.starts_with(first) && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_path_out_of_the_run_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), |record| {
        record["cases"][0]["files"]["events"] = "../../../etc/passwd".into();
    });
    let mut command = xtask();
    command.arg("show").arg(dir.path()).arg("base/S1");
    command.assert().code(2).stderr(contains("outside its folder"));
}

#[test]
fn what_is_no_bundle_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.bundle");
    for text in ["", "{}", "[[[[", "\u{0}\u{1}", "{\"format\": \"bcache-lab replay bundle\"}"] {
        std::fs::write(&file, text).unwrap();
        let mut command = xtask();
        command.arg("replay").arg(&file);
        command.assert().code(2).stderr(contains("not a replay bundle"));
    }
    xtask().args(["replay", "no/such"]).assert().code(2).stderr(contains("name a case"));
}

#[test]
fn a_scenario_that_has_changed_is_not_played_as_if_it_had_not() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), |_| ());
    let mut command = xtask();
    command.arg("replay").arg(dir.path()).arg("base/S1");
    command.assert().code(2).stderr(contains("has changed since the run"));
}

#[test]
fn a_name_that_is_a_path_is_not_published() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), |_| ());
    let mut command = xtask();
    command.arg("evidence").arg(dir.path()).args(["--publish", "../outside"]);
    command.assert().code(2).stderr(contains("--publish"));
}
