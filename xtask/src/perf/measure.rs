// SPDX-License-Identifier: MIT OR Apache-2.0
//! One boot, measured, into the results.

use super::plan::{PEAK, Plan, Task};
use crate::exit;
use crate::flags::PerfArgs;
use crate::prepare::Prepared;
use crate::ui::Ui;
use anyhow::{Context, Result};
use evidence::{Perf, Series};
use lab::{ArmImage, Tools};
use perf::{Counting, Figure, Job, PerfError, Setup, Work};
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
        let jobs = Job::load_all(&dirs.repo.join(FOLDER))
            .map_err(|error| exit::usage(error.to_string()))?;
        Ok(Self {
            images: &ready.images,
            tools: &ready.tools,
            plugin,
            jobs,
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
            Task::Count { variant, round } => {
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
                let costs = perf::count(arm, &tools, &how, &Work::ALL, logs, cancel)?;
                for cost in costs {
                    let mut add = |metric: &str, unit: &str, value| {
                        perf.push(series(metric, unit, cost.work.name(), &variant.label), value);
                    };
                    add("instructions", "instructions", cost.instructions);
                    add("instructions-bcache", "instructions", cost.in_bcache);
                    if cost.in_tracker > 0.0 {
                        add("instructions-tracker", "instructions", cost.in_tracker);
                    }
                    if matches!(cost.work, Work::BypassWrite | Work::BypassWriteCached) {
                        add("journal-writes", "1/write", cost.journal_writes);
                        add("journal-bytes", "bytes/write", cost.journal_bytes);
                    }
                }
            }
            Task::Speed { variant, .. } => {
                let variant = &plan.variants[variant];
                let arm = &self.images[variant.arm];
                let (setup, on) = (Setup::on(self.disks.clone()), &variant.attributes);
                let figures = perf::speed(arm, self.tools, &setup, on, &self.jobs, logs, cancel)?;
                for Figure { metric, unit, higher_is_better, workload, value } in figures {
                    let like = series(metric, unit, &workload, &variant.label);
                    perf.push(Series { higher_is_better, ..like }, value);
                }
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

fn series(metric: &str, unit: &str, workload: &str, arm: &str) -> Series {
    Series {
        metric: metric.to_owned(),
        unit: unit.to_owned(),
        higher_is_better: false,
        workload: workload.to_owned(),
        arm: arm.to_owned(),
        samples: Vec::new(),
    }
}
