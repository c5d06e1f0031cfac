// SPDX-License-Identifier: MIT OR Apache-2.0
//! The file of a load scenario: `workloads/scenarios/l*.toml`, with `kind = "load"`.

use super::job::{Bypass, Job, JobText, jobs_of};
use super::plan::{Changes, Cycles, LoadPlan, StampedArea};
use crate::error::{ScenarioError, wrong};
use crate::layout::BUCKET_KIB;
use crate::number::if_within;
use crate::permit::Permits;
use crate::scenario::Scenario;
use crate::setup::{BcacheSetup, CacheMode, Disks};
use evidence::Verdict;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Of a case, in seconds: a week.
const LONGEST_S: u64 = 604_800;

/// A load scenario: a fio job on bcache, counted instead of staged.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoadFile {
    /// `load`.
    #[allow(dead_code, reason = "looked at before the rest is read")]
    kind: String,
    /// `L1`, `L2`..., told apart by what follows: `L1-discard`.
    id: String,
    /// Short name.
    name: String,
    /// One line for tables and help.
    title: String,
    /// What the scenario is after, for reports.
    why: String,
    /// The job in the folder `fio` beside the scenarios': its name without the ending.
    job: String,
    /// Cache mode instead of the job's own.
    cache_mode: Option<CacheMode>,
    /// `writethrough_fua`, where the kernel has it.
    #[serde(default)]
    writethrough_fua: bool,
    /// Way of bypassing instead of the job's own.
    bypass: Option<Bypass>,
    /// Seconds that fio runs for instead of the job's own `runtime`.
    #[serde(default, deserialize_with = "if_within::<1, LONGEST_S, _, _>")]
    #[schemars(range(min = 1, max = LONGEST_S))]
    seconds: Option<u64>,
    /// About how many seconds a case takes, for the estimate; 10 more than fio
    /// runs, when absent.
    #[serde(default, deserialize_with = "if_within::<1, LONGEST_S, _, _>")]
    #[schemars(range(min = 1, max = LONGEST_S))]
    about_s: Option<u64>,
    /// The two virtual disks.
    disks: Disks,
    /// Power cuts under load; without it the job runs once to its end.
    cycles: Option<Cycles>,
    /// What is changed while the load of each cycle goes on.
    changes: Option<Changes>,
    /// Where the agent's own stamped writers work beside fio.
    stamped: Option<StampedArea>,
    /// Expected verdict by arm; `ok` for those that are not named.
    expect: BTreeMap<String, Verdict>,
    /// Causes that a cut may have, by arm; `"*"` stands for every arm.
    #[serde(default)]
    permit: Permits,
    /// Keys that an arm journals for each bypass write; 1 where not named.
    #[serde(default)]
    keys_per_write: BTreeMap<String, usize>,
}

/// Parses a load scenario; `None` for one of another kind. Its job is `given`,
/// or in the folder `fio` beside the scenario's.
pub(crate) fn parse(
    path: &Path,
    text: &str,
    given: Option<&JobText>,
) -> Option<Result<Scenario, ScenarioError>> {
    let kind = toml::from_str::<toml::Table>(text).ok()?.get("kind")?.as_str()?.to_owned();
    Some(parse_kind(path, text, &kind, given))
}

fn parse_kind(
    path: &Path,
    text: &str,
    kind: &str,
    given: Option<&JobText>,
) -> Result<Scenario, ScenarioError> {
    let wrong = |at: Option<usize>, message| wrong(path, text, at.unwrap_or(0), message);
    if kind != "load" {
        let message = format!("kind {kind:?}: it can be \"load\", or absent where there are steps");
        return Err(wrong(text.find("kind"), message));
    }
    let raw: LoadFile = toml::from_str(text)
        .map_err(|error| wrong(error.span().map(|span| span.start), error.message().to_owned()))?;
    let mut job = match given {
        Some(job) if job.name == raw.job => Job::parse(Path::new(""), job)?,
        Some(job) => {
            let message = format!("job {:?}, but given is {:?}", raw.job, job.name);
            return Err(wrong(text.find("job"), message));
        }
        None => Job::load(&jobs_of(path), &raw.job)?,
    };
    job.settings.writethrough_fua |= raw.writethrough_fua;
    if let Some(mode) = raw.cache_mode {
        job.settings.cache_mode = mode;
        if job.bypass == Bypass::Writearound && mode != CacheMode::Writearound {
            job.bypass = Bypass::None;
        }
    }
    job.bypass = raw.bypass.unwrap_or(job.bypass);
    if raw.disks.hdd2.is_some() {
        let why = "a load has one backing device: leave hdd2 out";
        return Err(wrong(text.find("\nhdd2").map(|at| at + 1), why.to_owned()));
    }
    // 1 MiB at the end stays free: data_offset and rounding.
    let room = raw.disks.hdd.mib.saturating_sub(1) << 20;
    if let Some((end, line)) = job.file.farthest().filter(|(end, _)| *end > room) {
        let message = format!(
            "the job reaches {} MiB, but the backing device of {} has {} MiB for it: make \
             disks.hdd larger, or size and offset smaller",
            end.div_ceil(1 << 20),
            path.display(),
            room >> 20,
        );
        return Err(ScenarioError::Syntax { path: job.file.path.clone(), line, message });
    }
    check_cycles(&raw, room).map_err(|(word, message)| wrong(text.find(word), message))?;
    if let Some(why) = raw.seconds.and_then(|_| unused_seconds(&raw, &job)) {
        return Err(wrong(text.find("\nseconds").map(|at| at + 1), why.to_owned()));
    }
    let seconds = raw.seconds.or(job.file.runtime_s());
    let about_s = seconds.unwrap_or(10).min(LONGEST_S) + 10;
    let bcache = BcacheSetup {
        cache_mode: job.settings.cache_mode,
        bucket_kib: BUCKET_KIB,
        flash_mib: None,
        writeback_running: true,
    };
    let identity = format!("{text}\n{}", job.identity());
    Ok(Scenario {
        quick: false,
        restore: false,
        id: raw.id,
        name: raw.name,
        title: raw.title,
        why: raw.why,
        disks: raw.disks,
        bcache,
        blocks: BTreeMap::new(),
        steps: Vec::new(),
        expect: raw.expect,
        path: path.to_owned(),
        hash: blake3::hash(identity.as_bytes()).to_hex().to_string(),
        load: Some(LoadPlan {
            job,
            cycles: raw.cycles,
            changes: raw.changes,
            stamped: raw.stamped,
            permit: raw.permit,
            keys_per_write: raw.keys_per_write,
            seconds,
            about_s: raw.about_s.unwrap_or(about_s),
        }),
    })
}

/// Why `seconds` would say nothing.
fn unused_seconds(raw: &LoadFile, job: &Job) -> Option<&'static str> {
    if raw.cycles.is_some() {
        return Some("with [cycles] a cut ends the job: leave `seconds` out");
    }
    job.file.runtime_s().is_none().then_some("the job has no runtime= that `seconds` could replace")
}

/// The word that finds the line, and what is wrong.
fn check_cycles(raw: &LoadFile, room: u64) -> Result<(), (&'static str, String)> {
    if let Some(arm) = raw.permit.blank_cheque() {
        let why = format!("{arm:?}: \"unknown\" cannot be permitted, it is what has no reason");
        return Err(("[permit]", why));
    }
    if let Some(cycles) = raw.cycles {
        let [least, most] = cycles.events;
        if least == 0 || least > most {
            let why = "events = [LEAST, MOST] with 0 < LEAST <= MOST";
            return Err(("[cycles]", why.to_owned()));
        }
        if raw.stamped.is_none() {
            let why = "[cycles] needs [stamped]: what fio wrote is not known after a cut";
            return Err(("[cycles]", why.to_owned()));
        }
    }
    if let Some(changes) = &raw.changes
        && (raw.cycles.is_none() || changes.what.is_empty())
    {
        let why = "[changes] names at least one in `what`, and needs [cycles]";
        return Err(("[changes]", why.to_owned()));
    }
    let Some(area) = raw.stamped else { return Ok(()) };
    let fits = (area.sector + area.sectors) * 512 <= room;
    let whole = area.sectors.is_multiple_of(u64::from(area.write_sectors));
    if fits && whole {
        return Ok(());
    }
    let why = format!(
        "the area must end before sector {}, and be a multiple of write_sectors",
        room / 512
    );
    Err(("[stamped]", why))
}
