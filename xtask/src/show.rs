// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask show`: a run's table again, or one case, for people.

use crate::flags::ShowArgs;
use crate::{exit, prepare, run, runs};
use anyhow::Result;
use evidence::{Case, Outcome};
use judge::Focus;
use std::path::Path;
use std::process::ExitCode;

pub fn main(args: &ShowArgs) -> Result<ExitCode> {
    let repo = prepare::dirs()?.repo;
    let (from, case) = named(&repo, args.run.as_deref(), args.case.as_deref());
    let stored = runs::find(&repo, from)?;
    let Some(word) = case else {
        if args.sector.is_some() {
            return Err(exit::usage("--sector is of one case: name it as well"));
        }
        if args.json {
            println!("{}", serde_json::to_string_pretty(&stored.record)?);
        } else {
            run::table(&stored.record, &stored.dir);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let case = runs::find_case(&stored, word)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(case)?);
        return Ok(ExitCode::SUCCESS);
    }
    print(case);
    let focus = args.sector.map(|sector| Focus::block(case, sector));
    println!("{}", time_line(case, &stored.dir, focus)?);
    Ok(ExitCode::SUCCESS)
}

/// A lone word may be a case of the newest run.
fn named<'a>(
    repo: &Path,
    run: Option<&'a str>,
    case: Option<&'a str>,
) -> (&'a str, Option<&'a str>) {
    match (run, case) {
        (None, _) => ("latest", None),
        (Some(word), None)
            if word.contains('/')
                && !Path::new(word).exists()
                && runs::folder(&repo.join("results"), word).is_none() =>
        {
            ("latest", Some(word))
        }
        (Some(run), case) => (run, case),
    }
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
