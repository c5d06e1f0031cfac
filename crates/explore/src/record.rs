// SPDX-License-Identifier: MIT OR Apache-2.0
//! The run that is to be taken apart: a scenario up to its first cut.

use crate::error::ExploreError;
use crate::spec::Spec;
use judge::Recording;
use lab::session::{Session, disk_trouble};
use lab::{Machine, Stop, complaint};
use proc::Cancel;
use scenario::{Action, Volume};
use std::path::{Path, PathBuf};
use std::time::Duration;
use vdisk::{CutKind, Policy};
use wire::Device;

/// Attempts at a recording whose window stays closed: a busy machine can
/// spoil one.
const ATTEMPTS: u64 = 3;

/// Where the event log is.
#[must_use]
pub fn events(dir: &Path) -> PathBuf {
    dir.join("events")
}

/// The recording in `dir`, if it is there and of the same thing.
pub(crate) fn load(dir: &Path, spec: &Spec<'_>) -> Result<Option<Recording>, ExploreError> {
    let path = dir.join("recording.json");
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ExploreError::io(&path)(error)),
    };
    let another = |what| ExploreError::Another { path: dir.to_owned(), what };
    let found: Recording =
        serde_json::from_slice(&text).map_err(|_| another("an unreadable recording"))?;
    let differs = [
        ("another arm", found.arm != spec.arm.name),
        ("another kernel", found.kernel != spec.arm.kernel),
        ("another scenario", found.scenario_hash != spec.scenario.hash),
        ("another seed", found.seed != spec.seed),
    ];
    match differs.iter().find(|(_, differs)| *differs) {
        Some((what, _)) => Err(another(what)),
        None => Ok(Some(found)),
    }
}

/// Plays the scenario's steps up to the first cut, or up to the judgement.
pub(crate) fn make(
    dir: &Path,
    spec: &Spec<'_>,
    on_step: &dyn Fn(String),
    cancel: &Cancel,
) -> Result<Recording, ExploreError> {
    for number in 1.. {
        match attempt(dir, spec, on_step, cancel) {
            Err(Stop::Closed(why)) if number < ATTEMPTS => {
                on_step(format!("{why}; once more"));
            }
            Ok(recording) => {
                let path = dir.join("recording.json");
                let text = serde_json::to_vec(&recording).unwrap_or_default();
                std::fs::write(&path, text).map_err(ExploreError::io(&path))?;
                return Ok(recording);
            }
            Err(other) => return Err(other.into()),
        }
    }
    Err(ExploreError::Closed("no attempt was made".to_owned()))
}

/// Disks as the scenario wants them, and a guest as its kernel's configuration does.
fn machine(logs: &Path, spec: &Spec<'_>) -> Result<Machine, Stop> {
    let guest = spec.tools.guest(&spec.arm.kernel, logs.to_owned());
    Machine::new(guest, spec.tools, &spec.scenario.disks).map_err(disk_trouble)
}

fn attempt(
    dir: &Path,
    spec: &Spec<'_>,
    on_step: &dyn Fn(String),
    cancel: &Cancel,
) -> Result<Recording, Stop> {
    let (tools, logs) = (spec.tools, dir.join("recording"));
    // An attempt that failed has left its consoles.
    let _ = std::fs::remove_dir_all(&logs);
    std::fs::create_dir_all(&logs).map_err(disk_trouble)?;
    let machine = machine(&logs, spec)?;
    let (failing, set_up) = (tools.failing(spec.arm), logs.join("set-up-events"));
    let mut session = Session::start(spec.scenario, machine, failing, spec.seed, &set_up, cancel)?;
    // What make-bcache and registering wrote is settled before the log
    // that counts begins: cuts during formatting are not what we are after.
    session.guest()?.flush(Device::Ssd, 0)?;
    for (of, _) in Volume::backed(&session.volumes) {
        session.guest()?.flush(Device::Hdd, of.number())?;
    }
    session.settle(Duration::from_millis(300))?;
    session.rig.log_to(&events(dir)).map_err(disk_trouble)?;
    for step in &spec.scenario.steps {
        if matches!(step.action, Action::Cut(_) | Action::Boot(_) | Action::Judge(_)) {
            break;
        }
        on_step(step.describe());
        session.step(step)?;
    }
    session.judge_failures()?;
    session.power_off(CutKind::Power, Policy::DropAll);
    complaint::none(&logs, tools)?;
    session.rig.flush_log().map_err(disk_trouble)?;
    Ok(Recording {
        arm: spec.arm.name.clone(),
        kernel: spec.arm.kernel.clone(),
        scenario: spec.scenario.id.clone(),
        scenario_hash: spec.scenario.hash.clone(),
        seed: spec.seed,
        run: session.testimony.run,
        versions: session.named.versions.iter().map(|(name, seq)| (*seq, name.clone())).collect(),
        history: std::mem::take(&mut session.testimony.history),
        opportunities: session
            .notes
            .opportunities
            .iter()
            .map(|proof| format!("{}: {}", proof.claim, proof.detail))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::tests::is_booted_as_configured;

    #[test]
    fn a_kernel_that_checks_itself_is_recorded_as_its_configuration_says() {
        is_booted_as_configured(|spec| machine(Path::new("logs"), spec).unwrap().config);
    }
}
