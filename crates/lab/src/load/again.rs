// SPDX-License-Identifier: MIT OR Apache-2.0
//! A cut under load once more, from what its cycle left: the disks as the cut
//! left them and all events are in the log, what the witness was told is
//! beside it. The load itself is not repeated, so the outcome does not depend
//! on luck: the same kernel boots on the same disks and is judged again.

use super::cut_record::{CutRecord, Left, unreadable};
use super::soak::Soak;
use crate::session::Session;
use crate::trouble::Stop;
use evidence::{Case, Load, Outcome, Verdict};
use judge::ledger::Ledger;
use scenario::{Cycles, LoadPlan, Registered};
use vdisk::log::Log;

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
    session.testimony.forget();
    record.history.tell(&mut session.testimony.witness);
    session.testimony.witness.cut(record.cut.kind, plan.job.settings.cache_mode);
    session.boot_again(Registered::default(), None)?;
    soak.verdict(session, record.cycle, &mut load, case)?;
    load.cuts = 1;
    case.load = Some(load);
    let verdict = case.sectors.worst().unwrap_or(Verdict::Ok);
    case.outcome = Outcome::Verdict { verdict };
    Ok(())
}
