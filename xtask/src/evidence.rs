// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask evidence`: what a stranger reads.

mod exhibits;
mod publish;

use crate::flags::EvidenceArgs;
use crate::runs::{self, StoredRun};
use crate::ui::Ui;
use crate::{exit, files, prepare};
use ::evidence::{Exhibits, GatherError, RunRecord};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub fn main(args: &EvidenceArgs) -> Result<ExitCode> {
    if args.readme {
        return readme(args.check);
    }
    let repo = prepare::dirs()?.repo;
    let ui = Ui::new();
    let latest = ["latest".to_owned()];
    let wanted = if args.runs.is_empty() { &latest[..] } else { &args.runs };
    let found: Vec<StoredRun> =
        wanted.iter().map(|word| runs::find(&repo, word)).collect::<Result<_>>()?;
    let out = args.out.clone().unwrap_or_else(|| found[0].dir.join(FOLDER));
    let stage = ui.stage("evidence");
    stage.now("reading event logs");
    let records = found.iter().map(|run| run.record.clone()).collect();
    let run = ::evidence::gather(records).map_err(|error| exit::usage(refusal(&error, &found)))?;
    let exhibits = exhibits::collect(&run, &found);
    write(&out, &run, &exhibits)?;
    stage.done(&format!("{} cases, {} time lines", run.cases.len(), exhibits.timelines.len()));
    for name in FILES {
        println!("{}", out.join(name).display());
    }
    if let Some(name) = &args.publish {
        publish::publish(name, &run, &exhibits, &found)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Below a run's folder.
const FOLDER: &str = "evidence";

/// Of a run that has just ended, in its folder; the path of the report.
pub fn of_run(record: &RunRecord, dir: &Path) -> Result<PathBuf> {
    let found = [StoredRun { dir: dir.to_owned(), record: record.clone() }];
    let run = ::evidence::gather(vec![record.clone()])?;
    let out = dir.join(FOLDER);
    write(&out, &run, &exhibits::collect(&run, &found))?;
    Ok(out.join(FILES[0]))
}

/// Why there is no evidence; of a run to finish first, also where it is.
fn refusal(error: &GatherError, found: &[StoredRun]) -> String {
    let unfinished = found.iter().find(|run| error.unfinished() == Some(&run.record.run_id));
    let place = unfinished.map(|run| format!(": --out {}", run.dir.display()));
    format!("{error}{}", place.unwrap_or_default())
}

/// What is written, in the order in which it is read.
pub const FILES: [&str; 6] =
    ["report.html", "cover-letter.txt", "run.json", "kcidb.json", "junit.xml", "results.ktap"];

/// Writes all files, each whole or not at all.
fn write(out: &Path, run: &RunRecord, exhibits: &Exhibits) -> Result<()> {
    let texts = [
        ::evidence::report(run, exhibits),
        ::evidence::cover_letter(run),
        serde_json::to_string_pretty(run)? + "\n",
        format!("{:#}\n", ::evidence::kcidb(run)),
        ::evidence::junit(run),
        ::evidence::ktap(run),
    ];
    for (name, text) in FILES.iter().zip(texts) {
        files::replace(&out.join(name), &text)
            .map_err(|error| exit::usage(format!("{error:#}")))?;
    }
    Ok(())
}

/// `--readme`.
fn readme(check: bool) -> Result<ExitCode> {
    if !publish::readme(check)? {
        println!("README.md is out of date: cargo xtask evidence --readme");
        return Ok(ExitCode::FAILURE);
    }
    if check && let Some(differ) = publish::differ(&prepare::dirs()?.repo)? {
        println!("what is published is not of one set of kernels: {differ}");
        return Ok(ExitCode::FAILURE);
    }
    println!("README.md is what is published");
    Ok(ExitCode::SUCCESS)
}
