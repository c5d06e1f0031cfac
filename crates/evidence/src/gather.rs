// SPDX-License-Identifier: MIT OR Apache-2.0
//! Several complete runs as one, if they are of the same kernels and tools.
//!
//! Unlike a merge of shards, the runs may have other arms, scenarios and
//! seeds: a night of S1 beside a soak. What they share has to be the same.

use crate::record::{ArmRecord, Case, JoinedFrom, RunRecord, RunStatus, ScenarioRecord, Summary};
use crate::same::{self, Differ};
use std::collections::BTreeMap;

/// Why runs cannot stand in one report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatherError {
    #[error("no run was given")]
    Nothing,
    #[error(
        "run {run} is incomplete: {there} of {planned} cases; `cargo xtask run` with the same \
         --out (and the same options) goes on where it stopped"
    )]
    Incomplete { run: String, there: usize, planned: u32 },
    #[error(
        "run {run} is an incomplete measurement; `cargo xtask perf` with the same --out (and the \
         same options) goes on where it stopped"
    )]
    Unmeasured { run: String },
    #[error(transparent)]
    Differ(#[from] Differ),
    /// The same run twice.
    #[error("run {0} was given twice")]
    Twice(String),
}

impl GatherError {
    /// The id of a run that has to be finished first.
    #[must_use]
    pub fn unfinished(&self) -> Option<&str> {
        match self {
            Self::Incomplete { run, .. } | Self::Unmeasured { run } => Some(run),
            _ => None,
        }
    }
}

/// One record out of several; the first gives host and times. Attempts at a
/// cell that several runs have are numbered on, and paths in `files` begin
/// with the run's id.
///
/// # Errors
/// [`GatherError`].
pub fn gather(runs: Vec<RunRecord>) -> Result<RunRecord, GatherError> {
    for run in &runs {
        complete(run)?;
    }
    let mut runs = runs.into_iter();
    let first = runs.next().ok_or(GatherError::Nothing)?;
    let mut merged = first.clone();
    let mut seen = vec![first];
    for run in runs {
        for other in &seen {
            compare(other, &run)?;
        }
        add(&mut merged, &run);
        seen.push(run);
    }
    if seen.len() > 1 {
        merged.joined = seen.iter().flat_map(RunRecord::parts).collect();
        merged.commands.clear();
        merged.run_id = seen.iter().map(|run| run.run_id.as_str()).collect::<Vec<_>>().join("+");
        let first = seen.first().map(|run| run.run_id.clone()).unwrap_or_default();
        let own = seen.first().map_or(0, |run| run.cases.len());
        merged.cases.iter_mut().take(own).for_each(|case| move_into(case, &first));
        order(&mut merged);
        recount(&mut merged);
    }
    Ok(merged)
}

/// A run counts as complete by its cases, not by its own word.
fn complete(run: &RunRecord) -> Result<(), GatherError> {
    let planned = run.summary.planned;
    let there = run.cases.len();
    if run.status == RunStatus::Complete && there == planned as usize {
        return Ok(());
    }
    let run_id = run.run_id.clone();
    // A run of perf has no cases.
    Err(match run.perf {
        Some(_) => GatherError::Unmeasured { run: run_id },
        None => GatherError::Incomplete { run: run_id, there, planned },
    })
}

fn compare(a: &RunRecord, b: &RunRecord) -> Result<(), GatherError> {
    if a.run_id == b.run_id && a.started == b.started {
        return Err(GatherError::Twice(a.run_id.clone()));
    }
    let tool = |run: &RunRecord| {
        let changed = if run.tool.dirty { " with uncommitted changes" } else { "" };
        let commit = run.tool.commit.as_deref().unwrap_or("none");
        format!("{} {commit}{changed}", run.tool.version)
    };
    let qemu = |run: &RunRecord| format!("{}, {}", run.qemu.version, run.qemu.accelerator);
    let mut pairs = vec![
        ("QEMU".to_owned(), qemu(a), qemu(b)),
        ("fio".to_owned(), a.guest.fio.clone(), b.guest.fio.clone()),
    ];
    // Each commit can be checked out again, and its guest with it; what is in
    // none must at least be the same.
    if a.tool == b.tool || a.tool.checkout().is_none() || b.tool.checkout().is_none() {
        pairs.push(("the lab's own version".to_owned(), tool(a), tool(b)));
        let what = "the guest image".to_owned();
        pairs.push((what, a.guest.hash.clone(), b.guest.hash.clone()));
    }
    pairs.extend(same::kernels(a, b));
    for scenario in &a.scenarios {
        if let Some(other) = b.scenarios.iter().find(|other| other.id == scenario.id) {
            let what = format!("scenario {}", scenario.id);
            pairs.push((what, scenario.hash.clone(), other.hash.clone()));
        }
    }
    if let (Some(perf), Some(other)) = (&a.perf, &b.perf)
        && let Some(twice) = perf.overlap(other)
    {
        let what = format!("the measurement of {twice} (take one of them)");
        pairs.push((what, a.started.clone(), b.started.clone()));
    }
    same::first_difference(a, b, pairs).map_or(Ok(()), |differ| Err(differ.into()))
}

fn add(merged: &mut RunRecord, run: &RunRecord) {
    let new_arms = run.arms.iter().filter(|arm| merged.arms.iter().all(|a| a.name != arm.name));
    let new_arms: Vec<ArmRecord> = new_arms.cloned().collect();
    merged.arms.extend(new_arms);
    let known = |s: &ScenarioRecord| merged.scenarios.iter().any(|other| other.id == s.id);
    let new: Vec<ScenarioRecord> = run.scenarios.iter().filter(|s| !known(s)).cloned().collect();
    merged.scenarios.extend(new);
    let mut last: BTreeMap<(String, String), u32> = BTreeMap::new();
    for case in &merged.cases {
        let cell = last.entry((case.arm.clone(), case.scenario.clone())).or_default();
        *cell = (*cell).max(case.attempt);
    }
    for case in &run.cases {
        let mut case = case.clone();
        let cell = last.entry((case.arm.clone(), case.scenario.clone())).or_default();
        *cell += 1;
        case.attempt = *cell;
        move_into(&mut case, &run.run_id);
        case.id = format!("{}/{}/{}", case.arm, case.scenario, case.attempt);
        merged.cases.push(case);
    }
    match (&mut merged.perf, &run.perf) {
        (Some(perf), Some(more)) => perf.extend(more),
        (perf @ None, more) => perf.clone_from(more),
        (Some(_), None) => {}
    }
}

/// It remembers where it comes from.
fn move_into(case: &mut Case, run_id: &str) {
    case.files.values_mut().for_each(|path| *path = format!("{run_id}/{path}"));
    let from = || JoinedFrom { run: run_id.to_owned(), case: case.id.clone() };
    case.joined_from.get_or_insert_with(from);
}

/// As a single run would have it.
fn order(merged: &mut RunRecord) {
    merged.scenarios.sort_by_key(|scenario| natural(&scenario.id));
    let arms: BTreeMap<&str, usize> =
        merged.arms.iter().enumerate().map(|(at, arm)| (arm.name.as_str(), at)).collect();
    let rank = |case: &Case| arms.get(case.arm.as_str()).copied();
    merged.cases.sort_by_key(|case| (case.attempt, natural(&case.scenario), rank(case)));
}

/// The order of scenarios by their ids: `S2` before `S10`, any letter before the
/// next one, `L1` before `L1-v2`.
#[must_use]
pub fn natural(id: &str) -> (String, u32, String) {
    let rest = id.trim_start_matches(|c: char| !c.is_ascii_digit());
    let tail = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = rest[..rest.len() - tail.len()].parse().unwrap_or(0);
    (id[..id.len() - rest.len()].to_owned(), number, tail.to_owned())
}

/// The cells need not be equally full: what was planned is what is there.
fn recount(merged: &mut RunRecord) {
    merged.attempts = merged.cases.iter().map(|case| case.attempt).max().unwrap_or(merged.attempts);
    merged.summarise();
    let planned = u32::try_from(merged.cases.len()).unwrap_or(u32::MAX);
    merged.summary = Summary { planned, ..merged.summary.clone() };
    merged.status = RunStatus::Complete;
}
