// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask show`: one case, for people.

use crate::flags::ShowArgs;
use crate::{exit, prepare, runs};
use anyhow::Result;
use evidence::{Case, Outcome};
use judge::Focus;
use std::path::Path;
use std::process::ExitCode;

pub fn main(args: &ShowArgs) -> Result<ExitCode> {
    let repo = prepare::dirs()?.repo;
    let run = runs::find(&repo, &args.run)?;
    let case = runs::find_case(&run, &args.case)?;
    print(case);
    let focus = args.sector.map(|sector| Focus::block(case, sector));
    println!("{}", time_line(case, &run.dir, focus)?);
    Ok(ExitCode::SUCCESS)
}

fn time_line(case: &Case, dir: &Path, focus: Option<Focus>) -> Result<String> {
    let events = case.file(dir, "events").filter(|path| path.is_file()).ok_or_else(|| {
        exit::usage(format!("the event log of {} is not in {}", case.id, dir.display()))
    })?;
    let line = judge::timeline(case, &events, focus).map_err(|e| exit::usage(e.to_string()))?;
    Ok(evidence::timeline_text(&line))
}

fn print(case: &Case) {
    let cell = evidence::cell(&[case], 1);
    println!("{}: {cell} ({:.1} s, seed {})", case.id, case.took_ms as f64 / 1e3, case.seed);
    for proof in &case.opportunities {
        let sign = if proof.open { "✓" } else { "✗" };
        println!("  {sign} {}: {}", proof.claim, proof.detail);
    }
    for line in &case.observations {
        println!("  - {line}");
    }
    if let Outcome::Harness { message, next_step, .. } = &case.outcome {
        println!("  harness: {message}\n  next: {next_step}");
    }
    println!();
}
