// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run came to, in sentences: what a letter and a report begin with.

use crate::number::grouped;
use crate::record::{Case, Outcome, RunRecord, Summary};
use crate::tally::{Claim, Tally, loads, tallies};
use crate::verdict::Verdict;

/// All that can be said of the run, windows and their outcomes first.
pub(crate) fn sentences(run: &RunRecord) -> Vec<String> {
    let loads = loads(run).map(|scenario| under_load(run, &scenario.id));
    cases(run).into_iter().chain(loads).chain(scenarios(run)).collect()
}

/// How many cases came out as expected, and what did not.
fn cases(run: &RunRecord) -> Option<String> {
    let Summary { planned, as_expected, contradictions, inconclusive, harness_failures } =
        run.summary;
    let mut text = format!("{planned} cases on Linux {}: ", run.source.kernel_version);
    text.push_str(&if as_expected == planned {
        "all as expected".to_owned()
    } else {
        format!("{as_expected} as expected")
    });
    for (count, what) in [
        (contradictions, "AGAINST THEIR EXPECTATION"),
        (inconclusive, "inconclusive (their window was not shown to be open)"),
        (harness_failures, "without a verdict"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    (planned > 0).then_some(text + ".")
}

/// Of each arm, in how many of the deterministic scenarios it left bad data.
fn scenarios(run: &RunRecord) -> Option<String> {
    let played: Vec<&Case> = run.cases.iter().filter(|case| case.load.is_none()).collect();
    let of = |arm: &str| {
        let mine = || {
            run.scenarios
                .iter()
                .filter(|s| played.iter().any(|case| case.arm == arm && case.scenario == s.id))
        };
        let bad = |id: &str| {
            let is_bad = |case: &&&Case| match case.outcome {
                Outcome::Verdict { verdict } => {
                    case.arm == arm && case.scenario == id && verdict != Verdict::Ok
                }
                _ => false,
            };
            played.iter().any(|case| is_bad(&case))
        };
        let (bad, all) = (mine().filter(|s| bad(&s.id)).count(), mine().count());
        (all > 0).then(|| match bad {
            0 => format!("{arm} none of {all}"),
            bad => format!("{arm} {bad} of {all}"),
        })
    };
    let arms: Vec<String> = run.arms.iter().filter_map(|arm| of(&arm.name)).collect();
    (!arms.is_empty()).then(|| format!("Scenarios that end badly: {}.", arms.join(", ")))
}

/// Of a load: the windows, and what came of them.
fn under_load(run: &RunRecord, id: &str) -> String {
    let (tallies, control) = tallies(run, id);
    let mut text = format!("{id}: ");
    for (at, (arm, tally)) in tallies.iter().enumerate() {
        if at > 0 {
            text.push_str("; ");
        }
        let windows = grouped(tally.load.opportunities);
        let runs = if at == 0 { " runs" } else { "" };
        let what = if at == 0 { " misses beside a write" } else { "" };
        text.push_str(&format!("{arm} {windows}{what}, {}{runs}{}", tally.outcome(), how(tally)));
    }
    text.push('.');
    let Some((_, control)) = control.map(|at| &tallies[at]) else { return text };
    let mut needed = None;
    let (mut met, mut not_met) = (Vec::new(), Vec::new());
    for (arm, tally) in &tallies {
        match tally.claim(control) {
            Claim::Met(count) => (needed, _) = (Some(count), met.push(*arm)),
            Claim::NotMet(count) => {
                needed = Some(count);
                not_met.push(format!("{arm} (had {})", tally.runs));
            }
            Claim::None => {}
        }
    }
    if let Some(needed) = needed {
        text.push_str(&format!(" Clean runs needed: {needed}"));
        if !met.is_empty() {
            text.push_str(&format!(", met by {}", met.join(", ")));
        }
        if !not_met.is_empty() {
            text.push_str(&format!(", NOT MET by {}", not_met.join(", ")));
        }
        text.push('.');
    }
    text
}

/// ` stale`, where all bad runs were that.
fn how(tally: &Tally) -> String {
    match tally.verdicts.iter().collect::<Vec<_>>()[..] {
        [] => String::new(),
        [one] => format!(" {one}"),
        _ => " bad".to_owned(),
    }
}
