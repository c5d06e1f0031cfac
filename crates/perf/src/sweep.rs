// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long it takes to compare a whole device with its cache: the last step of
//! every load.

use crate::bench::{Bench, Setup};
use crate::error::PerfError;
use lab::{ArmImage, Tools};
use proc::Cancel;
use scenario::layout::DATA_OFFSET;
use std::path::Path;
use std::time::{Duration, Instant};
use wire::{Answer, Device, Extent, Op};

/// Of the bcache device, in sectors: what priming has read before there were
/// data below.
const FIRST: u64 = 4 << 11;

/// A request of the filling, in sectors.
const PIECE: u32 = 128;

/// For one sweep on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a sweep took.
#[derive(Clone, Copy, Debug)]
pub struct SweepTime {
    /// Bytes compared.
    pub bytes: u64,
    /// Of these, in the cache.
    pub cached: u64,
    /// From the request to the agent until its answer.
    pub took: Duration,
}

/// Boots once, fills a backing device of `bytes` with data that do not repeat,
/// reads the first quarter into the cache, and times one sweep of the whole
/// device. Afterwards one sector of the disk is changed below the cache: a
/// sweep of its neighbourhood has to find that sector and no other.
///
/// # Errors
/// [`PerfError`]; inconclusive when the first sweep finds a difference, or the
/// second does not find the one that there is.
pub fn sweep(
    arm: &ArmImage,
    tools: &Tools,
    bytes: u64,
    logs: &Path,
    cancel: &Cancel,
) -> Result<SweepTime, PerfError> {
    let setup = Setup::new(512.max(bytes >> 20), bytes >> 20);
    let bench = Bench::start(&setup, arm, tools, logs, cancel)?;
    let mut rng = fastrand::Rng::with_seed(bytes);
    let mut data = vec![0; 1 << 20];
    for sector in (FIRST..bench.sectors).step_by(2048) {
        rng.fill(&mut data);
        let length = (bench.sectors - sector).min(2048) as usize * wire::SECTOR;
        bench.rig.poke("hdd", sector + DATA_OFFSET, &data[..length]);
    }
    let cached = FIRST + bench.sectors / 4;
    let pieces = (FIRST..cached).step_by(PIECE as usize);
    let pieces = pieces.map(|sector| Extent { sector, sectors: PIECE }).collect();
    bench.guest().drive(Device::Bcache, false, pieces)?;
    bench.settle(Duration::from_millis(200))?;
    let (before, began) = (bench.rig.now(), Instant::now());
    let found = compare(&bench, 0, bench.sectors)?;
    let took = began.elapsed();
    if let Some(extent) = found.first() {
        return Err(PerfError::Closed(format!("the sweep found {extent:?}, and nothing differs")));
    }
    // Twice below for what is not in the cache: bcache and the disk itself.
    let below = bench.sectors_read_since(before, "hdd").saturating_sub(bench.sectors);
    let wrong = in_the_cache(&bench, cached)? + 8;
    bench.rig.poke("hdd", wrong + DATA_OFFSET, &[0x5a; wire::SECTOR]);
    let found = compare(&bench, wrong - 8, PIECE.into())?;
    if found != [(Extent { sector: wrong, sectors: 1 })] {
        return Err(PerfError::Closed(format!("a changed sector {wrong}, and found: {found:?}")));
    }
    let cached = bench.sectors.saturating_sub(below) * wire::SECTOR as u64;
    Ok(SweepTime { bytes: bench.sectors * wire::SECTOR as u64, cached, took })
}

/// The first piece below `end` that is served from the cache: a miss that finds
/// no free bucket is not cached.
fn in_the_cache(bench: &Bench<'_>, end: u64) -> Result<u64, PerfError> {
    for sector in (FIRST..end).step_by(PIECE as usize) {
        let before = bench.rig.now();
        bench.guest().drive(Device::Bcache, false, vec![Extent { sector, sectors: PIECE }])?;
        if bench.sectors_read_since(before, "hdd") == 0 {
            return Ok(sector);
        }
    }
    Err(PerfError::Closed("nothing was cached".to_owned()))
}

fn compare(bench: &Bench<'_>, first: u64, sectors: u64) -> Result<Vec<Extent>, PerfError> {
    let pending = bench.vm.start(Op::Compare { first, sectors, data_offset: DATA_OFFSET });
    match pending.wait(PATIENCE, bench.cancel)? {
        Answer::Extents(extents) => Ok(extents),
        other => Err(PerfError::Closed(format!("unexpected answer {other:?}"))),
    }
}
