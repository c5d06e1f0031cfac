// SPDX-License-Identifier: MIT OR Apache-2.0
//! Instructions per request, counted inside QEMU: the same on a busy machine
//! as on a quiet one.
//!
//! The guest has one processor, and requests go one after the other. What is
//! counted is the kernel's code from the first request until the disks are
//! quiet again, journal and btree work included; waiting is not work, so the
//! idle loop and the clock's ticks are left out.

use crate::bench::{Bench, Setup, Traffic};
use crate::error::PerfError;
use crate::figure::Figure;
use crate::profile::{Counts, Profile, Symbols};
use crate::random::Blocks;
use crate::work::Work;
use lab::{ArmImage, Tools, bcache};
use proc::{Cancel, Scratch};
use scenario::{CacheMode, Volume};
use std::path::{Path, PathBuf};
use std::time::Duration;
use wire::{Device, Extent};

/// Longer than the journal's delay of 100 ms.
const QUIET: Duration = Duration::from_millis(200);

/// What one kind of request has cost.
#[derive(Clone, Debug)]
pub struct Cost {
    /// The request.
    pub work: Work,
    /// How many there were.
    pub requests: u64,
    /// Kernel instructions per request, without waiting.
    pub instructions: f64,
    /// Of these, in bcache and the tracker.
    pub in_bcache: f64,
    /// Of these, in the tracker alone, without what calls it.
    pub in_tracker: f64,
    /// Journal entries written per request.
    pub journal_writes: f64,
    /// Bytes of the journal per request.
    pub journal_bytes: f64,
    /// Flushes of the cache device per request, FUA writes included.
    pub ssd_flushes: f64,
    /// The same of the backing device.
    pub hdd_flushes: f64,
    /// By function, of all requests together.
    pub profile: Profile,
}

impl Cost {
    /// As figures of one boot.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let mut figures = Vec::new();
        let mut add = |metric, unit, value| {
            let workload = self.work.name();
            figures.push(Figure { metric, unit, higher_is_better: false, workload, value });
        };
        add("instructions", "instructions", self.instructions);
        add("instructions-bcache", "instructions", self.in_bcache);
        if self.in_tracker > 0.0 {
            add("instructions-tracker", "instructions", self.in_tracker);
        }
        if self.work.writes() {
            add("journal-writes", "1/write", self.journal_writes);
            add("journal-bytes", "bytes/write", self.journal_bytes);
        }
        if let Work::Mode(..) = self.work {
            add("ssd-flushes", "1/write", self.ssd_flushes);
            add("hdd-flushes", "1/write", self.hdd_flushes);
        }
        figures
    }
}

/// How to count.
#[derive(Clone, Debug)]
pub struct Counting {
    /// The plugin.
    pub plugin: PathBuf,
    /// Requests of each kind.
    pub requests: u32,
    /// Decides which blocks are asked for.
    pub seed: u64,
    /// Files of bcache in sysfs that are written before: name and value.
    pub attributes: Vec<(String, String)>,
}

/// Boots once and counts each of `works`.
///
/// # Errors
/// [`PerfError`]; inconclusive when the requests were not what they should be
/// (a miss that hit, a write that did not reach the backing device).
pub fn count(
    arm: &ArmImage,
    tools: &Tools,
    how: &Counting,
    works: &[Work],
    logs: &Path,
    cancel: &Cancel,
) -> Result<Vec<Cost>, PerfError> {
    let symbols = Symbols::load(&arm.kernel)?;
    // In memory: QEMU writes it with every block of code that it enters.
    let memory = Scratch::new_in(Path::new("/dev/shm"), "bclab-")
        .or_else(|_| Scratch::new("bclab-"))
        .map_err(PerfError::io(Path::new("/dev/shm")))?;
    let counts = memory.path().join("counts");
    let plugin = format!("file={},out={}", comma(&how.plugin), comma(&counts));
    let qemu_extra = vec!["-plugin".to_owned(), plugin];
    let mut setup = Setup { cpus: 1, qemu_extra, ..Setup::default() };
    let modes = works.iter().any(|work| matches!(work, Work::Mode(..)));
    if modes {
        (setup.disks.ssd.volatile_cache, setup.disks.hdd.volatile_cache) = (true, true);
    }
    let bench = Bench::start(&setup, arm, tools, logs, cancel)?;
    bench.set(&how.attributes)?;
    if modes {
        bench.write_back_at_once()?;
    }
    let mut blocks = Blocks::new(bench.sectors, how.seed);
    let mut costs = Vec::new();
    for &work in works {
        bcache::set_cache_mode(&bench.guest(), &[Volume::Hdd], work.mode())?;
        // What runs for the first time (allocations, lazy patching) is not
        // what a request costs.
        run(&bench, work, blocks.take(how.requests / 4 + 1))?;
        let extents = blocks.take(how.requests);
        if work.cached() {
            run(&bench, Work::ReadMiss, extents.clone())?;
        }
        let before = (Counts::read(&counts)?, bench.rig.now());
        run(&bench, work, extents)?;
        let after = Counts::read(&counts)?;
        let traffic = bench.traffic_since(before.1);
        check(work, how.requests, traffic)?;
        let profile = after.since(&before.0, &symbols);
        costs.push(cost(work, how.requests, profile, traffic));
    }
    Ok(costs)
}

/// A comma ends an option's value unless it is doubled.
fn comma(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

fn run(bench: &Bench<'_>, work: Work, extents: Vec<Extent>) -> Result<(), PerfError> {
    bench.guest().drive(Device::Bcache, work.writes(), extents)?;
    if work.mode() == CacheMode::Writeback {
        // The superblock that says dirty is written beside the data.
        bench.settle(QUIET)?;
        bench.await_clean()?;
    }
    bench.settle(QUIET)
}

/// Whether the requests were what they are called.
fn check(work: Work, requests: u32, traffic: Traffic) -> Result<(), PerfError> {
    let wanted = u64::from(requests);
    let seen = if work.writes() { traffic.hdd_writes } else { traffic.hdd_reads };
    let expected = if work == Work::ReadHit { 0 } else { wanted };
    // What is written back may be joined with its neighbours.
    let joined = work.mode() == CacheMode::Writeback && (1..wanted).contains(&seen);
    if seen == expected || joined {
        return Ok(());
    }
    Err(PerfError::Closed(format!(
        "of {wanted} requests of {}, {seen} came to the backing device, not {expected}",
        work.name()
    )))
}

fn cost(work: Work, requests: u32, profile: Profile, traffic: Traffic) -> Cost {
    let per = |count: u64| count as f64 / f64::from(requests);
    Cost {
        work,
        requests: requests.into(),
        instructions: per(profile.of(|name| !is_waiting(name))),
        in_bcache: per(profile.of(is_bcache)),
        in_tracker: per(profile.of(is_tracker)),
        journal_writes: per(traffic.journal_writes),
        journal_bytes: per(traffic.journal_bytes),
        ssd_flushes: per(traffic.ssd_flushes),
        hdd_flushes: per(traffic.hdd_flushes),
        profile,
    }
}

/// The idle loop and the clock: how often they run depends on the disks'
/// speed, not on the kernel under test.
fn is_waiting(name: &str) -> bool {
    const WAITING: [&str; 12] = [
        "default_idle",
        "do_idle",
        "cpuidle",
        "tick_",
        "hrtimer",
        "timekeeping",
        "ktime_get",
        "clockevents",
        "lapic",
        "menu_",
        "rcu_",
        "sched_clock",
    ];
    WAITING.iter().any(|part| name.contains(part))
}

/// bcache's functions: by their names, as they have no section of their own.
fn is_bcache(name: &str) -> bool {
    const BCACHE: [&str; 10] = [
        "bch_",
        "bcache",
        "cached_dev",
        "btree_",
        "journal_",
        "inflight",
        "bkey",
        "bset",
        "closure",
        "keylist",
    ];
    is_tracker(name) || BCACHE.iter().any(|part| name.contains(part))
}

/// The tracker's functions, in C (`bch_inflight_record`) or in Rust (mangled,
/// with the length of the module's name before it), and the calls that atomics
/// are in Rust (`rust/helpers/atomic.c`), which nobody else makes in these
/// kernels; the block layer has an "inflight" of its own.
fn is_tracker(name: &str) -> bool {
    name.starts_with("bch_inflight_")
        || name.contains("8inflight")
        || name.starts_with("rust_helper_atomic")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_layer_is_not_the_tracker() {
        assert!(is_tracker("bch_inflight_record"));
        assert!(is_tracker("_RNvNtCs8cY5pgMTPKc_8inflight14inflight_table5level5scale"));
        assert!(is_tracker("rust_helper_atomic64_try_cmpxchg"));
        assert!(is_bcache("rust_helper_atomic64_try_cmpxchg"));
        assert!(!is_tracker("bdev_count_inflight") && !is_tracker("atomic64_set"));
        assert!(is_bcache("cached_dev_submit_bio") && !is_bcache("blk_mq_submit_bio"));
    }

    #[test]
    fn a_miss_that_hit_is_no_measurement() {
        let seen = |hdd_reads, hdd_writes| Traffic { hdd_reads, hdd_writes, ..Traffic::default() };
        assert!(check(Work::ReadMiss, 10, seen(10, 0)).is_ok());
        assert!(check(Work::ReadMiss, 10, seen(9, 0)).is_err());
        assert!(check(Work::ReadHit, 10, seen(1, 0)).is_err());
        assert!(check(Work::BypassWrite, 10, seen(0, 9)).is_err());
        let mode = |mode| Work::Mode(mode, false);
        assert!(check(mode(CacheMode::Writethrough), 10, seen(0, 9)).is_err());
        assert!(check(mode(CacheMode::Writeback), 10, seen(0, 9)).is_ok());
        assert!(check(mode(CacheMode::Writeback), 10, seen(0, 0)).is_err());
    }
}
