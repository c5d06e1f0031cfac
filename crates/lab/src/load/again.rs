// SPDX-License-Identifier: MIT OR Apache-2.0
//! A cut under load once more, from what its cycle left: the disks as the cut
//! left them and all events are in the log, what the witness was told is
//! beside it. The load itself is not repeated, so the outcome does not depend
//! on luck: the same kernel boots on the same disks and is judged again.

use super::cycles::Soak;
use crate::session::Session;
use crate::trouble::{Stop, Trouble};
use evidence::{Case, Load, Outcome, Verdict};
use judge::history::History;
use judge::ledger::Ledger;
use judge::witness::Witness;
use scenario::CacheMode;
use scenario::{Cycles, LoadPlan};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use vdisk::log::Log;
use vdisk::{CutKind, CutReport};

/// What a cycle leaves beside its log when it went wrong.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CutRecord {
    /// Which cycle of the case.
    pub cycle: u32,
    /// The first event of the load.
    pub since: u64,
    /// What the witness was told.
    pub history: History,
    /// What the cut did.
    pub cut: CutReport,
}

/// Where they are.
#[derive(Clone, Debug)]
pub struct Left {
    /// The log of the cycle.
    pub events: PathBuf,
    /// The [`CutRecord`].
    pub cut: PathBuf,
}

impl Left {
    /// Of a case of a run in `dir`; `None` when the case has left nothing.
    #[must_use]
    pub fn of(dir: &Path, case: &Case) -> Option<Self> {
        let file = |key: &str| Some(dir.join(case.files.get(key)?)).filter(|path| path.is_file());
        Some(Self { events: file("events")?, cut: file("cut")? })
    }
}

fn unreadable(path: &Path, error: impl std::fmt::Display) -> Stop {
    let text = format!("{}: {error}", path.display());
    Trouble::new("cut-record", text, "take the run that the case is from, whole").into()
}

impl CutRecord {
    pub fn save(&self, path: &Path) -> Result<(), Stop> {
        let text = serde_json::to_string(self).map_err(|error| unreadable(path, error))?;
        std::fs::write(path, text).map_err(|error| unreadable(path, error))
    }

    fn read(path: &Path) -> Result<Self, Stop> {
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
        serde_json::from_str(&text).map_err(|error| unreadable(path, error))
    }
}

/// Boots on the disks as the cut left them, and judges.
pub(crate) fn play(
    session: &mut Session<'_>,
    (plan, cycles): (&LoadPlan, &Cycles),
    left: &Left,
    mut load: Load,
    case: &mut Case,
) -> Result<(), Stop> {
    let record = CutRecord::read(&left.cut)?;
    let log = Log::open(&left.events).map_err(|error| unreadable(&left.events, error))?;
    let fail = |error| unreadable(&left.events, error);
    let after = log.lives.get(1).ok_or_else(|| unreadable(&left.events, "no cut in it"))?;
    let images = log.beginning(after).map_err(fail)?;
    let ledger = Ledger::of_log(&log, record.since).map_err(fail)?;
    session.note(format!("the disks as the cut of cycle {} left them", record.cycle));
    session.put_on_disks(images);
    let mut soak = Soak::new(session, plan, cycles)?;
    soak.take_up(ledger, record.cut.clone(), session.rig.image("ssd"));
    session.witness = Witness::new();
    record.history.tell(&mut session.witness);
    let mode = plan.job.settings.cache_mode;
    session.witness.cut(record.cut.kind == CutKind::Reset && mode != CacheMode::Writeback);
    session.boot_again()?;
    soak.verdict(session, record.cycle, &mut load, case)?;
    load.cuts = 1;
    case.load = Some(load);
    let verdict = case.sectors.worst().unwrap_or(Verdict::Ok);
    case.outcome = Outcome::Verdict { verdict };
    Ok(())
}
