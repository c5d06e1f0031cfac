// SPDX-License-Identifier: MIT OR Apache-2.0
//! Load scenarios as data: `workloads/scenarios/l*.toml`, with `kind = "load"`.

use super::job::{Bypass, Job, JobText, jobs_of};
use crate::error::ScenarioError;
use crate::layout::BUCKET_KIB;
use crate::permit::Permits;
use crate::scenario::Scenario;
use crate::setup::{BcacheSetup, CacheMode, Disks};
use crate::step::{CutKind, OpenWrites};
use evidence::Verdict;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What a load scenario has instead of steps.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// The fio job.
    pub job: Job,
    /// Power cuts under load; `None`: the job runs once to its end.
    pub cycles: Option<Cycles>,
    /// Where the agent's own stamped writers work beside fio.
    pub stamped: Option<StampedArea>,
    /// What a cut may leave, by cause and arm.
    pub permit: Permits,
    /// Keys that an arm journals for each bypass write; 1 where not named.
    pub keys_per_write: BTreeMap<String, usize>,
    /// About how long a case takes, in seconds, for the estimate that is
    /// printed before the first one has shown it.
    pub about_s: u64,
}

/// Load, cut, boot, judge, and on with the same disks.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cycles {
    /// How many.
    pub count: u32,
    /// Events of the disks' common sequence after which the power goes, from
    /// the start of the load: at least and at most; the seed chooses.
    pub events: [u64; 2],
    /// What is lost.
    #[serde(default = "power")]
    pub kind: CutKind,
    /// What becomes of writes that the crash model leaves open.
    #[serde(default)]
    pub open: OpenWrites,
    /// Milliseconds from one flush to the next.
    #[serde(default = "often")]
    pub flush_every_ms: u64,
    /// Go on for so long, whatever `count` says; from the command line.
    #[serde(skip)]
    pub hours: Option<f64>,
}

fn power() -> CutKind {
    CutKind::Power
}

fn often() -> u64 {
    300
}

/// An area that only the agent's stamped writers write to, in 512 B sectors
/// of the bcache device.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StampedArea {
    /// First sector.
    pub sector: u64,
    /// Length.
    pub sectors: u64,
    /// Length of each write.
    pub write_sectors: u32,
    /// Writes in flight at once.
    pub depth: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[allow(dead_code)]
    kind: String,
    id: String,
    name: String,
    title: String,
    why: String,
    job: String,
    /// Instead of the job's own.
    cache_mode: Option<CacheMode>,
    /// Instead of the job's own.
    bypass: Option<Bypass>,
    about_s: Option<u64>,
    disks: Disks,
    cycles: Option<Cycles>,
    stamped: Option<StampedArea>,
    expect: BTreeMap<String, Verdict>,
    #[serde(default)]
    permit: Permits,
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
    let wrong = |at: Option<usize>, message: String| ScenarioError::Syntax {
        path: path.to_owned(),
        line: at.map_or(1, |at| text[..at.min(text.len())].matches('\n').count() + 1),
        message,
    };
    if kind != "load" {
        let message = format!("kind {kind:?}: it can be \"load\", or absent where there are steps");
        return Err(wrong(text.find("kind"), message));
    }
    let raw: Raw = toml::from_str(text)
        .map_err(|error| wrong(error.span().map(|span| span.start), error.message().to_owned()))?;
    let mut job = match given {
        Some(job) if job.name == raw.job => Job::parse(Path::new(""), job)?,
        Some(job) => {
            let message = format!("job {:?}, but given is {:?}", raw.job, job.name);
            return Err(wrong(text.find("job"), message));
        }
        None => Job::load(&jobs_of(path), &raw.job)?,
    };
    if let Some(mode) = raw.cache_mode {
        job.settings.cache_mode = mode;
        if job.bypass == Bypass::Writearound && mode != CacheMode::Writearound {
            job.bypass = Bypass::None;
        }
    }
    job.bypass = raw.bypass.unwrap_or(job.bypass);
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
    let runtime = job.file.runtime_s().unwrap_or(10);
    let bcache = BcacheSetup {
        cache_mode: job.settings.cache_mode,
        bucket_kib: BUCKET_KIB,
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
        hash: blake3::hash(identity.as_bytes()).to_hex().to_string(),
        load: Some(LoadPlan {
            job,
            cycles: raw.cycles,
            stamped: raw.stamped,
            permit: raw.permit,
            keys_per_write: raw.keys_per_write,
            about_s: raw.about_s.unwrap_or(runtime + 10),
        }),
    })
}

/// The word that finds the line, and what is wrong.
fn check_cycles(raw: &Raw, room: u64) -> Result<(), (&'static str, String)> {
    if let Some(arm) = raw.permit.blank_cheque() {
        let why = format!("{arm:?}: \"unknown\" cannot be permitted, it is what has no reason");
        return Err(("[permit]", why));
    }
    if let Some(cycles) = raw.cycles {
        let [least, most] = cycles.events;
        if cycles.count == 0 || least == 0 || least > most {
            let why = "count must be at least 1, events = [LEAST, MOST] with 0 < LEAST <= MOST";
            return Err(("[cycles]", why.to_owned()));
        }
        if raw.stamped.is_none() {
            let why = "[cycles] needs [stamped]: what fio wrote is not known after a cut";
            return Err(("[cycles]", why.to_owned()));
        }
    }
    let Some(area) = raw.stamped else { return Ok(()) };
    let fits = (area.sector + area.sectors) * 512 <= room;
    let whole = area.write_sectors > 0
        && area.sectors >= u64::from(area.write_sectors)
        && area.sectors.is_multiple_of(u64::from(area.write_sectors));
    if fits && whole && area.depth > 0 {
        return Ok(());
    }
    let why = format!(
        "the area must end before sector {}, and be a multiple of write_sectors; depth at least 1",
        room / 512
    );
    Err(("[stamped]", why))
}
