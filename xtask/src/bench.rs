// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask bench`: the tool's own speed on this machine, now.

use crate::bench_disks;
use crate::figure::Figure;
use crate::flags::{AccelArg, BenchArgs, KernelArgs, SessionArgs};
use crate::prepare::{self, Prepared};
use crate::ui::Ui;
use anyhow::{Context, Result};
use lab::CaseSpec;
use proc::{Cancel, Scratch};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use vm::Vm;

pub fn main(args: &BenchArgs, cancel: &Cancel) -> Result<ExitCode> {
    let ui = Ui::new();
    let dirs = prepare::dirs()?;
    let arms = prepare::choose_arms(&dirs, &[])?;
    let kernel = KernelArgs::of("plain");
    let session = SessionArgs::of(kernel.clone(), AccelArg::Auto, false);
    let ready = prepare::ready(&dirs, &arms, &session, &ui, cancel)?;
    let (samples, all) = (args.samples, !args.disks && !args.sweep);
    let mut figures = Vec::new();
    if args.cold {
        figures.extend(builds(&dirs, &kernel, &ui, cancel)?);
    }
    if all {
        figures.extend(boots(&ready, samples, &ui, cancel)?);
        figures.extend(cases(&dirs.repo, &ready, samples, &ui, cancel)?);
    }
    if all || args.sweep {
        figures.push(sweeps(&ready, samples, &ui, cancel)?);
    }
    if all || args.disks {
        figures.extend(bench_disks::disks(&ready, samples, &ui, cancel)?);
    }
    print(&figures, &ready, args.json);
    Ok(ExitCode::SUCCESS)
}

/// Process start to the agent's greeting, and QEMU's peak memory, without
/// disks and one at a time.
fn boots(ready: &Prepared, samples: u32, ui: &Ui, cancel: &Cancel) -> Result<Vec<Figure>> {
    let stage = ui.stage("cold boots");
    let work = Scratch::new("bclab-").context("cannot create a temporary folder")?;
    let image = ready.images.first().context("no kernel")?;
    let (mut seconds, mut mib) = (Vec::new(), Vec::new());
    for sample in 0..samples {
        stage.progress(u64::from(sample), u64::from(samples), "");
        let config = ready.tools.guest(&image.kernel, work.path().into());
        let began = Instant::now();
        let vm = Vm::boot(&config, cancel)?;
        seconds.push(began.elapsed().as_secs_f64());
        mib.extend(peak_mib(&format!("/proc/{}/status", vm.pid())));
    }
    Ok(vec![
        Figure {
            what: "cold boot, process start to agent ready".into(),
            unit: "s",
            samples: seconds,
        },
        Figure { what: "QEMU's peak memory after the boot".into(), unit: "MiB", samples: mib },
    ])
}

/// Whole cases, one at a time, and the tool's own peak memory after them.
fn cases(
    repo: &Path,
    ready: &Prepared,
    samples: u32,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<Vec<Figure>> {
    let scenarios = scenario::load_all(&repo.join("workloads/scenarios"))?;
    let image = ready.images.first().context("no kernel")?;
    let work = Scratch::new("bclab-").context("cannot create a temporary folder")?;
    let stage = ui.stage("cases");
    let mut figures = Vec::new();
    for scenario in scenarios.iter().filter(|s| ["S1", "S2", "S3"].contains(&s.id.as_str())) {
        let mut seconds = Vec::new();
        for attempt in 1..=samples {
            stage.progress(u64::from(attempt), u64::from(samples), &scenario.id);
            let spec = CaseSpec::new(image, scenario, attempt, 1);
            let case = lab::run_case(&spec, &ready.tools, work.path(), &|_| {}, cancel)?;
            seconds.push(Duration::from_millis(case.took_ms).as_secs_f64());
        }
        let what = format!("one case of {} on {}", scenario.id, image.name);
        figures.push(Figure { what, unit: "s", samples: seconds });
    }
    let own = peak_mib("/proc/self/status").into_iter().collect();
    figures.push(Figure { what: "the tool's own peak memory".into(), unit: "MiB", samples: own });
    Ok(figures)
}

/// The comparison of a whole device with its cache, in the guest.
fn sweeps(ready: &Prepared, samples: u32, ui: &Ui, cancel: &Cancel) -> Result<Figure> {
    let stage = ui.stage("sweeps");
    let work = Scratch::new("bclab-").context("cannot create a temporary folder")?;
    let image = ready.images.first().context("no kernel")?;
    let mut seconds = Vec::new();
    let mut what = String::new();
    for sample in 0..samples {
        stage.progress(u64::from(sample), u64::from(samples), "");
        let swept = perf::sweep(image, &ready.tools, 1 << 30, work.path(), cancel)?;
        seconds.push(swept.took.as_secs_f64());
        what = format!("sweep of {} MiB, {} cached", swept.bytes >> 20, swept.cached >> 20);
    }
    Ok(Figure { what, unit: "s", samples: seconds })
}

/// A kernel from nothing and one more arm, in a folder of their own.
fn builds(
    dirs: &kbuild::Dirs,
    kernel: &KernelArgs,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<Vec<Figure>> {
    let parent = dirs.cache.parent().context("the cache has no parent folder")?;
    let scratch =
        Scratch::new_in(parent, "bclab-").context("cannot create a folder for the builds")?;
    let cold = kbuild::Dirs { repo: dirs.repo.clone(), cache: scratch.path().to_owned() };
    let mut figures = Vec::new();
    for (index, arm) in prepare::choose_arms(dirs, &[])?.into_iter().enumerate() {
        let what = if index == 0 { "cold kernel build" } else { "one more arm" };
        let what = format!("{what} ({})", arm.name);
        // Fetching and unpacking the source is part of neither.
        let built = prepare::build_arms(&cold, &[arm], kernel, ui, cancel)?;
        let seconds: f64 = built.iter().map(|image| image.seconds).sum();
        figures.push(Figure { what, unit: "s", samples: vec![seconds] });
    }
    Ok(figures)
}

/// `VmHWM` of a process.
fn peak_mib(status: &str) -> Option<f64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

fn print(figures: &[Figure], ready: &Prepared, as_json: bool) {
    if as_json {
        let figures: Vec<_> = figures
            .iter()
            .map(|f| json!({ "what": f.what, "unit": f.unit, "median": f.median(), "samples": f.samples }))
            .collect();
        let host = lab::host();
        println!("{:#}", json!({ "host": host, "qemu": ready.qemu, "figures": figures }));
        return;
    }
    for figure in figures {
        let (low, high) = figure.range();
        println!(
            "{:<42} {:>8.2} {:<3} median of {} ({low:.2} to {high:.2})",
            figure.what,
            figure.median(),
            figure.unit,
            figure.samples.len(),
        );
    }
}
