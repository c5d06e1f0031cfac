// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the crash states of a log cost in memory: at most twice the log, all
//! told. The program that measures it is an example, because a process's peak
//! has to be its own; `enumerate 1024 2000` does the same with 1 GiB.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

use std::process::Command;

const MIB: u64 = 256;

#[test]
fn a_logs_states_cost_at_most_twice_the_log() {
    // target/PROFILE/deps/memory-HASH, and cargo builds examples for tests.
    let tests = std::env::current_exe().unwrap();
    let example = tests.parent().unwrap().parent().unwrap().join("examples/enumerate");
    let out = Command::new(&example).args([&MIB.to_string(), "400"]).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{text}");
    let last = text.lines().last().unwrap();
    assert!(last.starts_with(&format!("{} epochs", MIB * 256 / 32 + 1)), "{text}");
    let peak = last.rsplit("peak ").next().unwrap().trim_end_matches(" MiB");
    let peak: u64 = peak.parse().unwrap();
    assert!((MIB..=2 * MIB).contains(&peak), "{peak} MiB for a log of {MIB} MiB\n{text}");
}
