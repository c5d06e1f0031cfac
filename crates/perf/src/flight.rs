// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many bypass writes in flight at once, standing still: what the tracker
//! needs for them, and which cache fills it prevents.

use crate::bench::{Bench, Setup};
use crate::error::PerfError;
use crate::random::Blocks;
use evidence::{HitPoint, MemoryPoint};
use lab::{ArmImage, Tools};
use proc::Cancel;
use std::path::Path;
use std::time::{Duration, Instant};
use vm::Pending;
use wire::{Device, Extent, Op};

/// Longer than the journal's delay of 100 ms.
const QUIET: Duration = Duration::from_millis(200);

/// For a thousand threads to start in an emulated guest on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes of a write.
const WRITE_BYTES: u64 = 4096;

/// virtio-blk has 512 requests per queue and a queue per processor: with four,
/// a thousand writes that wait leave room for reads.
fn setup(hdd_bytes: u64) -> Setup {
    Setup { cpus: 4, ..Setup::new(512, hdd_bytes >> 20) }
}

/// Starts `extents.len()` writes that do not arrive, and waits until all of
/// them are in flight.
fn send(bench: &Bench<'_>, extents: Vec<Extent>, first_seq: u64) -> Result<Pending, PerfError> {
    let wanted = extents.len() as u64;
    let depth = u32::try_from(extents.len()).unwrap_or(u32::MAX);
    bench.vm.hold_back_writes("hdd", true)?;
    // The first write passes; from then on they wait.
    let lone = vec![Extent { sector: bench.sectors - 64, sectors: 8 }];
    bench.guest().drive(Device::Bcache, true, lone)?;
    let (device, fua, writer, run) = (Device::Bcache, false, 0, 1);
    let pending = bench.vm.start(Op::Write { device, extents, run, first_seq, writer, fua, depth });
    let end = Instant::now() + PATIENCE;
    loop {
        bench.cancel.check()?;
        let in_flight = match bench.number("inflight_writes")? {
            Some(tracked) => tracked,
            // No tracker: what the guest has handed to its kernel.
            None => pending.progress().issued.into(),
        };
        if in_flight == wanted {
            break;
        }
        if Instant::now() > end {
            let why = format!("{in_flight} of {wanted} writes came to be in flight");
            return Err(PerfError::Closed(why));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // Their invalidations, too.
    bench.settle(QUIET)?;
    if pending.progress().acked.is_empty() {
        return Ok(pending);
    }
    Err(PerfError::Closed("a write that was to wait has completed".to_owned()))
}

/// Lets them go and waits for all of them.
fn release(bench: &Bench<'_>, pending: &Pending) -> Result<(), PerfError> {
    bench.vm.hold_back_writes("hdd", false)?;
    pending.wait(PATIENCE, bench.cancel)?;
    bench.settle(QUIET)
}

/// Unreclaimable slab memory of the guest, in bytes.
fn slab(bench: &Bench<'_>) -> Result<u64, PerfError> {
    let text = bench.guest().read_file("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("SUnreclaim:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| PerfError::Closed("no SUnreclaim in the guest's meminfo".to_owned()))
}

/// The tracker's memory beside a sparse backing device of `device_bytes`, idle
/// and with `in_flight` random writes of 4 KiB in flight.
///
/// # Errors
/// [`PerfError`].
pub fn memory(
    arm: &ArmImage,
    tools: &Tools,
    device_bytes: u64,
    in_flight: u32,
    seed: u64,
    logs: &Path,
    cancel: &Cancel,
) -> Result<MemoryPoint, PerfError> {
    let bench = Bench::start(&setup(device_bytes), arm, tools, logs, cancel)?;
    let fresh = bench.number("inflight_bytes")?.unwrap_or(0);
    // Twice, as the second time finds the slabs of everything else that a
    // write in flight needs as they will stay.
    let before = slab(&bench)?;
    let mut blocks = Blocks::new(bench.sectors, seed);
    let (mut peak, mut idle, mut growth) = (0, fresh, 0);
    for round in 0..2_u64 {
        let pending = send(&bench, blocks.take(in_flight), 1 + round * u64::from(in_flight))?;
        peak = peak.max(bench.number("inflight_bytes")?.unwrap_or(0));
        growth = slab(&bench)?.saturating_sub(before);
        release(&bench, &pending)?;
        idle = idle.max(bench.number("inflight_bytes")?.unwrap_or(0));
    }
    Ok(MemoryPoint {
        arm: arm.name.clone(),
        device_bytes,
        idle_bytes: idle,
        peak_bytes: peak,
        in_flight: in_flight.into(),
        slab_growth_bytes: Some(growth),
    })
}

/// Reads per placement of the writes.
const READS: u32 = 250;

/// Where the writes and reads of [`hit_ratio`] go.
#[derive(Clone, Copy, Debug)]
pub struct Placement {
    /// Size of the backing device.
    pub device_bytes: u64,
    /// Random writes of 4 KiB in flight.
    pub in_flight: u32,
    /// How often they are placed anew.
    pub placements: u32,
    /// Decides the places.
    pub seed: u64,
}

/// Misses that overlap no write in flight: how many are kept out of the cache
/// all the same. For each placement of the writes,
/// the same reads are made twice, and the disks tell how
/// many of the second round still came from the backing device.
///
/// # Errors
/// [`PerfError`]; inconclusive when a first read was no miss.
pub fn hit_ratio(
    arm: &ArmImage,
    tools: &Tools,
    how: &Placement,
    logs: &Path,
    cancel: &Cancel,
) -> Result<HitPoint, PerfError> {
    let Placement { device_bytes, in_flight, placements, seed } = *how;
    let bench = Bench::start(&setup(device_bytes), arm, tools, logs, cancel)?;
    let mut blocks = Blocks::new(bench.sectors, seed);
    let skipped = || -> Result<u64, PerfError> {
        let exact = bench.number("inflight_skipped_exact")?.unwrap_or(0);
        Ok(exact + bench.number("inflight_skipped_possible")?.unwrap_or(0))
    };
    let (mut misses, mut needless, mut again) = (0, 0, 0);
    for placement in 0..placements {
        let first_seq = 1 + u64::from(placement) * u64::from(in_flight);
        bench.prime()?;
        let pending = send(&bench, blocks.take(in_flight), first_seq)?;
        let reads = blocks.take(READS);
        let (before, at) = (skipped()?, bench.rig.now());
        bench.guest().drive(Device::Bcache, false, reads.clone())?;
        bench.settle(QUIET)?;
        let served = bench.traffic_since(at).hdd_reads;
        if served != u64::from(READS) {
            return Err(PerfError::Closed(format!("only {served} of {READS} reads missed")));
        }
        misses += served;
        needless += skipped()? - before;
        let at = bench.rig.now();
        bench.guest().drive(Device::Bcache, false, reads)?;
        bench.settle(QUIET)?;
        again += bench.traffic_since(at).hdd_reads;
        release(&bench, &pending)?;
    }
    Ok(HitPoint {
        arm: arm.name.clone(),
        device_bytes,
        in_flight: in_flight.into(),
        write_bytes: WRITE_BYTES,
        misses,
        skipped_needlessly: needless,
        hit_ratio: Some(1.0 - again as f64 / misses as f64),
    })
}
