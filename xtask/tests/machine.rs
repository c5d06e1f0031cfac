// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask run` as a whole: exit codes, interruption, resuming. The
//! kernels are those that `cargo xtask test` has built.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

use evidence::{Outcome, RunStatus, Store, Verdict};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn repo() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn run(args: &[&str], out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.current_dir(repo()).arg("run").args(args).arg("--out").arg(out);
    command
}

fn record(out: &Path) -> evidence::RunRecord {
    Store::read(&out.join("run.json")).unwrap().unwrap()
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_control_that_fails_as_expected_is_zero() {
    let dir = tempfile::tempdir().unwrap();
    let out = run(&["--arm", "base", "--scenario", "race"], dir.path()).output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(String::from_utf8_lossy(&out.stdout).contains("stale*"));
    let record = record(dir.path());
    assert_eq!((record.status, record.summary.as_expected), (RunStatus::Complete, 1));
    assert!(dir.path().join(&record.cases[0].files["events"]).is_file());
}

/// The unpatched kernel under another name claims to be a fix: the lab must
/// contradict it.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_patch_that_does_not_fix_it_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let arm = "claims-to-be-fixed=kernel/arms/base.toml";
    let out = run(&["--arm", arm, "--scenario", "S1"], dir.path()).output().unwrap();
    assert_eq!(out.status.code(), Some(1), "{}", String::from_utf8_lossy(&out.stderr));
    let stdout = String::from_utf8_lossy(&out.stdout);
    assert!(stdout.contains("stale!") && stdout.contains("at sectors"), "{stdout}");
    let verdict = Outcome::Verdict { verdict: Verdict::Stale };
    assert_eq!(record(dir.path()).cases[0].outcome, verdict);
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_panicking_kernel_is_four_with_its_console() {
    let dir = tempfile::tempdir().unwrap();
    let arm = "panics=xtask/tests/data/panics.patch";
    let out = run(&["--arm", arm, "--scenario", "S1"], dir.path()).output().unwrap();
    assert_eq!(out.status.code(), Some(4), "{}", String::from_utf8_lossy(&out.stderr));
    let stdout = String::from_utf8_lossy(&out.stdout);
    assert!(stdout.contains("panicked") && stdout.contains("panics on purpose"), "{stdout}");
    assert!(stdout.contains("next:"), "{stdout}");
}

/// The blocks are right, but the kernel is not: never a clean case.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_kernel_that_warns_is_one_with_its_report() {
    let dir = tempfile::tempdir().unwrap();
    let arm = "warns=xtask/tests/data/warns.patch";
    let out = run(&["--arm", arm, "--scenario", "S3"], dir.path()).output().unwrap();
    assert_eq!(out.status.code(), Some(1), "{}", String::from_utf8_lossy(&out.stderr));
    let stdout = String::from_utf8_lossy(&out.stdout);
    assert!(stdout.contains("report!"), "{stdout}");
    assert!(stdout.contains("the kernel reported (warning)"), "{stdout}");
    assert!(stdout.contains("warns on purpose"), "{stdout}");
    let verdict = Outcome::Verdict { verdict: Verdict::Report };
    assert_eq!(record(dir.path()).cases[0].outcome, verdict);
}

/// Processes whose command line names the folder: QEMU has it in its paths.
fn left_over(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap().to_owned();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.starts_with("qemu") && line.contains(&folder))
        .collect()
}

/// Starts a run and waits until its first machine is there.
/// Long enough to be interrupted.
const FOUR: [&str; 12] = [
    "--arm",
    "base",
    "--jobs",
    "1",
    "--scenario",
    "S1",
    "--scenario",
    "S2",
    "--scenario",
    "S3",
    "--scenario",
    "S4",
];

fn started(out: &Path) -> Child {
    let mut child = run(&FOUR, out).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while left_over(out).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "ended before a machine was seen");
        assert!(Instant::now() < deadline, "no machine after two minutes");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn nothing_is_left(out: &Path) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !left_over(out).is_empty() {
        assert!(Instant::now() < deadline, "still running: {:?}", left_over(out));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn ctrl_c_leaves_nothing_running_and_the_run_resumes() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = started(dir.path());
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    nothing_is_left(dir.path());
    let interrupted = record(dir.path());
    assert_eq!(interrupted.status, RunStatus::Incomplete);

    let again = run(&FOUR, dir.path()).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{}", String::from_utf8_lossy(&again.stderr));
    let whole = record(dir.path());
    assert_eq!(whole.status, RunStatus::Complete);
    assert_eq!(whole.started, interrupted.started);

    // The same folder for another run is refused, and stays as it is.
    let other = run(&["--arm", "rust"], dir.path()).output().unwrap();
    assert_eq!(other.status.code(), Some(2));
    assert_eq!(record(dir.path()), whole);
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_killed_tool_leaves_no_machine() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = started(dir.path());
    child.kill().unwrap();
    child.wait().unwrap();
    nothing_is_left(dir.path());
}
