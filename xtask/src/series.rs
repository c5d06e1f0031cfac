// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask series`: patches ready for git send-email, and what is wrong
//! with them.

mod figures;

use crate::flags::SeriesArgs;
use crate::ui::Ui;
use crate::{exit, files, prepare};
use anyhow::{Context, Result};
use evidence::Origin;
use kbuild::{Dirs, KernelConfig, Source, SourceSpec};
use proc::Cancel;
use series::{Builds, Finding, Letter, Outcome, Plan, Progress, Report, SeriesError};
use std::cell::RefCell;
use std::path::Path;
use std::process::ExitCode;

pub fn main(args: &SeriesArgs, cancel: &Cancel) -> Result<ExitCode> {
    let ui = Ui::new();
    let dirs = prepare::dirs()?;
    if args.out.exists() && !args.out.is_dir() {
        return Err(exit::usage(format!("--out {}: not a folder", args.out.display())));
    }
    let kernel = args.from.clone().unwrap_or_else(|| dirs.repo.join("kernel"));
    let plan = Plan::load(&kernel).map_err(|error| exit::usage(error.to_string()))?;
    check_kernels(&plan, &args.kernels)?;

    let stage = ui.stage("kernel source");
    let first = &plan.on.first().context("series.toml names no kernel")?.kernel;
    let spec = SourceSpec::parse(args.kernel_src.as_ref().unwrap_or(first));
    let spec = spec.map_err(prepare::source_error)?;
    let source = Source::obtain(&spec, &dirs, &prepare::relay(&ui, &stage), cancel)
        .map_err(prepare::source_error)?;
    let origin = format!("linux {} ({})", source.provenance.kernel, source.provenance.origin);
    stage.done(&origin);

    let stage = ui.stage("mails");
    let pristine = |path: &str| source.pristine(path);
    let figures = figures::of(&args.figures, &source, &dirs)?;
    let tree = source.folder();
    let letter = Letter {
        sign_off: args.sign_off.as_deref(),
        version: args.reroll,
        base: &base(&source),
        base_commit: source.provenance.origin.commit(),
        figures: figures.as_deref(),
        recipients: &|mails| series::recipients(&tree, mails, cancel),
    };
    let mails =
        series::write(&plan, &pristine, &letter, &dirs.repo, &args.out, cancel).map_err(coded)?;
    let name = |path: &Path| {
        let path = path.strip_prefix(std::path::absolute(&args.out).ok()?).ok()?;
        Some(path.to_string_lossy().into_owned())
    };
    let covers = mails.parts.iter().map(|part| &part.cover);
    let people = mails.parts.iter().map(|part| part.recipients.clone());
    let report = RefCell::new(Report {
        schema_version: 2,
        kernel: origin.clone(),
        mails: covers.chain(&mails.patches).filter_map(|path| name(path)).collect(),
        recipients: plan.parts.iter().map(|part| part.name.clone()).zip(people).collect(),
        draft: args.draft,
        answered: plan.answered(),
        ..Report::default()
    });
    // What was found of an earlier run's mails says nothing about these.
    save(&args.out, &report.borrow())?;
    let count = mails.parts.len() + mails.patches.len();
    stage.done(&format!("{count} in {}", args.out.display()));

    let stage = ui.stage("checks");
    let findings = series::check(&plan, &mails, &source, args.draft, cancel).map_err(coded)?;
    stage.done(&format!("{} made", findings.len()));
    report.borrow_mut().findings = findings;
    save(&args.out, &report.borrow())?;
    if args.build {
        build(&plan, &mails, &dirs, args, &report, &ui, cancel)?;
    }
    report.borrow_mut().complete = true;
    save(&args.out, &report.borrow())?;
    let report = report.into_inner();
    print!("{}", report.text());
    println!("\nresults: {}", args.out.join(JSON).display());
    Ok(ExitCode::from(report.exit_code()))
}

/// As a stranger can have it, too: no paths of this machine.
fn base(source: &Source) -> String {
    let kernel = &source.provenance.kernel;
    match &source.provenance.origin {
        Origin::GitCommit { commit, .. } => format!("linux {kernel} ({commit:.12})"),
        Origin::DebianPackage { package, version } => {
            format!("linux {kernel} (Debian's {package} {version})")
        }
        _ => format!("linux {kernel}"),
    }
}

fn check_kernels(plan: &Plan, wanted: &[String]) -> Result<()> {
    let known: Vec<&str> = plan.on.iter().map(|on| on.kernel.as_str()).collect();
    match wanted.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(other) => {
            let known = known.join(", ");
            Err(exit::usage(format!("--on {other}: series.toml has {known}")))
        }
    }
}

fn build(
    plan: &Plan,
    mails: &series::Mails,
    dirs: &Dirs,
    args: &SeriesArgs,
    report: &RefCell<Report>,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<()> {
    let config = KernelConfig::of_fragment(dirs, "series", &plan.config())
        .map_err(|error| exit::usage(error.to_string()))?;
    let earlier = read_builds(&args.out);
    let memory = RefCell::new(earlier.clone());
    let stage = ui.stage("builds");
    let now = RefCell::new((0, 0, String::new()));
    let on_progress = |progress: &Progress| {
        let minutes = (progress.left / 60.0).ceil();
        let text = format!("{}, about {minutes:.0} min left", progress.now);
        *now.borrow_mut() = (progress.done, progress.total, text);
        stage.progress(progress.done as u64, progress.total as u64, &now.borrow().2);
    };
    let on_event = |event: kbuild::Event| match event {
        kbuild::Event::Notice(text) => ui.say(&text),
        kbuild::Event::Progress { done, .. } => {
            let (builds, total, what) = &*now.borrow();
            stage.progress(*builds as u64, *total as u64, &format!("{what}, file {done}"));
        }
    };
    let on_finding = |finding: &Finding| {
        let word = match finding.outcome {
            Outcome::Ok => "ok",
            Outcome::Failed => "FAILED",
            Outcome::Missing => "missing",
        };
        ui.say(&format!("{} {}: {word} ({:.0} s)", finding.check, finding.on, finding.seconds));
        report.borrow_mut().findings.push(finding.clone());
        // Saved at once: an interrupted run goes on here.
        if !finding.key.is_empty() {
            memory.borrow_mut().retain(|known| known.key != finding.key);
            memory.borrow_mut().push(finding.clone());
        }
        let saved = save(&args.out, &report.borrow())
            .and_then(|()| files::replace(&args.out.join(BUILDS), &json(&*memory.borrow())?));
        if let Err(error) = saved {
            ui.say(&format!("{error:#}"));
        }
    };
    let logs = args.out.join("logs");
    let builds = Builds {
        plan,
        only: &args.kernels,
        mails,
        dirs,
        config: &config,
        logs: &logs,
        earlier: &earlier,
        on_progress: &on_progress,
        on_finding: &on_finding,
        on_event: &on_event,
        cancel,
    };
    builds.run().map_err(coded)?;
    drop(stage);
    Ok(())
}

/// What was found, for programs and for people.
const JSON: &str = "series.json";
const TEXT: &str = "series.txt";

/// Builds that were finished, whatever the series was: by their keys, what is
/// still the same is not built again.
const BUILDS: &str = "builds.json";

/// Unreadable ones are none.
fn read_builds(out: &Path) -> Vec<Finding> {
    let text = std::fs::read(out.join(BUILDS)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn save(out: &Path, report: &Report) -> Result<()> {
    files::replace(&out.join(JSON), &json(report)?)?;
    files::replace(&out.join(TEXT), &report.text())
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(value).context("cannot write JSON")? + "\n")
}

/// The exit code that an error deserves: a step that does not apply to the
/// kernel that it is made for is the series' own fault.
fn coded(error: SeriesError) -> anyhow::Error {
    match error {
        SeriesError::Plan(_) => exit::usage(error.to_string()),
        SeriesError::Patch { .. } => exit::contradicted(error.to_string()),
        SeriesError::Missing(_) | SeriesError::Apt(_) => exit::setup(error.to_string()),
        SeriesError::Build(error) => prepare::build_error(error),
        SeriesError::Source(error) => prepare::source_error(error),
        SeriesError::Cancelled(cancelled) => cancelled.into(),
        other => anyhow::Error::new(other),
    }
}
