// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run was made from, kept beside it: scenario files, and arms as data.
//! A later edit in the checkout does not take a case away.

use anyhow::{Context, Result};
use kbuild::{Arm, PortableArm};
use scenario::{Job, JobText, Scenario, ScenarioError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Folders of a checkout that hold scenarios.
const FOLDERS: [&str; 2] = ["workloads/scenarios", "workloads/explorations"];

/// A scenario's file is some kilobytes; more is not one, in bytes.
pub const LONGEST_SCENARIO: u64 = 256 << 10;
/// An arm with all its files, in bytes.
const LONGEST_ARM: u64 = 4 << 20;

/// Copies the inputs into the run's folder.
pub fn keep(run: &Path, arms: &[Arm], scenarios: &[Scenario]) -> Result<()> {
    let dir = run.join("inputs");
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let put = |name: String, text: String| {
        let path = dir.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    for scenario in scenarios {
        let (from, hash) = (&scenario.path, own_hash(&scenario.hash));
        let text = std::fs::read_to_string(from)
            .with_context(|| format!("cannot read {}", from.display()))?;
        put(format!("{}.toml", &hash[..16]), text)?;
        if let Some(plan) = &scenario.load {
            keep_job(run, &plan.job)?;
        }
    }
    for arm in arms {
        if let Some(portable) = arm.to_portable() {
            put(format!("{}.arm.json", arm.name), serde_json::to_string_pretty(&portable)?)?;
        }
    }
    Ok(())
}

/// A load's job, where its scenario looks for it: in `fio` beside the folder
/// that the scenario is in.
fn keep_job(run: &Path, job: &Job) -> Result<()> {
    let dir = run.join("fio");
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    for ending in ["fio", "toml"] {
        let (from, to) =
            (job.file.path.with_extension(ending), dir.join(format!("{}.{ending}", job.name)));
        std::fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(())
}

/// The hash of the scenario's file: what follows a dash is how long the run was
/// made (`--cycles`, `--hours`).
fn own_hash(hash: &str) -> &str {
    hash.split('-').next().unwrap_or(hash)
}

/// The text of the scenario file with that hash, from the run's own folder or
/// from the checkout, and the path to name in messages.
pub fn scenario_text(run: &Path, repo: &Path, hash: &str) -> Option<(PathBuf, String)> {
    let mut files = toml_files(&run.join("inputs"));
    files.append(&mut checkout_files(repo));
    files.remove(own_hash(hash))
}

/// The job of a scenario that is a load, from beside the scenario's file.
pub fn job_text(path: &Path, text: &str) -> Result<Option<JobText>, ScenarioError> {
    let Some(load) = scenario::parse(path, text)?.load else { return Ok(None) };
    JobText::beside(path, &load.job.name).map(Some)
}

/// The arm as it was, if the run has kept it. The name is a file's name only.
pub fn arm(run: &Path, name: &str) -> Option<PortableArm> {
    let fine = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let path = run.join("inputs").join(format!("{name}.arm.json"));
    let small = path.metadata().is_ok_and(|file| file.len() <= LONGEST_ARM);
    (fine && small).then(|| serde_json::from_slice(&std::fs::read(path).ok()?).ok()).flatten()
}

type ByHash = BTreeMap<String, (PathBuf, String)>;

fn checkout_files(repo: &Path) -> ByHash {
    FOLDERS.iter().flat_map(|folder| toml_files(&repo.join(folder))).collect()
}

fn toml_files(dir: &Path) -> ByHash {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .filter(|path| path.metadata().is_ok_and(|file| file.len() <= LONGEST_SCENARIO))
        .filter_map(|path| {
            let text = std::fs::read_to_string(&path).ok()?;
            // A load is its file and its job's.
            let hash = scenario::parse(&path, &text).map_or_else(
                |_| blake3::hash(text.as_bytes()).to_hex().to_string(),
                |scenario| scenario.hash,
            );
            Some((hash, (path, text)))
        })
        .collect()
}
