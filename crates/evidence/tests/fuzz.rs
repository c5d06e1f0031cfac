// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files from somebody else: `run.json`, a shard plan, a history of nights.
//! `EVIDENCE_FUZZ=1000000` asks for as many inputs; a failure names its seed,
//! and `EVIDENCE_FUZZ_SEED` begins there.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

use evidence::nightly::{History, Night, report};
use evidence::shard::{Plan, merge};
use evidence::{RunRecord, matrix};
use fastrand::Rng;
use serde_json::{Value, json};

fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("EVIDENCE_FUZZ_SEED").unwrap_or(0);
    first..first + number("EVIDENCE_FUZZ").unwrap_or(5_000)
}

fn below(rng: &mut Rng, limit: usize) -> usize {
    rng.usize(..limit.max(1))
}

fn case(id: &str) -> Value {
    let parts: Vec<&str> = id.split('/').collect();
    json!({
        "id": id, "arm": parts[0], "scenario": parts[1],
        "attempt": parts[2].parse::<u32>().unwrap(), "seed": 5, "expected": "ok",
        "outcome": {"kind": "verdict", "verdict": "stale"},
        "opportunities": [{"claim": "held", "open": true, "detail": "1"}],
        "observations": ["x"], "sectors": {"ok": 8, "diverged": 0, "stale": 0, "lost": 0, "torn": 0, "alien": 0}, "cuts": [], "boots_ms": [900], "took_ms": 2500,
        "files": {"logs": "logs/a", "events": "logs/a/events"},
    })
}

fn run() -> Value {
    json!({
        "schema_version": 1, "run_id": "r", "status": "complete", "started": "2026-01-01T00:00:00Z",
        "finished": null, "seed": 1,
        "tool": {"version": "0", "commit": null, "dirty": false},
        "host": {"os": "o", "kernel": "k", "cpu": "c", "cores": 2, "memory_mib": 1},
        "qemu": {"version": "10", "accelerator": "tcg"},
        "source": {"origin": "Debian package a 1", "kernel_version": "7.3", "hash": "h"},
        "config": {"name": "plain", "hash": "c"},
        "toolchain": {"cc": "gcc", "rustc": null, "bindgen": null},
        "guest": {"hash": "g", "fio": "f"},
        "arms": [{"name": "base", "title": "t", "hash": "h", "image": "i"},
                 {"name": "rust", "title": "t", "hash": "h", "image": "i"}],
        "scenarios": [{"id": "S1", "name": "race", "title": "t", "hash": "h"}],
        "attempts": 2, "cases": [case("base/S1/1"), case("rust/S1/2")],
        "summary": {"planned": 4, "as_expected": 0, "contradictions": 2, "inconclusive": 0,
                    "harness_failures": 0},
    })
}

fn plan() -> Value {
    json!({
        "plan_version": 1, "seed": 1, "attempts": 2, "kernel_src": null, "config": "plain",
        "accel": "auto", "arms": ["base", "rust=/x"], "scenarios": [{"id": "S1", "hash": "h"}],
        "shards": [["base/S1/1", "rust/S1/2"], ["base/S1/2", "rust/S1/1"]],
    })
}

/// What a careless reader trips over.
fn evil(rng: &mut Rng) -> Value {
    match below(rng, 16) {
        0 => json!(u64::MAX),
        1 => json!(u32::MAX),
        2 => json!(-1),
        3 => json!(1e308),
        4 => json!(null),
        5 => json!([]),
        6 => json!({}),
        7 => json!("../../../etc/passwd"),
        8 => json!("/etc/passwd"),
        9 => json!("\u{1b}]0;x\u{7}"),
        10 => json!("a'; touch owned; '"),
        11 => json!("--option"),
        12 => json!("</script><script>"),
        13 => json!("é\u{202e}\u{0}\n```"),
        14 => json!(0),
        _ => json!("x".repeat(below(rng, 300))),
    }
}

/// Replaces, removes or doubles a random part.
fn spoil(rng: &mut Rng, value: &mut Value) {
    let stop = below(rng, 4) == 0;
    match value {
        Value::Object(map) if !stop && !map.is_empty() => {
            let key = map.keys().nth(below(rng, map.len())).unwrap().clone();
            match below(rng, 40) {
                0 => drop(map.remove(&key)),
                1 => drop(map.insert("more".into(), evil(rng))),
                _ => spoil(rng, &mut map[&key]),
            }
        }
        Value::Array(list) if !stop && !list.is_empty() => {
            let at = below(rng, list.len());
            match below(rng, 12) {
                0 => drop(list.remove(at)),
                1 => list.push(list[at].clone()),
                _ => spoil(rng, &mut list[at]),
            }
        }
        _ => *value = evil(rng),
    }
}

/// As text, sometimes cut or with a flipped byte.
fn text(rng: &mut Rng, value: &Value) -> String {
    let mut bytes = serde_json::to_vec(value).unwrap();
    if below(rng, 6) == 0 {
        let at = below(rng, bytes.len());
        bytes[at] = rng.u8(..);
    }
    if below(rng, 12) == 0 {
        bytes.truncate(below(rng, bytes.len()));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What the checks promise of an accepted run.
fn promises(run: &RunRecord) {
    for case in &run.cases {
        let word = |text: &str| {
            !text.contains(|c: char| c.is_control() || c == '/' || c == '\'' || c == '<')
                && !text.starts_with(['-', '.'])
        };
        assert!(word(&case.arm) && word(&case.scenario), "{}", case.id);
        for path in case.files.values() {
            assert!(!path.starts_with('/') && !path.split('/').any(|part| part == ".."), "{path}");
        }
    }
}

fn one(seed: u64) -> (bool, bool) {
    let mut rng = Rng::with_seed(seed);
    let (mut record, mut plan) = (run(), plan());
    for _ in 0..below(&mut rng, 3) {
        spoil(&mut rng, &mut record);
    }
    if below(&mut rng, 2) == 0 {
        spoil(&mut rng, &mut plan);
    }
    let record = RunRecord::parse(&text(&mut rng, &record)).ok();
    let plan = Plan::parse(&text(&mut rng, &plan)).ok();
    if let Some(run) = &record {
        promises(run);
        let mut again = run.clone();
        again.summarise();
        let _ = (matrix(run, evidence::Page::PLAIN), again.exit_code());
        let nights = vec![Night::of(run, vec![]); 2];
        let lines: Vec<String> =
            nights.iter().map(|night| serde_json::to_string(night).unwrap()).collect();
        let history = History::parse(&text(&mut rng, &json!(lines[0]))).unwrap_or_default();
        let _ = report(run, "folder", &[], &history);
        assert_eq!(History::parse(&lines.join("\n")).unwrap().nights.len(), 2);
        if let Some(plan) = &plan {
            let _ = merge(plan, &[Some(run.clone()), None], "merged");
            let _ = merge(plan, &[Some(run.clone()), Some(run.clone())], "merged");
        }
    }
    (record.is_some(), plan.is_some())
}

#[test]
fn no_file_of_somebody_elses_brings_the_tool_down() {
    let (mut runs, mut plans) = (0_u64, 0_u64);
    for seed in seeds() {
        let outcome = std::panic::catch_unwind(|| one(seed));
        let (run, plan) = outcome.unwrap_or_else(|_| panic!("seed {seed}"));
        runs += u64::from(run);
        plans += u64::from(plan);
    }
    eprintln!("{runs} runs and {plans} plans were accepted of {}", seeds().count());
    assert!(runs > 500 && plans > 500, "the generator has lost its way");
}

#[test]
fn paths_and_names_that_lead_elsewhere_are_refused() {
    let refused = |pointer: &str, value: Value| {
        let mut record = run();
        *record.pointer_mut(pointer).unwrap() = value;
        RunRecord::parse(&record.to_string()).unwrap_err()
    };
    assert!(RunRecord::parse(&run().to_string()).is_ok());
    for path in ["../x", "/etc/passwd", "a/../../x", "", ".", "a\\b", "a\nb"] {
        let error = refused("/cases/0/files/logs", json!(path));
        assert!(error.contains("outside its folder"), "{path}: {error}");
    }
    for name in ["../x", "a b", "-x", "", "a/b", "\u{1b}[2J", "$(id)", "."] {
        assert!(refused("/arms/0/name", json!(name)).contains("no name of an arm"), "{name}");
        assert!(refused("/scenarios/0/id", json!(name)).contains("no name of an"), "{name}");
    }
    assert!(refused("/cases/0/id", json!("rust/S1/1")).contains("not one of this run"));
    assert!(refused("/cases/0/attempt", json!(3)).contains("not one of this run"));
    assert!(refused("/attempts", json!(u32::MAX)).contains("too many"));
    let twice = json!([case("base/S1/1"), case("base/S1/1")]);
    assert!(refused("/cases", twice).contains("twice"));
}
