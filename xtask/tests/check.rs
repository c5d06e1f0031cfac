// SPDX-License-Identifier: MIT OR Apache-2.0
//! `new`, `check` and scenarios from elsewhere, without a machine.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

use assert_cmd::Command;
use predicates::str::contains;
use std::path::Path;

fn xtask() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    command
}

#[test]
fn the_scenarios_of_the_project_have_no_mistakes() {
    xtask().arg("check").assert().success().stdout(contains("nothing wrong"));
}

#[test]
fn a_new_scenario_passes_and_a_wrong_one_is_told_with_its_lines() {
    let dir = tempfile::tempdir().unwrap();
    let new = ["new", "scenario", "my-race", "--dir"];
    xtask().args(new).arg(dir.path()).assert().success().stdout(contains("scenario U1"));
    let path = dir.path().join("my-race.toml");
    xtask()
        .arg("check")
        .arg(&path)
        .assert()
        .success()
        .stdout(contains("nothing wrong; scenarios looked at: 1\n"));
    // Never written over.
    xtask().args(new).arg(dir.path()).assert().code(2).stderr(contains("my-race.toml"));

    let text = std::fs::read_to_string(&path).unwrap();
    let wrong = text
        .replace("id = \"U1\"", "id = \"S1\"")
        .replace("returns = \"A\"", "returns = \"C\"")
        .replace("base = \"stale\"", "bass = \"stale\"");
    std::fs::write(&path, wrong).unwrap();
    let line = |what: &str| 1 + text.lines().position(|line| line.starts_with(what)).unwrap();
    let out = xtask().arg("check").arg(dir.path()).assert().code(2);
    out.stdout(contains(format!("my-race.toml:{}: id \"S1\" is that of", line("id"))))
        .stdout(contains("no version \"C\" is written before; A, B is"))
        .stdout(contains(format!("my-race.toml:{}: [expect] names no arm", line("base"))))
        .stdout(contains("mistakes: 3; scenarios looked at: 1"));
    xtask().args(["check", "--arm", "bass"]).arg(&path).assert().stdout(contains("mistakes: 2;"));
}

#[test]
fn a_file_that_is_not_there_is_usage() {
    for args in [&["check", "none.toml"][..], &["run", "--scenario", "none.toml"]] {
        xtask().args(args).assert().code(2);
    }
    xtask()
        .args(["run", "--workloads", "none"])
        .assert()
        .code(2)
        .stderr(contains("none/scenarios"));
    xtask().args(["new", "scenario", "My Race"]).assert().code(2);
}
