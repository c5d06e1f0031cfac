// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records, enumerates, tries every state, and shrinks what is bad.

use crate::catalogue::Catalogue;
use crate::error::ExploreError;
use crate::record;
use crate::report::{Exploration, StateRecord, Tried, hex};
use crate::spec::{Progress, Spec};
use crate::station::Station;
use judge::decode::Devices;
use judge::state::{Outcome, StateOracle};
use judge::trace::Trace;
use proc::{Cancel, FileLock};
use scenario::Kind;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Instant;
use vdisk::crash::Plan;
use vdisk::log::{Life, Log};
use wire::Extent;

/// Named blocks up to this size (sectors) are read back whole, larger ones
/// where they were written.
const SMALL_BLOCK: u32 = 8192;

/// Explores every crash state of `spec` and keeps everything in `dir`, from
/// where an interrupted exploration goes on.
///
/// # Errors
/// [`ExploreError`]; bad states are none.
pub fn explore(
    spec: &Spec<'_>,
    dir: &Path,
    on: &(dyn Fn(Progress) + Sync),
    cancel: &Cancel,
) -> Result<Exploration, ExploreError> {
    std::fs::create_dir_all(dir).map_err(ExploreError::io(dir))?;
    let _lock = lock(dir)?;
    let recording = match record::load(dir, spec)? {
        Some(recording) => recording,
        None => record::make(dir, spec, &|step| on(Progress::Recording(step)), cancel)?,
    };
    let log = Log::open(&record::events(dir))?;
    let Some(life) = log.lives.first() else {
        return Err(ExploreError::Closed("the event log is empty".to_owned()));
    };
    let trace = Trace::read(&log, life, Devices::new(&spec.scenario.volumes()));
    if trace.writes.is_empty() {
        return Err(ExploreError::Closed("nothing was written to the disks".to_owned()));
    }
    let plan = spec.plan();
    let catalogue = Catalogue::make(&log, life, plan, &recording.history)?;
    let mut tried = Tried::open(dir)?;
    let chosen = catalogue.choose(spec.limit);
    let known: HashSet<&str> = tried.records.iter().map(|r| r.fingerprint.as_str()).collect();
    let todo: HashSet<u128> =
        chosen.iter().copied().filter(|print| !known.contains(hex(*print).as_str())).collect();
    on(Progress::Catalogued {
        considered: catalogue.considered,
        distinct: catalogue.order.len(),
        chosen: chosen.len(),
        known: chosen.len() - todo.len(),
    });
    let search = Search {
        spec,
        dir,
        log: &log,
        life,
        plan,
        catalogue: &catalogue,
        oracle: StateOracle { recording: &recording, trace: &trace },
        on,
        cancel,
    };
    let saved = SavedGuest::new(dir);
    if !todo.is_empty() || !tried.records.is_empty() {
        search.station("save")?.save(&saved.path)?;
    }
    let began = Instant::now();
    let result = search.try_all(&todo, chosen.len(), &mut tried, &saved.path);
    let mut exploration =
        search.report(&chosen, &tried.records, todo.len(), began.elapsed().as_secs_f64());
    let result = result.and_then(|()| {
        exploration.counterexamples = search.counterexamples(&exploration, &saved.path)?;
        exploration.complete = true;
        Ok(())
    });
    drop(saved);
    exploration.save(dir)?;
    result.map(|()| exploration)
}

/// The file of the saved machine, which goes when this is dropped.
pub(crate) struct SavedGuest {
    pub path: PathBuf,
}

impl SavedGuest {
    pub fn new(dir: &Path) -> Self {
        Self { path: dir.join("guest.state") }
    }
}

impl Drop for SavedGuest {
    fn drop(&mut self) {
        for leftover in [self.path.clone(), self.path.with_extension("state.json")] {
            let _ = std::fs::remove_file(leftover);
        }
    }
}

/// Keeps a second exploration out of the folder until dropped.
pub(crate) fn lock(dir: &Path) -> Result<FileLock, ExploreError> {
    let path = dir.join(".lock");
    let lock = FileLock::try_take(&path).map_err(ExploreError::io(&path))?;
    let busy = || ExploreError::Another { path: dir.to_owned(), what: "it is going on now" };
    lock.ok_or_else(busy)
}

/// All that trying states needs.
pub(crate) struct Search<'a> {
    pub spec: &'a Spec<'a>,
    pub dir: &'a Path,
    pub log: &'a Log,
    pub life: &'a Life,
    pub plan: Plan,
    pub catalogue: &'a Catalogue,
    pub oracle: StateOracle<'a>,
    pub on: &'a (dyn Fn(Progress) + Sync),
    pub cancel: &'a Cancel,
}

impl Search<'_> {
    pub fn station(&self, name: &str) -> Result<Station<'_>, ExploreError> {
        let blocks = self.spec.scenario.blocks.values().filter(|b| b.sectors <= SMALL_BLOCK);
        let blocks = blocks.map(|&block| Extent::from(block));
        let mut touched: Vec<(u64, u64)> = blocks.map(|b| (b.sector, b.range().end)).collect();
        touched.extend(self.oracle.recording.history.witness_at_cut(u64::MAX).footprint());
        let logs = self.dir.join("logs").join(name);
        let run = self.oracle.recording.run;
        Ok(Station::new(self.spec, logs, &touched, run, self.cancel)?)
    }

    fn report(
        &self,
        chosen: &[u128],
        records: &[StateRecord],
        todo: usize,
        seconds: f64,
    ) -> Exploration {
        let chosen_prints: HashSet<String> = chosen.iter().map(|print| hex(*print)).collect();
        let records: Vec<&StateRecord> =
            records.iter().filter(|r| chosen_prints.contains(&r.fingerprint)).collect();
        let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
        for kind in records.iter().flat_map(|record| record.outcome.kinds()) {
            *kinds.entry(kind).or_default() += 1;
        }
        let (arm, scenario) = (self.spec.arm.name.clone(), self.spec.scenario.id.clone());
        let expected = self.spec.expectations;
        let unexpected =
            kinds.keys().filter(|kind| !expected.allows(&arm, &scenario, kind)).cloned();
        let whole = records.len() == self.catalogue.order.len();
        let missed = expected
            .demands(&arm, &scenario)
            .iter()
            .filter(|kind| whole && !kinds.contains_key(kind))
            .cloned();
        let count = |wanted: fn(&Outcome) -> bool| {
            records.iter().filter(|record| wanted(&record.outcome)).count()
        };
        Exploration {
            schema_version: 1,
            scenario_hash: self.spec.scenario.hash.clone(),
            seed: self.spec.seed,
            opportunities: self.oracle.recording.opportunities.clone(),
            writes: self.oracle.trace.writes.len(),
            considered: self.catalogue.considered,
            distinct: self.catalogue.order.len(),
            chosen: chosen.len(),
            tried: records.len(),
            complete: false,
            tried_now: (records.len() + todo).saturating_sub(chosen.len()),
            seconds,
            good: count(|outcome| matches!(outcome, Outcome::Good)),
            unexpected: unexpected.collect(),
            missed: missed.collect(),
            harness_failures: count(|outcome| matches!(outcome, Outcome::Harness { .. })),
            counterexamples: Vec::new(),
            states: records
                .iter()
                .filter(|record| record.outcome != Outcome::Good)
                .map(|record| (*record).clone())
                .collect(),
            arm,
            scenario,
            kinds,
        }
    }
}
