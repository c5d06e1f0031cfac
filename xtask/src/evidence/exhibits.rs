// SPDX-License-Identifier: MIT OR Apache-2.0
//! Time lines and consoles, for those cases that a reader opens first.

use crate::runs::StoredRun;
use ::evidence::{Case, Exhibits, RunRecord};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A console that a report shows is short, in bytes.
const CONSOLE: usize = 4096;

/// Logs that a report reads at most; they have megabytes each.
const MOST: usize = 160;

/// Of each arm, scenario and outcome, the first attempt. A case without logs
/// (published, or moved) has none; that is no error.
pub fn collect(gathered: &RunRecord, runs: &[StoredRun]) -> Exhibits {
    let mut seen = BTreeSet::new();
    let mut chosen: Vec<(&Path, &Case)> = Vec::new();
    for case in &gathered.cases {
        let key = (&case.arm, &case.scenario, ::evidence::cell(&[case], 1));
        if chosen.len() < MOST
            && let Some(dir) = home(case, runs)
            && seen.insert(key)
        {
            chosen.push((dir, case));
        }
    }
    let exhibits = Mutex::new(Exhibits::default());
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((dir, case)) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    add(dir, case, &exhibits);
                }
            });
        }
    });
    exhibits.into_inner().unwrap_or_default()
}

/// The folder that the case's paths are relative to.
fn home<'a>(case: &Case, runs: &'a [StoredRun]) -> Option<&'a Path> {
    if let [only] = runs {
        return Some(&only.dir);
    }
    // Gathered records put the run's id before the path.
    let events = case.files.get("events")?;
    let (id, _) = events.split_once('/')?;
    let run = runs.iter().find(|run| run.record.run_id == id)?;
    (run.dir.file_name()? == id).then(|| run.dir.parent()).flatten()
}

fn add(dir: &Path, case: &Case, exhibits: &Mutex<Exhibits>) {
    let line = case.file(dir, "events").and_then(|path| judge::timeline(case, &path, None).ok());
    let console = case.file(dir, "logs").and_then(|logs| last_console(&logs));
    if let Ok(mut exhibits) = exhibits.lock() {
        if let Some(line) = line {
            exhibits.timelines.insert(case.id.clone(), line);
        }
        if let Some(console) = console {
            exhibits.consoles.insert(case.id.clone(), console);
        }
    }
}

/// The end of the console of the last boot.
fn last_console(logs: &Path) -> Option<String> {
    let boots = std::fs::read_dir(logs).ok()?.flatten().map(|entry| entry.path());
    let last = boots.filter(|path| path.join("console.log").is_file()).max()?;
    let bytes = std::fs::read(last.join("console.log")).ok()?;
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(CONSOLE)..]).into_owned();
    Some(text.replace('\r', ""))
}
