// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tracker's KUnit tests, in the kernel, in Rust and in C. They run before
//! the guest's first process; `cargo xtask test` builds the kernels.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use lab::{KunitCase, KunitEnd, KunitRun, KunitRunError, run_kunit};
use proc::Cancel;

/// Boots an arm that must survive it and reads its console.
fn boot(arm: &str) -> Vec<KunitCase> {
    let run = run(arm).unwrap();
    println!("{arm}: {run:#?}");
    assert!(run.report.is_empty(), "{:?}", run.report);
    run.cases
}

fn run(arm: &str) -> Result<KunitRun, KunitRunError> {
    let dir = tempfile::tempdir().unwrap();
    let run = run_kunit(&support::image(arm).kernel, &support::tools(), dir.path(), &Cancel::new());
    if let Err(KunitRunError::Ktap(_)) = run {
        // The document that is not whole is the only trace of what went wrong.
        let console = std::fs::read(dir.path().join("boot-1/console.log")).unwrap();
        eprintln!("{}", String::from_utf8_lossy(&console));
    }
    run
}

fn failed(cases: &[KunitCase]) -> Vec<&KunitCase> {
    cases.iter().filter(|case| matches!(case.end, KunitEnd::Failed(_))).collect()
}

fn skipped(cases: &[KunitCase]) -> usize {
    cases.iter().filter(|case| matches!(case.end, KunitEnd::Skipped(_))).count()
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn the_tracker_in_rust_passes_all() {
    let cases = boot("kunit");
    assert!(failed(&cases).is_empty());
    assert_eq!(skipped(&cases), 0);
    assert!(cases.len() >= 8);
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn the_tracker_in_c_passes_all_but_exactness() {
    let cases = boot("kunit-c");
    assert!(failed(&cases).is_empty());
    assert_eq!(skipped(&cases), 2, "chunks are not exact");
    assert!(cases.len() >= 8);
}

/// Were the kernel's tests not able to fail, they would show nothing.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn each_mutant_fails_its_case() {
    for (arm, case) in [
        ("mutant-16-bit", "inflight_many"),
        ("mutant-first-chunk", "inflight_last"),
        ("mutant-first-granule", "inflight_last"),
        ("mutant-wide-lost", "inflight_full"),
    ] {
        let cases = boot(arm);
        let failed = failed(&cases);
        let name = format!("bcache_inflight/{case}");
        assert!(failed.iter().any(|failed| failed.name == name), "{arm}: {failed:?}");
    }
}

/// A page of counters that two threads change without a lock: one is lost, and
/// the check misses a write; or the page is freed, and the kernel dies. A race, so a
/// boot may miss it where the two processors do not run at the same time.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn counting_without_a_lock_is_found_out() {
    const BOOTS: usize = 8;
    let found = (0..BOOTS).any(|_| match run("mutant-unlocked") {
        Ok(run) => {
            failed(&run.cases).iter().any(|case| case.name == "bcache_inflight/inflight_two")
        }
        Err(KunitRunError::Vm(died)) => {
            assert!(died.to_string().contains("oops"), "{died}");
            true
        }
        Err(other) => panic!("{other}"),
    });
    assert!(found, "{BOOTS} boots passed");
}
