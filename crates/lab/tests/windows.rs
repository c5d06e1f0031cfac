// SPDX-License-Identifier: MIT OR Apache-2.0
//! Windows that stay shut. Each scenario is played on the unpatched kernel, which
//! fails it, with the one thing left out that opens its window: the case must
//! be inconclusive, whatever the blocks hold.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use evidence::{Case, Fact, Outcome, Verdict};
use support::{parse, scenario_text as text};

fn play(arm: &str, text: &str) -> Case {
    support::play(arm, &parse(text))
}

/// The scenario without the steps that contain any of `parts`.
fn without(file: &str, parts: &[&str]) -> String {
    let text = text(file);
    let (head, steps) = text.split_once("[[step]]\n").unwrap();
    let (steps, expect) = steps.split_once("[expect]\n").unwrap();
    let kept: Vec<&str> = steps
        .split("[[step]]\n")
        .filter(|step| !parts.iter().any(|part| step.contains(part)))
        .collect();
    assert!(kept.len() < steps.split("[[step]]\n").count(), "nothing to leave out in {file}");
    format!("{head}[[step]]\n{}[expect]\n{expect}", kept.join("[[step]]\n"))
}

/// The scenario with one thing replaced.
fn with(file: &str, old: &str, new: &str) -> String {
    let text = text(file);
    assert!(text.contains(old), "{file} has no {old:?}");
    text.replacen(old, new, 1)
}

/// With a rest before the first hold. A write that finds no free bucket goes round the
/// cache in every mode (`bch_data_insert_start`), and after the write before it the
/// allocator may still be at work on the next bucket.
fn rested(text: &str) -> String {
    let hold = "[[step]]\ndo = \"hold";
    assert!(text.contains(hold), "nothing is held");
    text.replacen(hold, &format!("[[step]]\ndo = \"settle\"\n\n{hold}"), 1)
}

/// Played on the unpatched kernel, it is inconclusive, for this reason.
fn is_shut(text: &str, why: &str) {
    let case = play("base", &text.replace("for_ms = 5000", "for_ms = 500"));
    let Outcome::Inconclusive { why: said } = &case.outcome else { panic!("{:?}", case.outcome) };
    assert!(said.contains(why), "{said}");
    assert!(case.opportunities.iter().any(|opportunity| !opportunity.open));
}

/// In a larger cache: of 1024 buckets the allocator keeps one or two free, and
/// the window opens by itself.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn s5_with_free_buckets() {
    let text = without("s5-fallback.toml", &["hold-priorities", "exhaust", "\"allocator\""]);
    is_shut(&text.replacen("mib = 64", "mib = 512", 1), "fell back to invalidating");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn s6_with_a_discard_that_is_not_held() {
    is_shut(&without("s6-discard.toml", &["do = \"hold\""]), "held before the media");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn s7_without_a_cutoff() {
    let text = with("s7-sequential.toml", "value = \"65536\"", "value = \"0\"");
    is_shut(&rested(&text), "round the cache");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn s7c_without_congestion() {
    is_shut(&without("s7c-congested.toml", &["spoil-cache-write"]), "too congested for a write");
}

/// The write is cached then, all of it: nothing else makes it go round.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn s7c_without_a_threshold() {
    let parts = ["spoil-cache-write", "\"1000\"", "do = \"congested\""];
    is_shut(&rested(&without("s7c-congested.toml", &parts)), "round the cache");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn s8_without_the_error() {
    is_shut(&without("s8-cache-error.toml", &["spoil-cache-write"]), "stripped of their pointers");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn s9_with_too_little_to_read() {
    // One bucket's worth: of all that are free, the cache takes one. Some hundred have pushed
    // it out, by chance: at first, LRU has nothing to tell buckets apart by (`bucket_prio`).
    let text = with("s9-evict.toml", "sectors = 245760", "sectors = 128");
    is_shut(&text, "did not push it out");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn s10a_with_a_write_that_is_not_held() {
    let hold = "do = \"hold\"\nname = \"B\"";
    let text = with("s10a-attach.toml", hold, "do = \"hold\"\nname = \"other\"");
    is_shut(&text, "held before the media");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn s11_with_a_write_that_is_not_held() {
    let hold = "do = \"hold\"\nname = \"fine\"";
    is_shut(&with("s11-span.toml", hold, "do = \"hold\"\nname = \"other\""), "was held");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn s11d_with_a_discard_that_is_not_held() {
    let hold = "do = \"hold\"\nname = \"head\"";
    is_shut(&with("s11d-largest.toml", hold, "do = \"hold\"\nname = \"other\""), "was held");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn s14_with_a_cache_write_that_is_not_held() {
    let text = without("s14-two-writes.toml", &["hold-cache-write"]);
    is_shut(&text, "the cache write of A was held");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn s15_with_nothing_dirty() {
    let text = with("s15-dirty-bypass.toml", "\"writeback\"", "\"writethrough\"");
    is_shut(&text, "A was dirty");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn s16_with_a_writeback_that_is_not_held() {
    let text = without("s16-writeback-discard.toml", &["do = \"hold\""]);
    is_shut(&text, "held before the media");
}

/// What makes a case imprecise, on an arm that is not: a write in flight over
/// the block that must get cached, and counters that are asked for too much.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_fill_that_is_skipped_and_a_counter_that_is_wrong_are_imprecise() {
    let at = "do = \"fill\"\nat = \"fine-before\"";
    let skipped = with("s11-span.toml", at, "do = \"fill\"\nat = \"fine\"");
    for text in [skipped, with("s11-span.toml", "grew_by = 1", "grew_by = 2")] {
        let case = play("rust", &text);
        assert_eq!(case.outcome, Outcome::Verdict { verdict: Verdict::Imprecise });
        assert!(
            case.observations
                .iter()
                .any(|line| matches!(line.fact(), Some(Fact::Imprecise { .. })))
        );
    }
}
