// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask replay`: the same case again, here or on another machine.

mod bundle;
pub mod inputs;
mod kernel;

use crate::flags::{AccelArg, KernelArgs, ReplayArgs};
use crate::ui::Ui;
use crate::{command, exit, prepare, runner, runs};
use anyhow::Result;
pub use bundle::Bundle;
use evidence::{Case, Outcome, RunRecord, RunStatus, SCHEMA_VERSION, Summary};
use kbuild::Dirs;
use lab::{ArmImage, CaseSpec, Event, Left, Tools};
use proc::Cancel;
use scenario::Scenario;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vm::Accel;

pub fn main(args: &ReplayArgs, cancel: &Cancel) -> Result<ExitCode> {
    let ui = Ui::new();
    let dirs = prepare::dirs()?;
    let path = Path::new(&args.from);
    let sent = args.case.is_none();
    let mut left = None;
    let bundle = if sent {
        if !path.is_file() {
            let why = format!("{:?} is no bundle; of a run, also name a case", args.from);
            return Err(exit::usage(why));
        }
        let read = Bundle::open(path);
        read.map_err(|error| exit::usage(format!("{}: {error}", path.display())))?
    } else {
        let run = runs::find(&dirs.repo, &args.from)?;
        let case = runs::find_case(&run, args.case.as_deref().unwrap_or_default())?;
        left = Left::of(&run.dir, case);
        of_case(&dirs, &run, case)?
    };
    if args.show_patch {
        println!("{}", serde_json::to_string_pretty(&bundle.content)?.replace("\\n", "\n"));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(file) = &args.bundle {
        return save(&bundle, file);
    }
    let scenario = bundle.scenario().map_err(|error| exit::usage(error.to_string()))?;
    play(args, (&bundle, &scenario), left, &dirs, &ui, cancel)
}

/// The bundle that a case of a run would be.
pub fn of_case(dirs: &Dirs, run: &runs::StoredRun, case: &Case) -> Result<Bundle> {
    let lacks = |what: &str| exit::usage(format!("the run has no {what} for case {}", case.id));
    let record = &run.record;
    let arm = record.arms.iter().find(|arm| arm.name == case.arm).ok_or_else(|| lacks("arm"))?;
    let scenario = record.scenarios.iter().find(|scenario| scenario.id == case.scenario);
    let scenario = scenario.ok_or_else(|| lacks("scenario"))?;
    let text = inputs::scenario_text(&run.dir, &dirs.repo, &scenario.hash);
    let (path, text) = text.ok_or_else(|| {
        exit::usage(format!(
            "the file of scenario {} has changed since the run, which has not kept it; check out \
             commit {} of the lab",
            scenario.id,
            record.tool.commit.as_deref().unwrap_or("(unknown)")
        ))
    })?;
    let job = inputs::job_text(&path, &text).map_err(|error| exit::usage(error.to_string()))?;
    let content = inputs::arm(&run.dir, &arm.name);
    Ok(Bundle::new(record, case, arm, (text, job), content))
}

fn save(bundle: &Bundle, file: &Path) -> Result<ExitCode> {
    let text = serde_json::to_string_pretty(bundle)? + "\n";
    std::fs::write(file, &text)
        .map_err(|error| exit::usage(format!("cannot write {}: {error}", file.display())))?;
    println!(
        "{}: {} of run {}, {} KiB",
        file.display(),
        bundle.case.id,
        bundle.run_id,
        text.len() / 1024
    );
    if bundle.content.is_none() {
        println!("the arm's patches are not in it: the run has not kept them");
    }
    Ok(ExitCode::SUCCESS)
}

fn play(
    args: &ReplayArgs,
    (bundle, scenario): (&Bundle, &Scenario),
    left: Option<Left>,
    dirs: &Dirs,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<ExitCode> {
    if let Some(other) = scenario.other_kernels().first() {
        return Err(exit::usage(format!(
            "{} boots {other} too, which is not recorded to be built again; run it with `cargo \
             xtask run --arm {} --scenario {}`",
            bundle.case.id, bundle.arm.name, scenario.id
        )));
    }
    let given = KernelArgs::of(&bundle.config.name);
    prepare::set_up(dirs, &given, args.no_install, ui, cancel)?;
    let image = kernel::same(args, bundle, dirs, ui, cancel)?;
    let guest = prepare::guest_image(dirs, ui, cancel)?;
    if guest.key != bundle.guest.hash {
        ui.say(&format!(
            "the guest image is another one ({}, then {}): other versions of the agent or its \
             programs",
            guest.key, bundle.guest.hash
        ));
    }
    let accel = match bundle.qemu.accelerator.as_str() {
        "tcg" => AccelArg::Tcg,
        _ => AccelArg::Auto,
    };
    let accel = prepare::choose_accel(dirs, accel, &image, &guest, ui, cancel)?;
    let qemu = evidence::QemuRecord {
        version: prepare::qemu_version()?,
        accelerator: accel.to_string().to_lowercase(),
    };
    if qemu != bundle.qemu {
        let (now, then) = (&qemu, &bundle.qemu);
        ui.say(&format!(
            "QEMU is another one: {} {}, then {} {}",
            now.version, now.accelerator, then.version, then.accelerator
        ));
    }
    let tools = tools(bundle, dirs, guest.path.clone(), accel)?;
    let arm = ArmImage { name: bundle.arm.name.clone(), kernel: image.path.clone() };
    let out = args.out.clone().unwrap_or_else(|| {
        let time = lab::now().replace([':', '-'], "").to_lowercase();
        dirs.repo.join("results").join(format!("replay-{time}"))
    });
    let store = runner::open(&out)?;
    if let Some(left) = &left {
        ui.say(&format!("from its log, without the load: {}", left.events.display()));
    }
    let spec = CaseSpec::again(&arm, scenario, &bundle.case).from_what_was_left(left);
    let stage = ui.stage(&format!("replaying {}", spec.id));
    let on_event = |event: Event<'_>| {
        if let Event::Step { number, of, what, .. } = event {
            stage.now(&format!("step {number}/{of}, {what}"));
        }
    };
    let case = lab::run_case(&spec, &tools, store.dir(), &on_event, cancel)?;
    stage.done(&evidence::cell(&[&case], 1));
    let code = compare(&bundle.case, &case);
    let guest = evidence::GuestRecord { hash: guest.key, fio: guest.fio_version };
    store.save(&record(bundle, scenario, case, qemu, guest, dirs, &out))?;
    println!("results: {}", out.join("run.json").display());
    Ok(code)
}

/// What the case was played with, as its configuration says.
fn tools(bundle: &Bundle, dirs: &Dirs, initramfs: PathBuf, accel: Accel) -> Result<Tools> {
    let config = prepare::load_config(dirs, &bundle.config.name)?;
    Ok(prepare::tools(dirs, config, initramfs, accel))
}

/// Says whether the outcome came back.
fn compare(then: &Case, now: &Case) -> ExitCode {
    let words = |case: &Case| match &case.outcome {
        Outcome::Verdict { verdict } => format!("verdict {verdict}"),
        Outcome::Inconclusive { why } => format!("inconclusive ({why})"),
        Outcome::Harness { what, message, .. } => format!("no verdict, harness {what} ({message})"),
    };
    let same = match (&then.outcome, &now.outcome) {
        (Outcome::Verdict { verdict: a }, Outcome::Verdict { verdict: b }) => a == b,
        (Outcome::Inconclusive { .. }, Outcome::Inconclusive { .. }) => true,
        (Outcome::Harness { what: a, .. }, Outcome::Harness { what: b, .. }) => a == b,
        _ => false,
    };
    if same {
        println!("{}: the same again: {}", now.id, words(now));
        return ExitCode::SUCCESS;
    }
    println!("{}: {} this time, {} then", now.id, words(now), words(then));
    for line in &now.observations {
        println!("    {line}");
    }
    let judged = matches!(now.outcome, Outcome::Verdict { .. });
    if judged { ExitCode::FAILURE } else { ExitCode::from(exit::HARNESS) }
}

/// A run of one case, so that `show` and `evidence` understand it.
fn record(
    bundle: &Bundle,
    scenario: &Scenario,
    case: Case,
    qemu: evidence::QemuRecord,
    guest: evidence::GuestRecord,
    dirs: &Dirs,
    out: &Path,
) -> RunRecord {
    let name = out.file_name().map_or_else(|| "replay".into(), |name| name.to_string_lossy());
    let mut record = RunRecord {
        schema_version: SCHEMA_VERSION,
        run_id: name.into_owned(),
        status: RunStatus::Incomplete,
        started: lab::now(),
        finished: Some(lab::now()),
        seed: case.seed,
        commands: vec![command::words()],
        joined: Vec::new(),
        tool: lab::tool(&dirs.repo),
        host: lab::host(),
        qemu,
        source: bundle.source.clone(),
        config: bundle.config.clone(),
        toolchain: bundle.toolchain.clone(),
        guest,
        arms: vec![bundle.arm.clone()],
        scenarios: vec![runner::scenario_record(scenario)],
        attempts: 1,
        cases: vec![case],
        perf: None,
        summary: Summary::default(),
    };
    record.summarise();
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_played_again_on_a_guest_as_its_configuration_wants_it() {
        let dirs = prepare::dirs().unwrap();
        let file = dirs.repo.join("results/published/matrix/bundles/base-S1-1.json");
        let mut bundle = Bundle::open(&file).unwrap();
        let mut of = |config: &str| {
            bundle.config.name = config.to_owned();
            tools(&bundle, &dirs, PathBuf::new(), Accel::Tcg).unwrap()
        };
        let plain = of("plain");
        assert!(plain.fail.is_none() && plain.slowness == 1 && plain.profiles.is_dir());
        assert!(of("fault").fail.is_some_and(|fail| !fail.arms.is_empty()));
        assert!(of("lockdep").slowness > 1);
        let kasan = of("kasan");
        assert!(kasan.slowness > 1 && kasan.memory_mib > plain.memory_mib);
        assert!(!kasan.cmdline.is_empty() && plain.cmdline.is_empty());
    }
}
