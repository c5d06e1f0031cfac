// SPDX-License-Identifier: MIT OR Apache-2.0
//! One record out of the shards' records.

use super::plan::Plan;
use crate::record::{Case, HostRecord, RunRecord};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A shard that has not run to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// From 1.
    pub shard: usize,
    /// Cases that it owes.
    pub missing: Vec<String>,
    /// It left no record at all.
    pub never_ran: bool,
}

/// Why there is no merged record.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// Not every case is there.
    #[error("{}", describe(.0))]
    Missing(Vec<Gap>),
    /// The records are not of one experiment.
    #[error("shard {shard} does not belong to shard {first}: {why}")]
    Mixed {
        /// The shard that differs, from 1.
        shard: usize,
        /// The one it differs from.
        first: usize,
        why: String,
    },
    /// The record is not of this plan.
    #[error("shard {shard} does not belong to the plan: {why}")]
    Foreign {
        /// From 1.
        shard: usize,
        why: String,
    },
}

fn describe(gaps: &[Gap]) -> String {
    let mut text = String::new();
    for gap in gaps {
        let state = if gap.never_ran { "has not run" } else { "is not finished" };
        let shown = gap.missing.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        let more = gap.missing.len().saturating_sub(3);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(text, "shard {} {state}: {shown}{more}", gap.shard);
    }
    text.trim_end().to_owned()
}

/// Checks that a shard's record is one of this plan.
fn belongs(plan: &Plan, number: usize, record: &RunRecord) -> Result<(), MergeError> {
    let foreign = |why: String| Err(MergeError::Foreign { shard: number, why });
    let arms: Vec<&str> = record.arms.iter().map(|arm| arm.name.as_str()).collect();
    if arms != plan.arm_names().collect::<Vec<_>>() {
        return foreign(format!("its arms are {}", arms.join(" ")));
    }
    let scenarios = record.scenarios.iter().map(|s| (&s.id, &s.hash));
    if !scenarios.eq(plan.scenarios.iter().map(|s| (&s.id, &s.hash))) {
        return foreign("a scenario was changed since the plan was made".to_owned());
    }
    if (record.seed, record.attempts) != (plan.seed, plan.attempts) {
        return foreign(format!("its seed is {}, attempts {}", record.seed, record.attempts));
    }
    let own = &plan.shards[number - 1];
    let mut seen = std::collections::BTreeSet::new();
    for case in &record.cases {
        if !own.contains(&case.id) {
            return foreign(format!("case {} is not its own", case.id));
        }
        if !seen.insert(&case.id) {
            return foreign(format!("case {} is in it twice", case.id));
        }
    }
    Ok(())
}

/// The record that one process would have written, named `run_id`. `shards`
/// are the records in the order of the plan, `None` where there is no file.
///
/// # Errors
/// [`MergeError`]: records that do not belong together before cases that are
/// missing.
pub fn merge(
    plan: &Plan,
    shards: &[Option<RunRecord>],
    run_id: &str,
) -> Result<RunRecord, MergeError> {
    let there: Vec<(usize, &RunRecord)> = shards
        .iter()
        .take(plan.shards.len())
        .enumerate()
        .filter_map(|(at, record)| Some((at + 1, record.as_ref()?)))
        .collect();
    for (number, record) in &there {
        belongs(plan, *number, record)?;
    }
    if let Some(((first, pattern), rest)) = there.split_first() {
        for (shard, record) in rest {
            let why = pattern.difference(record).map(|difference| difference.to_string());
            let tool =
                (pattern.tool != record.tool).then(|| "another commit of the lab".to_owned());
            if let Some(why) = why.or(tool) {
                return Err(MergeError::Mixed { shard: *shard, first: *first, why });
            }
        }
    }
    let gaps = gaps(plan, shards);
    let Some((_, pattern)) = there.first().filter(|_| gaps.is_empty()) else {
        return Err(MergeError::Missing(gaps));
    };
    let mut merged = RunRecord {
        run_id: run_id.to_owned(),
        started: there.iter().map(|(_, r)| &r.started).min().cloned().unwrap_or_default(),
        finished: there.iter().filter_map(|(_, r)| r.finished.clone()).max(),
        host: hosts(&there),
        cases: in_order(plan, &there),
        perf: None,
        ..(*pattern).clone()
    };
    merged.summarise();
    Ok(merged)
}

/// What every shard owes.
fn gaps(plan: &Plan, shards: &[Option<RunRecord>]) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for (at, wanted) in plan.shards.iter().enumerate() {
        let record = shards.get(at).and_then(Option::as_ref);
        let have: std::collections::BTreeSet<&str> =
            record.iter().flat_map(|r| r.cases.iter().map(|case| case.id.as_str())).collect();
        let missing: Vec<String> =
            wanted.iter().filter(|id| !have.contains(id.as_str())).cloned().collect();
        if !missing.is_empty() {
            gaps.push(Gap { shard: at + 1, missing, never_ran: record.is_none() });
        }
    }
    gaps
}

/// Cases in the order of an unsharded run: attempts, scenarios, arms.
fn in_order(plan: &Plan, there: &[(usize, &RunRecord)]) -> Vec<Case> {
    let mut by_id: BTreeMap<&str, &Case> =
        there.iter().flat_map(|(_, r)| &r.cases).map(|case| (case.id.as_str(), case)).collect();
    let mut cases = Vec::new();
    for attempt in 1..=plan.attempts {
        for scenario in &plan.scenarios {
            for arm in plan.arm_names() {
                let id = format!("{arm}/{}/{attempt}", scenario.id);
                cases.extend(by_id.remove(id.as_str()).cloned());
            }
        }
    }
    cases
}

/// One host, or the different ones side by side, with the least of their
/// cores and memory.
fn hosts(there: &[(usize, &RunRecord)]) -> HostRecord {
    let words = |get: &dyn Fn(&HostRecord) -> &String| {
        let mut all: Vec<&str> = there.iter().map(|(_, r)| get(&r.host).as_str()).collect();
        all.sort_unstable();
        all.dedup();
        all.join(" / ")
    };
    let least = |get: &dyn Fn(&HostRecord) -> u64| there.iter().map(|(_, r)| get(&r.host)).min();
    HostRecord {
        os: words(&|host| &host.os),
        kernel: words(&|host| &host.kernel),
        cpu: words(&|host| &host.cpu),
        cores: u32::try_from(least(&|host| u64::from(host.cores)).unwrap_or(0)).unwrap_or(0),
        memory_mib: least(&|host| host.memory_mib).unwrap_or(0),
    }
}
