// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole cases on real kernels.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use evidence::{Case, Outcome, Verdict};
use support::{parse, play, scenario_text};

fn verdict(case: &Case) -> Verdict {
    match case.outcome {
        Outcome::Verdict { verdict } => verdict,
        ref other => panic!("no verdict: {other:?}"),
    }
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn s1_shows_the_bug_on_base() {
    let case = play("base", &parse(&scenario_text("s1-race.toml")));
    assert_eq!(verdict(&case), Verdict::Stale);
    assert!(case.opportunities.len() >= 2 && case.opportunities.iter().all(|o| o.open));
    assert_eq!(case.sectors.of(Verdict::Stale), 8, "one block of 4 KiB");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn s1_is_clean_on_rust() {
    let case = play("rust", &parse(&scenario_text("s1-race.toml")));
    assert_eq!(verdict(&case), Verdict::Ok);
    assert!(case.opportunities.len() >= 2 && case.opportunities.iter().all(|o| o.open));
}

/// The window must be shown to be open: without it even the broken kernel's
/// clean read-back proves nothing, and nor does its stale one.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_hold_that_never_fires_is_inconclusive() {
    let text = scenario_text("s1-race.toml");
    let hold = text.find("do = \"hold\"").unwrap();
    let elsewhere = text[hold..].replacen("at = \"target\"", "at = \"primer\"", 1);
    let case = play("base", &parse(&format!("{}{elsewhere}", &text[..hold])));
    let Outcome::Inconclusive { why } = &case.outcome else { panic!("{:?}", case.outcome) };
    assert!(why.contains("held"), "{why}");
    assert!(case.opportunities.iter().any(|o| !o.open));
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_read_that_hits_the_cache_is_no_opportunity() {
    // Read once the flushed block before the hold: it is cached, and the next
    // read, moved before the write, is a hit.
    let text = scenario_text("s1-race.toml");
    let hold = text.find("[[step]]\ndo = \"hold\"").unwrap();
    let read = "[[step]]\ndo = \"read\"\nat = \"target\"\n\n";
    let settle = "[[step]]\ndo = \"settle\"\n\n";
    let miss =
        "[[step]]\ndo = \"read\"\nat = \"target\"\nserved_by = \"hdd\"\nproves = \"a miss\"\n\n";
    let changed = format!("{}{read}{settle}{miss}{}", &text[..hold], &text[hold..]);
    let case = play("base", &parse(&changed));
    let Outcome::Inconclusive { why } = &case.outcome else { panic!("{:?}", case.outcome) };
    assert!(why.contains("served by ssd"), "{why}");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_panicking_kernel_is_harness_trouble_with_its_console() {
    let case = play("panics", &parse(&scenario_text("s1-race.toml")));
    let Outcome::Harness { what, console_tail, next_step, .. } = &case.outcome else {
        panic!("{:?}", case.outcome)
    };
    assert_eq!(*what, evidence::HarnessFailure::Panicked);
    assert!(console_tail.contains("panics on purpose"), "{console_tail}");
    assert!(!next_step.is_empty());
}
