// SPDX-License-Identifier: MIT OR Apache-2.0
//! A restored guest and a booted one give the same verdicts.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use evidence::{Case, Outcome};
use lab::{CaseSpec, SavedGuests, Tools, run_case};
use proc::Cancel;
use std::sync::Arc;
use support::{image, repo, tools};

/// Every quick scenario that may be restored on the kernel that has most to show,
/// both ways, side by side. A busy machine can keep a window closed: that is no
/// verdict and is tried again.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn restored_and_booted_guests_give_the_same_verdicts() {
    let arm = image("base");
    let mut scenarios = scenario::load_all(&repo("workloads/scenarios")).unwrap();
    scenarios.retain(|scenario| scenario.restore && scenario.quick);
    let out = tempfile::tempdir().unwrap();
    let boots = scenarios.iter().map(|scenario| (arm.kernel.as_path(), &scenario.disks, 3));
    let guests = Some(Arc::new(SavedGuests::new(out.path(), boots).unwrap()));
    let ways = [("restored", Tools { guests, ..tools() }), ("booted", tools())];
    let mut seen = Vec::new();
    for scenario in &scenarios {
        for attempt in 1..=3 {
            let spec = CaseSpec::new(&arm, scenario, attempt, 1);
            let play = |(way, tools): &(&str, Tools)| {
                let dir = out.path().join(way);
                run_case(&spec, tools, &dir, &|_| {}, &Cancel::new()).unwrap()
            };
            let cases = std::thread::scope(|scope| {
                let both = ways.each_ref().map(|way| scope.spawn(|| play(way)));
                both.map(|one| one.join().unwrap())
            });
            let [restored, booted] = &cases;
            println!("{}: {:?} {:?}", scenario.id, restored.boots_ms, booted.boots_ms);
            if cases.iter().any(|case| matches!(case.outcome, Outcome::Inconclusive { .. })) {
                assert!(attempt < 3, "{cases:#?}");
                continue;
            }
            assert_eq!(essence(restored), essence(booted), "{cases:#?}");
            seen.push(format!("{:?}", restored.outcome));
            break;
        }
    }
    // What is not restored says why in its file.
    assert!(seen.len() >= 17, "{seen:?}");
    // The comparison has something to tell apart.
    seen.sort();
    seen.dedup();
    assert!(seen.len() >= 3, "{seen:?}");
}

/// What must not depend on how the guest came up.
fn essence(case: &Case) -> (String, String, Vec<(String, bool)>, usize) {
    let open = case.opportunities.iter().map(|proof| (proof.claim.clone(), proof.open));
    let Outcome::Verdict { .. } = case.outcome else { panic!("no verdict: {case:#?}") };
    let counts = format!("{:?}", case.sectors.worst());
    (format!("{:?}", case.outcome), counts, open.collect(), case.boots_ms.len())
}
