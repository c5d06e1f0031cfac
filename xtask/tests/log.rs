// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask log` on logs that are whole, cut short, damaged, and of a tool
//! that was killed.

#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::{contains, is_empty};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use vdisk::{CutKind, DiskSpec, Policy, Profile, Rig};

fn xtask(file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("log").arg(file);
    command
}

fn rig(dir: &Path) -> Rig {
    let disk = |name: &str| DiskSpec {
        name: name.into(),
        sectors: 2048,
        volatile_cache: true,
        profile: Profile::none(),
    };
    Rig::new(dir, vec![disk("ssd"), disk("hdd")]).unwrap()
}

/// A folder with a log of two lives, as a case leaves it.
fn case() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("events");
    let rig = rig(dir.path());
    rig.log_to(&log).unwrap();
    rig.mark("first step");
    rig.poke("hdd", 40, &[9; 1024]);
    rig.flush_log().unwrap();
    rig.cut(CutKind::Power, Policy::DropAll);
    rig.power_on();
    rig.mark("second step");
    rig.flush_log().unwrap();
    (dir, log)
}

#[test]
fn a_whole_log_is_printed() {
    let (dir, log) = case();
    for path in [dir.path(), &log] {
        xtask(path).assert().success().stderr(is_empty()).stdout(
            contains("disk hdd: 1 MiB, volatile cache of 256 MiB")
                .and(contains("2 lives"))
                .and(contains("--- first step"))
                .and(contains("hdd  poke      40+2 by the lab"))
                .and(contains("POWER CUT"))
                .and(contains("--- second step")),
        );
    }
    let out = xtask(&log).arg("--json").assert().success().get_output().stdout.clone();
    let lines: Vec<serde_json::Value> =
        out.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert_eq!((&lines[1]["kind"], &lines[1]["sector"]), (&"poke".into(), &40.into()));
    xtask(&log).args(["--disk", "ssd"]).assert().success().stdout(contains("poke").not());
}

#[test]
fn a_log_that_was_cut_short_says_where() {
    let (_dir, log) = case();
    let whole = fs::read(&log).unwrap();
    fs::write(&log, &whole[..whole.len() - 3]).unwrap();
    xtask(&log)
        .assert()
        .success()
        .stdout(contains("--- first step"))
        .stderr(contains(format!("of {}: the file ends inside a frame", whole.len() - 3)));
}

#[test]
fn a_damaged_log_says_where_and_fails() {
    let (_dir, log) = case();
    let mut bytes = fs::read(&log).unwrap();
    let at = bytes.windows(11).position(|w| w == b"second step").unwrap();
    bytes[at] ^= 1;
    fs::write(&log, bytes).unwrap();
    xtask(&log)
        .assert()
        .code(4)
        .stdout(contains("--- first step").and(contains("second step").not()))
        .stderr(contains("stops at byte").and(contains("checksum")));
}

#[test]
fn what_is_no_log_is_usage() {
    let dir = tempfile::tempdir().unwrap();
    xtask(dir.path()).assert().code(2).stderr(contains("no event log"));
    let file = dir.path().join("run.json");
    fs::write(&file, "{}").unwrap();
    xtask(&file).assert().code(2).stderr(contains("not an event log"));
    let (_dir, log) = case();
    xtask(&log).args(["--disk", "nvme"]).assert().code(2).stderr(contains("it has ssd, hdd"));
}

/// The test binary starts itself as the tool, and kills it with SIGKILL while
/// it writes.
#[test]
fn the_log_of_a_killed_tool_is_printed() {
    if let Some(dir) = std::env::var_os("XTASK_TEST_VICTIM") {
        let rig = rig(Path::new(&dir));
        rig.log_to(&Path::new(&dir).join("events")).unwrap();
        for round in 0u64.. {
            rig.mark(&format!("round {round}"));
            rig.poke("ssd", round % 2048, &[round as u8; 512]);
        }
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("events");
    let mut victim = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_log_of_a_killed_tool_is_printed"])
        .env("XTASK_TEST_VICTIM", dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while fs::metadata(&log).map_or(0, |data| data.len()) < 1 << 16 {
        assert!(Instant::now() < deadline, "nothing is logged");
        std::thread::sleep(Duration::from_millis(5));
    }
    victim.kill().unwrap();
    victim.wait().unwrap();
    xtask(&log).assert().success().stdout(contains("--- round 100\n"));
}
