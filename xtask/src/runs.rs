// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs and cases as the command line names them.

use crate::exit;
use anyhow::Result;
use evidence::{Case, RunRecord, Store};
use std::path::{Path, PathBuf};
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
        _ => {
            let given = PathBuf::from(word);
            let given = match given.file_name() {
                Some(name) if name == "run.json" => given.parent().unwrap_or(&given).to_owned(),
                _ => given,
            };
            let candidates =
                [given.clone(), results.join(&given), results.join("published").join(given)];
            let found = candidates.into_iter().find(|dir| dir.join("run.json").is_file());
            found.ok_or_else(|| {
                let known = match names(&results).join(", ") {
                    none if none.is_empty() => "no run".to_owned(),
                    known => known,
                };
                exit::usage(format!("no run {word:?}; below results/ there is: {known}"))
            })?
        }
    };
    let record = Store::read(&dir.join("run.json"))
        .map_err(|error| exit::usage(error.to_string()))?
        .ok_or_else(|| exit::usage(format!("{} has no run.json", dir.display())))?;
    Ok(StoredRun { dir, record })
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
    dirs(results).iter().filter_map(|(_, dir)| name(dir)).collect()
}

/// The case that `word` means: `ARM/SCENARIO/ATTEMPT`, or the first attempt of
/// `ARM/SCENARIO`.
pub fn find_case<'a>(run: &'a StoredRun, word: &str) -> Result<&'a Case> {
    let cases = &run.record.cases;
    let first = format!("{word}/1");
    let found = cases.iter().find(|case| case.id == word || case.id == first);
    found.ok_or_else(|| {
        let known: Vec<&str> = cases.iter().take(20).map(|case| case.id.as_str()).collect();
        let more = if cases.len() > 20 { ", …" } else { "" };
        let id = &run.record.run_id;
        exit::usage(format!("no case {word:?} in run {id}; it has {}{more}", known.join(", ")))
    })
}
