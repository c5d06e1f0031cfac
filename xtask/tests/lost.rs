// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nothing is lost: each test breaks a run for real in the middle, then looks
//! at what survived and lets the run go on. Finished cases stay, the run
//! resumes, no process and no temporary file is left.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

use evidence::{Outcome, RunRecord, RunStatus, Store};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A results folder, and a place for temporary files that nobody else uses.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["out", "tmp"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        Self { dir }
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
        command.env("TMPDIR", self.dir.path().join("tmp"));
        command
    }

    /// Two cases, one after the other.
    fn run(&self, more: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_xtask"));
        command.args(["run", "--scenario", "S1", "--jobs", "1", "--arm", "base"]);
        command.args(if more.is_empty() { &["--arm", "rust"][..] } else { more });
        command.arg("--out").arg(self.out());
        command
    }

    fn start(&self) -> Child {
        self.run(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn record(&self) -> Option<RunRecord> {
        Store::read(&self.out().join("run.json")).unwrap()
    }

    fn cases(&self) -> usize {
        self.record().map_or(0, |record| record.cases.len())
    }

    /// Pids of the machines of this place.
    fn machines(&self) -> Vec<u32> {
        self.processes()
            .into_iter()
            .filter(|(_, line)| line.starts_with("qemu"))
            .map(|p| p.0)
            .collect()
    }

    /// Processes that name this place in their command line.
    fn processes(&self) -> Vec<(u32, String)> {
        let folder = self.dir.path().to_str().unwrap().to_owned();
        fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let pid = path.file_name()?.to_str()?.parse().ok()?;
                let line = fs::read(path.join("cmdline")).ok()?;
                Some((pid, String::from_utf8_lossy(&line).replace('\0', " ")))
            })
            .filter(|(_, line)| line.contains(&folder))
            .collect()
    }

    /// No process, no temporary file, nothing half written.
    fn is_clean(&self) {
        wait_for("no process and no temporary file", || {
            let left = fs::read_dir(self.dir.path().join("tmp")).unwrap().count();
            (self.processes().is_empty() && left == 0).then_some(())
        });
        assert!(!self.out().join(".run.json.new").exists());
    }

    /// Runs to the end; `kept` cases must be those of before, as they were.
    fn goes_on(&self, before: &RunRecord, kept: usize) {
        let out = self.run(&[]).output().unwrap();
        assert_eq!(out.status.code(), Some(0), "{}", said(&out));
        let after = self.record().unwrap();
        assert_eq!((after.status, after.summary.as_expected), (RunStatus::Complete, 2));
        let verdict = |o: &Outcome| matches!(o, Outcome::Verdict { .. });
        let old: Vec<_> = before.cases.iter().filter(|case| verdict(&case.outcome)).collect();
        assert_eq!(old.len(), kept);
        assert!(old.iter().all(|case| after.cases.contains(case)), "a finished case ran again");
        self.is_clean();
    }
}

fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < end, "not within two minutes: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn said(out: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&out.stdout) + &text(&out.stderr)
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn the_tool_is_killed() {
    let place = Place::new();
    let mut child = place.start();
    wait_for("a case and the next machine", || {
        (place.cases() == 1 && !place.machines().is_empty()).then_some(())
    });
    kill(child.id());
    child.wait().unwrap();
    let before = place.record().unwrap();
    assert_eq!((before.status, before.cases.len()), (RunStatus::Incomplete, 1));
    place.is_clean();
    place.goes_on(&before, 1);
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn qemu_is_killed() {
    let place = Place::new();
    let child = place.start();
    let first = wait_for("a machine", || place.machines().first().copied());
    kill(first);
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(4), "{}", said(&out));
    let before = place.record().unwrap();
    let Outcome::Harness { what, next_step, .. } = &before.cases[0].outcome else {
        panic!("{:?}", before.cases[0].outcome)
    };
    assert!(["qemu-ended", "never-started"].contains(&what.to_string().as_str()), "{what}");
    assert!(!next_step.is_empty());
    place.is_clean();
    place.goes_on(&before, 1);
}

/// A shell in a mount namespace of its own: what it mounts goes away with it.
fn with_mounts(place: &Place, script: &str) -> Option<Output> {
    let root = rustix::process::geteuid().is_root();
    let mut shell = place.command("unshare");
    shell.args(if root { &["--mount"][..] } else { &["--mount", "--map-root-user"][..] });
    let able = shell.args(["sh", "-c", "mount -t tmpfs lab /mnt"]).output().unwrap();
    if !able.status.success() {
        eprintln!("not run: no mount namespace: {}", said(&able));
        return None;
    }
    let mut shell = place.command("unshare");
    shell.args(if root { &["--mount"][..] } else { &["--mount", "--map-root-user"][..] });
    shell.args(["sh", "-euc", script, "sh"]).arg(place.out()).arg(place.dir.path());
    shell.arg(env!("CARGO_BIN_EXE_xtask"));
    Some(shell.output().unwrap())
}

/// Room for one case and a half; then more; then the folder is read-only.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn the_disk_is_full_and_then_read_only() {
    let place = Place::new();
    let script = r#"
        run() { "$3" run --arm base --arm rust --scenario S1 --jobs 1 --out "$1" && rc=0 || rc=$?; }
        mount -t tmpfs -o size=3m lab "$1"
        run "$@"; echo "full: $rc"
        cp "$1/run.json" "$2/full.json"
        mount -o remount,size=100m "$1"
        run "$@"; echo "larger: $rc"
        cp "$1/run.json" "$2/larger.json"
        mount -o remount,ro "$1"
        run "$@"; echo "read-only: $rc"
        cmp "$1/run.json" "$2/larger.json"
        ls -A "$1" | tr '\n' ' '
    "#;
    let Some(out) = with_mounts(&place, script) else { return };
    let text = said(&out);
    assert!(out.status.success(), "{text}");
    for part in ["full: 4", "larger: 0", "read-only: 2", "free some space", "--out"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains(".lock evidence inputs logs run.json "), "{text}");
    let read = |name: &str| Store::read(&place.dir.path().join(name)).unwrap().unwrap();
    let (full, larger) = (read("full.json"), read("larger.json"));
    assert_eq!(full.cases.len(), 1, "the finished case survives");
    assert_eq!(larger.status, RunStatus::Complete);
    assert!(larger.cases.contains(&full.cases[0]), "a finished case ran again");
    place.is_clean();
}

/// The host's clock jumps back by three hours and forth by a year while
/// machines run; QEMU and so the guests see it, too.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn the_clock_jumps() {
    let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
    if !Path::new(library).exists() {
        eprintln!("not run: libfaketime is not installed (cargo xtask setup --tests)");
        return;
    }
    let place = Place::new();
    let clock = place.dir.path().join("clock");
    let set = |text: &str| fs::write(&clock, text).unwrap();
    set("+0");
    let mut command = place.run(&[]);
    command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &clock);
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("FAKETIME_NO_CACHE", "1");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("a machine", || place.machines().first().copied());
    set("-3h");
    wait_for("a case", || (place.cases() == 1).then_some(()));
    set("+365d");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let record = place.record().unwrap();
    assert_eq!((record.status, record.summary.as_expected), (RunStatus::Complete, 2));
    let year = |text: &str| text[..4].parse::<u32>().unwrap();
    let (first, last) = (year(&record.started), year(record.finished.as_deref().unwrap()));
    assert_eq!(last, first + 1, "the jump was not seen: {} {:?}", record.started, record.finished);
    // Durations are of the clock that does not jump.
    assert!(record.cases.iter().all(|case| case.took_ms < 300_000), "{:?}", record.cases);
    place.is_clean();
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn two_runs_want_one_folder() {
    let place = Place::new();
    let mut first = place.start();
    wait_for("a machine", || place.machines().first().copied());
    let second = place.run(&[]).output().unwrap();
    assert_eq!(second.status.code(), Some(2), "{}", said(&second));
    assert!(said(&second).contains("in use by another run"), "{}", said(&second));
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_eq!(place.record().unwrap().summary.as_expected, 2);
    place.is_clean();
}

/// A kernel that fails in its own way, after a sound one: the sound one's case
/// stays, the other is harness trouble of that name.
fn a_guest_fails_beside_a_sound_one(arm: &str, called: &str, says: &str) {
    let place = Place::new();
    let arm = format!("{arm}=xtask/tests/data/{arm}.patch");
    let more = ["--arm", arm.as_str()];
    let out = place.run(&more).output().unwrap();
    assert_eq!(out.status.code(), Some(4), "{}", said(&out));
    let before = place.record().unwrap();
    assert_eq!((before.summary.as_expected, before.summary.harness_failures), (1, 1));
    let Outcome::Harness { what, console_tail, next_step, .. } = &before.cases[1].outcome else {
        panic!("{:?}", before.cases[1].outcome)
    };
    assert_eq!(what.to_string(), called);
    assert!(console_tail.contains(says) && !next_step.is_empty(), "{console_tail}");
    place.is_clean();
    // Again: only what has no verdict.
    let out = place.run(&more).output().unwrap();
    assert!(said(&out).contains("2 cases are there"), "{}", said(&out));
    let after = place.record().unwrap();
    assert_eq!(after.cases[0], before.cases[0], "a finished case ran again");
    assert_eq!(after.summary.harness_failures, 1);
    place.is_clean();
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_guest_panics() {
    a_guest_fails_beside_a_sound_one("panics", "panicked", "panics on purpose");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_guest_hangs() {
    a_guest_fails_beside_a_sound_one("hangs", "hung", "");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_guest_floods_its_console() {
    a_guest_fails_beside_a_sound_one("floods", "console-flood", "floods its console on purpose");
}
