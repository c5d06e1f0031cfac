// SPDX-License-Identifier: MIT OR Apache-2.0
//! One boot, measured, into the results.

use crate::exit;
use crate::flags::PerfArgs;
use crate::prepare::Prepared;
use crate::ui::Ui;
use anyhow::{Context, Result};
use evidence::{Perf, Series};
use lab::{ArmImage, Tools};
use perf::{Cost, Counting, Figure, Job, PEAK, PerfError, Plan, Setup, Task, Work};
use proc::{Cancel, Scratch};
use scenario::Disks;
use std::path::PathBuf;
use vm::Accel;

/// A boot that fails is tried so often before the run gives up.
const TRIES: u32 = 4;

/// What fio's part is made of.
const FOLDER: &str = "workloads/perf";

/// The disks of fio's part.
pub fn disks(dirs: &kbuild::Dirs) -> Result<Disks> {
    perf::disks(&dirs.repo.join(FOLDER)).map_err(|error| exit::usage(error.to_string()))
}

/// What every measurement needs.
pub struct Bed<'a> {
    images: &'a [ArmImage],
    tools: &'a Tools,
    plugin: PathBuf,
    jobs: Vec<Job>,
    modes: Vec<Job>,
    /// Of fio.
    disks: Disks,
    seed: u64,
    quick: bool,
    logs: Scratch,
}

impl<'a> Bed<'a> {
    /// Builds the counter and reads the job files.
    pub fn new(
        dirs: &kbuild::Dirs,
        ready: &'a Prepared,
        args: &PerfArgs,
        ui: &Ui,
        cancel: &Cancel,
    ) -> Result<Self> {
        let stage = ui.stage("instruction counter");
        let places = image::ImageDirs { repo: dirs.repo.clone(), cache: dirs.cache.clone() };
        let plugin = image::counter(&places, cancel).context("cannot build the counter")?;
        stage.done("built");
        let folder = dirs.repo.join(FOLDER);
        let wrong = |error: PerfError| exit::usage(error.to_string());
        Ok(Self {
            images: &ready.images,
            tools: &ready.tools,
            plugin,
            jobs: Job::load_all(&folder).map_err(wrong)?,
            modes: Job::load_modes(&folder).map_err(wrong)?,
            disks: disks(dirs)?,
            seed: args.session.seed,
            quick: args.quick,
            logs: Scratch::new("bclab-").context("cannot create a temporary folder")?,
        })
    }

    /// Carries out one task. A boot that fails is tried again, and noted.
    pub fn measure(
        &self,
        task: &Task,
        plan: &Plan,
        perf: &mut Perf,
        ui: &Ui,
        cancel: &Cancel,
    ) -> Result<()> {
        for attempt in 1.. {
            match self.once(task, plan, perf, cancel) {
                Ok(()) => return Ok(()),
                Err(error) if error.is_cancelled() || cancel.is_cancelled() => {
                    return Err(proc::Cancelled.into());
                }
                Err(error) if attempt < TRIES => {
                    let text = error.to_string();
                    let names: Vec<String> = self.images.iter().map(|i| i.name.clone()).collect();
                    let first = text.lines().next().unwrap_or_default();
                    let note = format!("repeated: {}: {first}", plan.describe(task, &names));
                    ui.say(&note);
                    perf.notes.push(note);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn once(
        &self,
        task: &Task,
        plan: &Plan,
        perf: &mut Perf,
        cancel: &Cancel,
    ) -> Result<(), PerfError> {
        let logs = self.logs.path();
        match *task {
            Task::Count { variant, round, modes } => {
                let variant = &plan.variants[variant];
                let how = Counting {
                    plugin: self.plugin.clone(),
                    requests: if self.quick { 500 } else { 1000 },
                    // The same blocks for every arm in a round.
                    seed: self.seed + u64::from(round),
                    attributes: variant.attributes.clone(),
                };
                // The plugin is TCG's.
                let tools = Tools { accel: Accel::Tcg, ..self.tools.clone() };
                let arm = &self.images[variant.arm];
                let works: &[Work] = if modes { &Work::MODES } else { &Work::ALL };
                let costs = perf::count(arm, &tools, &how, works, logs, cancel)?;
                push(perf, &variant.label, costs.iter().flat_map(Cost::figures));
            }
            Task::Speed { variant, modes, .. } => {
                let variant = &plan.variants[variant];
                let arm = &self.images[variant.arm];
                let mut disks = self.disks.clone();
                disks.hdd.volatile_cache |= modes;
                let (setup, on) = (Setup::on(disks), &variant.attributes);
                let jobs = if modes { &self.modes } else { &self.jobs };
                let figures = perf::speed(arm, self.tools, &setup, on, jobs, logs, cancel)?;
                push(perf, &variant.label, figures);
            }
            Task::Memory { arm, bytes } => {
                let arm = &self.images[arm];
                let point = perf::memory(arm, self.tools, bytes, PEAK, self.seed, logs, cancel)?;
                perf.memory.push(point);
            }
            Task::Hits { arm, in_flight } => {
                let how = perf::Placement {
                    device_bytes: 1 << 30,
                    in_flight,
                    placements: if self.quick { 4 } else { 12 },
                    seed: self.seed,
                };
                let arm = &self.images[arm];
                perf.hit_ratio.push(perf::hit_ratio(arm, self.tools, &how, logs, cancel)?);
            }
        }
        Ok(())
    }
}

fn push(perf: &mut Perf, arm: &str, figures: impl IntoIterator<Item = Figure>) {
    for Figure { metric, unit, higher_is_better, workload, value } in figures {
        let (metric, unit, arm) = (metric.to_owned(), unit.to_owned(), arm.to_owned());
        let series = Series { metric, unit, higher_is_better, workload, arm, samples: Vec::new() };
        perf.push(series, value);
    }
}
