// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs and cases as the command line names them, and the list of runs.

use crate::flags::RunsArgs;
use crate::{exit, near, prepare, terminal};
use anyhow::Result;
use evidence::{Case, RunRecord, RunStatus, Store, Summary};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

/// A run that is on disk.
#[derive(Debug)]
pub struct StoredRun {
    pub dir: PathBuf,
    pub record: RunRecord,
}

/// The run that `word` means: a folder, its `run.json`, a name below
/// `results/`, or `latest`.
pub fn find(repo: &Path, word: &str) -> Result<StoredRun> {
    let results = repo.join("results");
    let dir = match word {
        "latest" => latest(&results).ok_or_else(|| {
            exit::usage("there is no run below results/ yet; `cargo xtask run` makes one")
        })?,
        _ => folder(&results, word).ok_or_else(|| unknown(&results, word))?,
    };
    let record = Store::read(&dir.join("run.json"))
        .map_err(|error| exit::usage(error.to_string()))?
        .ok_or_else(|| exit::usage(format!("{} has no run.json", dir.display())))?;
    Ok(StoredRun { dir, record })
}

/// The folder of a run that is named, if there is one.
pub fn folder(results: &Path, word: &str) -> Option<PathBuf> {
    let given = PathBuf::from(word);
    let given = match given.file_name() {
        Some(name) if name == "run.json" => given.parent().unwrap_or(&given).to_owned(),
        _ => given,
    };
    let candidates = [given.clone(), results.join(&given), results.join("published").join(given)];
    candidates.into_iter().find(|dir| dir.join("run.json").is_file())
}

fn unknown(results: &Path, word: &str) -> anyhow::Error {
    let names = names(results);
    let near = near::suggestion(word, names.iter().map(String::as_str));
    exit::usage(format!("no run {word:?}{near} (`cargo xtask runs` lists them)"))
}

fn dirs(results: &Path) -> Vec<(SystemTime, PathBuf)> {
    let entries = std::fs::read_dir(results).into_iter().flatten().flatten();
    let mut runs: Vec<_> = entries
        .filter_map(|entry| {
            let time = entry.path().join("run.json").metadata().ok()?.modified().ok()?;
            Some((time, entry.path()))
        })
        .collect();
    runs.sort();
    runs
}

fn latest(results: &Path) -> Option<PathBuf> {
    dirs(results).pop().map(|(_, dir)| dir)
}

fn names(results: &Path) -> Vec<String> {
    let name = |dir: &PathBuf| Some(dir.file_name()?.to_string_lossy().into_owned());
    let published = dirs(&results.join("published"));
    let all = dirs(results).into_iter().chain(published);
    all.filter_map(|(_, dir)| name(&dir)).collect()
}

/// The case that `word` means: `ARM/SCENARIO/ATTEMPT`, or the first attempt of
/// `ARM/SCENARIO`; a scenario by id or by name.
pub fn find_case<'a>(run: &'a StoredRun, word: &str) -> Result<&'a Case> {
    let record = &run.record;
    let mut parts = word.split('/');
    let (arm, scenario) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let attempt: Option<u32> = parts.next().map_or(Some(1), |attempt| attempt.parse().ok());
    let named =
        |s: &&evidence::ScenarioRecord| s.id.eq_ignore_ascii_case(scenario) || s.name == scenario;
    let id = record.scenarios.iter().find(named).map(|scenario| &scenario.id);
    let found = record.cases.iter().find(|case| {
        case.arm == arm && Some(&case.scenario) == id && Some(case.attempt) == attempt
    });
    found.filter(|_| parts.next().is_none()).ok_or_else(|| {
        let near = near::suggestion(word, record.cases.iter().map(|case| case.id.as_str()));
        let arms: Vec<&str> = record.arms.iter().map(|arm| arm.name.as_str()).collect();
        let ids: Vec<&str> = record.scenarios.iter().map(|s| s.id.as_str()).collect();
        exit::usage(format!(
            "no case {word:?} in run {}{near}\n  arms: {}\n  scenarios: {}\nA case is \
             ARM/SCENARIO or ARM/SCENARIO/ATTEMPT",
            record.run_id,
            arms.join(" "),
            ids.join(" ")
        ))
    })
}

/// `runs`: what there is below `results/`, the newest first.
pub fn list(args: &RunsArgs) -> Result<ExitCode> {
    let results = prepare::dirs()?.repo.join("results");
    let mut rows = Vec::new();
    let mut values = Vec::new();
    let all = dirs(&results.join("published")).into_iter().chain(dirs(&results));
    for (_, dir) in all.collect::<Vec<_>>().into_iter().rev() {
        let name = dir.strip_prefix(&results).unwrap_or(&dir).display().to_string();
        let record = match Store::read(&dir.join("run.json")) {
            Ok(Some(record)) => record,
            Ok(None) => continue,
            Err(error) => {
                eprintln!("{name}: {error}");
                continue;
            }
        };
        let arms: Vec<&str> = record.arms.iter().map(|arm| arm.name.as_str()).collect();
        let Summary { planned, as_expected, .. } = record.summary;
        values.push(json!({
            "run": name, "started": record.started, "status": record.status,
            "kernel": record.source.kernel_version, "arms": arms, "summary": record.summary,
            "perf": record.perf.is_some(), "commands": record.commands,
        }));
        let part = match record.status {
            RunStatus::Complete => "",
            RunStatus::Incomplete => ", incomplete",
        };
        let what = match (planned, &record.perf) {
            (0, Some(perf)) => format!("{} series measured{part}", perf.series.len()),
            _ => format!("{as_expected} of {planned} as expected{part}"),
        };
        let day = record.started.get(..16).unwrap_or(&record.started).replace('T', " ");
        rows.push(vec![name, day, record.source.kernel_version, what, arms.join(" ")]);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&values)?);
    } else if rows.is_empty() {
        println!("no run yet; `cargo xtask run` makes one");
    } else {
        let heads = ["run", "started (UTC)", "Linux", "what came of it", "arms"];
        let heads = heads.map(str::to_owned).to_vec();
        print!("{}", terminal::columns(std::iter::once(heads).chain(rows)));
    }
    Ok(ExitCode::SUCCESS)
}
