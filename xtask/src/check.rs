// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask check`: what is wrong with scenarios, without booting anything.

use crate::flags::CheckArgs;
use crate::{exit, prepare};
use anyhow::Result;
use scenario::ScenarioError;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub fn main(args: &CheckArgs) -> Result<ExitCode> {
    let dirs = prepare::dirs()?;
    let wrong = |error: ScenarioError| exit::usage(error.to_string());
    let mut shipped = Vec::new();
    for folder in ["workloads/scenarios", "workloads/explorations"] {
        shipped.extend(scenario::files(&dirs.repo.join(folder)).map_err(wrong)?);
    }
    let mut files = Vec::new();
    for path in &args.paths {
        match path.is_dir() {
            true => files.extend(scenario::files(path).map_err(wrong)?),
            false => files.push(path.clone()),
        }
    }
    if args.paths.is_empty() {
        files = std::mem::take(&mut shipped);
    }
    let whole = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    let asked: BTreeSet<PathBuf> = files.iter().map(whole).collect();
    shipped.retain(|path| !asked.contains(&whole(path)));
    let mut arms: BTreeSet<String> = args.arms.iter().cloned().collect();
    arms.extend(prepare::all_arms(&dirs)?.into_iter().map(|arm| arm.name));

    let mut found = scenario::check(&files, &shipped, &arms);
    // As a reader goes through the file.
    found.sort_by_key(|error| match error {
        ScenarioError::Syntax { path, line, .. } => (path.clone(), *line),
        ScenarioError::Read { path, .. } => (path.clone(), 0),
    });
    if args.json {
        let value = |error: &ScenarioError| match error {
            ScenarioError::Syntax { path, line, message } => {
                json!({ "path": path, "line": line, "message": message })
            }
            other => json!({ "path": null, "line": null, "message": other.to_string() }),
        };
        let all: Vec<Value> = found.iter().map(value).collect();
        println!("{:#}", json!({ "scenarios": files.len(), "mistakes": all }));
        return Ok(code(&found));
    }
    let near = |path: &Path| path.strip_prefix(&dirs.repo).unwrap_or(path).display().to_string();
    for error in &found {
        match error {
            ScenarioError::Syntax { path, line, message } => {
                println!("{}:{line}: {message}", near(path));
            }
            other => println!("{other}"),
        }
    }
    match found.len() {
        0 => println!("nothing wrong; scenarios looked at: {}", files.len()),
        count => println!("mistakes: {count}; scenarios looked at: {}", files.len()),
    }
    Ok(code(&found))
}

fn code(found: &[ScenarioError]) -> ExitCode {
    if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(exit::USAGE) }
}
