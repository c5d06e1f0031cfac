// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run from its kernels to its record: set up, build, begin or resume, play.
//! `run`, `nightly`, `shard run` and `perf` differ in what they ask for.

use crate::flags::SessionArgs;
use crate::prepare::{self, Prepared};
use crate::ui::Ui;
use crate::{command, exit, others};
use anyhow::Result;
use evidence::{Perf, RunRecord, RunStatus, SCHEMA_VERSION, ScenarioRecord, Store, Summary};
use kbuild::{Arm, Dirs};
use lab::Event;
use proc::Cancel;
use scenario::Scenario;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What is to be played or measured.
#[derive(Default)]
pub struct Content<'a> {
    pub scenarios: &'a [Scenario],
    /// Per arm and scenario.
    pub attempts: u32,
    pub perf: Option<Perf>,
}

/// A run in its folder.
pub struct Runner<'a> {
    pub ready: Prepared,
    pub record: RunRecord,
    pub store: Store,
    pub ui: &'a Ui,
    pub cancel: &'a Cancel,
}

/// The folder that was named, or one below `results/` after the time.
pub fn out(dirs: &Dirs, session: &SessionArgs, name: impl FnOnce(String) -> String) -> PathBuf {
    let below = || {
        let time = lab::now().replace([':', '-'], "").to_lowercase();
        dirs.repo.join("results").join(name(time))
    };
    session.out.clone().unwrap_or_else(below)
}

/// Opens a results folder; one that cannot be is the user's to mend.
pub fn open(out: &Path) -> Result<Store> {
    Store::open(out).map_err(|error| exit::usage(error.to_string()))
}

impl<'a> Runner<'a> {
    /// Everything that `arms` need, and the record of `store`'s folder: a new
    /// one, or the one that is there, when it is of the same parts.
    pub fn begin(
        dirs: &Dirs,
        arms: &[Arm],
        session: &SessionArgs,
        store: Store,
        content: Content<'_>,
        ui: &'a Ui,
        cancel: &'a Cancel,
    ) -> Result<Self> {
        let mut ready = prepare::ready(dirs, arms, session, ui, cancel)?;
        let mut record = blank_record(session.seed, store.dir(), dirs, &ready);
        record.scenarios = content.scenarios.iter().map(scenario_record).collect();
        let built = others::build(dirs, content.scenarios, &session.kernel, ui, cancel)?;
        for (scenario, record) in content.scenarios.iter().zip(&mut record.scenarios) {
            let kernels = scenario.other_kernels().into_iter();
            record.kernels = kernels.map(|other| others::record(other, &built[other])).collect();
        }
        let paths = built.into_iter().map(|(other, image)| (other, image.path));
        ready.tools.others = paths.collect();
        (record.attempts, record.perf) = (content.attempts, content.perf);
        record.summarise();
        if let Some(earlier) = store.load()? {
            let out = store.dir().display();
            record = resume(earlier, record).map_err(|why| {
                exit::usage(format!("{out} holds another run: {why}; choose another --out"))
            })?;
            ui.say(&format!("resuming {out}: {} cases are there", record.cases.len()));
        }
        Ok(Self { ready, record, store, ui, cancel })
    }

    /// Runs the cases that are `wanted` and not there yet.
    pub fn play(&mut self, scenarios: &[Scenario], wanted: &dyn Fn(&str) -> bool) -> Result<()> {
        let (ui, record) = (self.ui, &mut self.record);
        let stage = ui.stage("cases");
        let done = AtomicU64::new(record.cases.len() as u64);
        let planned = record.planned_ids().filter(|id| wanted(id)).count() as u64;
        let now = |text: &str| stage.counted(done.load(Ordering::Relaxed), planned, "cases", text);
        let on_event = |event: Event<'_>| match event {
            Event::Started { id } => now(id),
            Event::Step { id, number, of, what } => {
                now(&format!("{id} step {number}/{of}, {what}"));
            }
            Event::Finished { case, done: finished, .. } => {
                done.store(finished as u64, Ordering::Relaxed);
                let seconds = case.took_ms as f64 / 1000.0;
                let cell = evidence::cell(&[case], 1);
                ui.say(&format!("{:<24} {cell} ({seconds:.1} s)", case.id));
            }
        };
        let (arms, tools) = (&self.ready.images, &self.ready.tools);
        let store = &self.store;
        lab::run_some(record, store, arms, scenarios, tools, wanted, &on_event, self.cancel)?;
        stage.done(&format!("{} of {planned}", done.into_inner()));
        record.finished = Some(lab::now());
        Ok(store.save(record)?)
    }
}

pub fn scenario_record(scenario: &Scenario) -> ScenarioRecord {
    ScenarioRecord {
        id: scenario.id.clone(),
        name: scenario.name.clone(),
        title: scenario.title.clone(),
        hash: scenario.hash.clone(),
        kernels: Vec::new(),
    }
}

/// The provenance of a run that begins now, and nothing measured yet.
fn blank_record(seed: u64, out: &Path, dirs: &Dirs, ready: &Prepared) -> RunRecord {
    let name = out.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy());
    RunRecord {
        schema_version: SCHEMA_VERSION,
        run_id: name.into_owned(),
        status: RunStatus::Incomplete,
        started: lab::now(),
        finished: None,
        seed,
        commands: vec![command::words()],
        joined: Vec::new(),
        tool: lab::tool(&dirs.repo),
        host: lab::host(),
        qemu: ready.qemu.clone(),
        source: ready.source.clone(),
        config: ready.config.clone(),
        toolchain: ready.toolchain.clone(),
        guest: ready.guest.clone(),
        arms: ready.arm_records.clone(),
        scenarios: Vec::new(),
        attempts: 0,
        cases: Vec::new(),
        perf: None,
        summary: Summary::default(),
    }
}

/// The earlier record, when it is of the same kernels, scenarios, guest and
/// seed; otherwise what differs.
fn resume(earlier: RunRecord, now: RunRecord) -> Result<RunRecord, String> {
    if let Some(difference) = earlier.difference(&now) {
        return Err(difference.to_string());
    }
    let perf = match (earlier.perf, &now.perf) {
        // The margin is of the statements, not of the samples.
        (Some(perf), Some(now)) if perf.disks != now.disks => {
            return Err("other disks under fio".to_owned());
        }
        (Some(perf), Some(now)) => Some(Perf { margin: now.margin, ..perf }),
        (None, Some(_)) => return Err("no measurement".to_owned()),
        (_, None) => None,
    };
    Ok(RunRecord { started: earlier.started, cases: earlier.cases, perf, ..now })
}
