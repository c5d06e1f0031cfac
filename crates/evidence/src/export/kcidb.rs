// SPDX-License-Identifier: MIT OR Apache-2.0
//! KCIDB I/O, version 5.3: a checkout and a build per arm, a test per case.

use crate::printable::printable;
use crate::record::{ArmRecord, Case, Outcome, RunRecord};
use crate::verdict::Verdict;
use serde_json::{Map, Value, json};

/// The name that our objects begin with. Whoever submits uses their own.
pub const ORIGIN: &str = "bcache_lab";

/// Limit of the format, in characters.
const LONGEST_EXCERPT: usize = 16_384;

/// One submission. Statuses speak of the kernel, as the format wants it: an
/// unpatched kernel that is stale as expected is a `FAIL`; a case without a
/// verdict is an `ERROR` (inconclusive) or a `MISS` (the harness).
#[must_use]
pub fn kcidb(run: &RunRecord) -> Value {
    json!({
        "version": { "major": 5, "minor": 3 },
        "checkouts": run.arms.iter().map(|arm| checkout(run, arm)).collect::<Vec<_>>(),
        "builds": run.arms.iter().map(|arm| build(run, arm)).collect::<Vec<_>>(),
        "tests": run.cases.iter().map(|case| test(run, case)).collect::<Vec<_>>(),
    })
}

/// Ids may hold anything but NUL; the run's start makes them unique.
fn id(run: &RunRecord, parts: &[&str]) -> String {
    let mut text = format!("{ORIGIN}:{}:{}", run.started, run.run_id);
    for part in parts {
        text.push(':');
        text.push_str(part);
    }
    printable(&text)
}

fn checkout(run: &RunRecord, arm: &ArmRecord) -> Value {
    let mut checkout = json!({
        "id": id(run, &[&arm.name]),
        "origin": ORIGIN,
        "comment": printable(&format!(
            "Linux {} ({}), arm {}: {}",
            run.source.kernel_version, run.source.origin, arm.name, arm.title
        )),
        "start_time": run.started,
        "valid": true,
        "misc": { "source_hash": run.source.hash, "arm_hash": arm.hash },
    });
    // The format knows SHA-1 only.
    let commit = run.source.origin.commit().filter(|commit| commit.len() == 40);
    if let (Some(commit), Some(checkout)) = (commit, checkout.as_object_mut()) {
        checkout.insert("git_commit_hash".to_owned(), json!(commit.to_lowercase()));
    }
    checkout
}

fn build(run: &RunRecord, arm: &ArmRecord) -> Value {
    json!({
        "id": id(run, &[&arm.name, "build"]),
        "checkout_id": id(run, &[&arm.name]),
        "origin": ORIGIN,
        "architecture": "x86_64",
        "compiler": printable(&run.toolchain.cc),
        "config_name": printable(&run.config.name),
        "status": "PASS",
        "misc": {
            "image": arm.image,
            "vmlinux": arm.vmlinux,
            "config_hash": run.config.hash,
            "rustc": run.toolchain.rustc,
            "bindgen": run.toolchain.bindgen,
        },
    })
}

fn test(run: &RunRecord, case: &Case) -> Value {
    let mut test = Map::new();
    let mut put = |key: &str, value: Value| drop(test.insert(key.to_owned(), value));
    put("id", json!(id(run, &[&case.id])));
    put("build_id", json!(id(run, &[&case.arm, "build"])));
    put("origin", json!(ORIGIN));
    put("path", json!(path(run, case)));
    put("status", json!(status(case)));
    put("start_time", json!(run.started));
    put("duration", json!(case.took_ms as f64 / 1e3));
    let comment = format!("{}, expected {}", crate::table::cell(&[case], 1), case.expected);
    put("comment", json!(printable(&comment)));
    let machine = format!(
        "{}, {} on {} cores of {}",
        run.qemu.version, run.qemu.accelerator, run.host.cores, run.host.cpu
    );
    put("environment", json!({ "comment": printable(&machine) }));
    if let Outcome::Harness { console_tail, .. } = &case.outcome
        && !console_tail.is_empty()
    {
        let excerpt: String = printable(console_tail).chars().take(LONGEST_EXCERPT).collect();
        put("log_excerpt", json!(excerpt));
    }
    let misc = json!({
        "expected": case.expected,
        "outcome": case.outcome,
        "seed": case.seed,
        "opportunities": case.opportunities,
        "observations": case.observations,
        "sectors": case.sectors,
    });
    put("misc", misc);
    Value::Object(test)
}

fn status(case: &Case) -> &'static str {
    match case.outcome {
        Outcome::Verdict { verdict: Verdict::Ok } => "PASS",
        Outcome::Verdict { .. } => "FAIL",
        Outcome::Inconclusive { .. } => "ERROR",
        Outcome::Harness { .. } => "MISS",
    }
}

/// `bcache_lab.S1.race`; letters that a path may not hold become `_`.
fn path(run: &RunRecord, case: &Case) -> String {
    let scenario = run.scenarios.iter().find(|scenario| scenario.id == case.scenario);
    let name = scenario.map_or("", |scenario| scenario.name.as_str());
    let parts = [ORIGIN, case.scenario.as_str(), name];
    let word = |text: &str| -> String {
        let fine = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        text.chars().map(|c| if fine(c) { c } else { '_' }).collect()
    };
    let words: Vec<String> = parts.into_iter().map(word).filter(|w| !w.is_empty()).collect();
    words.join(".")
}
