// SPDX-License-Identifier: MIT OR Apache-2.0
//! A place where crash states are tried: two disks of its own, and a machine
//! from the saved one for each state.

use crate::record::{machine, sockets};
use crate::search::Spec;
use judge::oracle::Readback;
use judge::ranges;
use lab::Stop;
use lab::bcache;
use lab::guest::Guest;
use lab::session::disk_trouble;
use proc::Cancel;
use scenario::CacheMode;
use scenario::layout;
use std::path::Path;
use std::time::Duration;
use vdisk::crash::CrashState;
use vdisk::{DiskSpec, Profile, Rig};
use vm::{Backend, Vm, VmConfig, VmDisk};
use wire::{Content, Device, Extent, Run};

/// Ranges closer than this (sectors) are read in one request.
const GAP: u64 = 64;
/// Longest request (sectors).
const PIECE: u64 = 2048;

/// How the kernel's lines about bcache begin.
const BCACHE_SAYS: &str = "bcache: ";

/// How to start the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'a> {
    /// From the saved one.
    Saved(&'a Path),
    /// From nothing; then the whole device is compared, too.
    Cold,
}

/// Disks and a configuration; no machine runs between two states.
pub struct Station<'a> {
    rig: Rig,
    config: VmConfig,
    ranges: Vec<Extent>,
    run: u64,
    cancel: &'a Cancel,
    // Goes last: the rig's sockets are in it.
    _sockets: proc::Scratch,
}

impl<'a> Station<'a> {
    /// `touched` are the ranges of the bcache device to read back (first
    /// sector and end), `run` the number in the recording's stamps.
    pub fn new(
        spec: &Spec<'_>,
        logs: &Path,
        touched: &[(u64, u64)],
        run: u64,
        cancel: &'a Cancel,
    ) -> Result<Self, Stop> {
        let sockets = sockets()?;
        let disks = spec.scenario.disks;
        let disk = |name: &str, mib: u64| DiskSpec {
            name: name.to_owned(),
            sectors: mib * 2048,
            volatile_cache: false,
            profile: Profile::none(),
        };
        let specs = vec![disk("ssd", disks.ssd.mib), disk("hdd", disks.hdd.mib)];
        let rig = Rig::new(sockets.path(), specs).map_err(disk_trouble)?;
        let disks = ["ssd", "hdd"].map(|name| VmDisk::new(name, Backend::Nbd(rig.socket(name))));
        let config = VmConfig { disks: disks.into(), ..machine(spec, logs) };
        Ok(Self { rig, config, ranges: pieces(touched), run, cancel, _sockets: sockets })
    }

    /// Boots on blank disks and saves the machine before bcache is registered.
    pub fn save(&self, path: &Path) -> Result<(), Stop> {
        let vm = Vm::boot(&self.config, self.cancel)?;
        Ok(vm.save(path, self.cancel)?)
    }

    /// Boots on a state, registers bcache and reads everything back.
    pub fn observe(&self, state: &CrashState, start: Start<'_>) -> Result<Readback, Stop> {
        self.rig.restore(&state.snapshot());
        self.rig.power_on();
        let vm = match start {
            Start::Saved(path) => Vm::restore(&self.config, path, self.cancel)?,
            Start::Cold => Vm::boot(&self.config, self.cancel)?,
        };
        let guest = Guest::new(&vm, self.cancel);
        bcache::register(&guest).map_err(|error| {
            let mut stop = Stop::from(error);
            if let Stop::Trouble(trouble) = &mut stop
                && !trouble.console_tail.contains(BCACHE_SAYS)
            {
                trouble.console_tail = why(&vm);
            }
            stop
        })?;
        // Hits are still hits, and reading changes nothing.
        bcache::set_cache_mode(&guest, CacheMode::None)?;
        let front = guest.read(Device::Bcache, self.ranges.clone(), 0)?;
        let dirty = bcache::state(&guest)? != "clean";
        let back = self.backing();
        let mut differing = differing(&front, &back);
        if start == Start::Cold {
            let size = guest.size(Device::Bcache)?;
            differing = guest.compare(0, size, layout::DATA_OFFSET)?;
        }
        vm.kill();
        Ok(Readback { run: self.run, bcache: front, backing: back, differing, clean: !dirty })
    }

    /// The backing device needs no guest: it is ours.
    fn backing(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        for range in &self.ranges {
            let mut bytes = vec![0; range.sectors as usize * wire::SECTOR];
            self.rig.read("hdd", range.sector + layout::DATA_OFFSET, &mut bytes);
            runs.extend(wire::classify_all(&bytes, range.sector));
        }
        runs
    }
}

/// The console's end, once bcache has said why it refuses a disk: its lines
/// can arrive after the agent's answer.
fn why(vm: &Vm) -> String {
    for _ in 0..20 {
        let tail = vm.console_tail();
        if tail.contains(BCACHE_SAYS) {
            return tail;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    vm.console_tail()
}

/// Joins what is close and cuts what is long.
fn pieces(touched: &[(u64, u64)]) -> Vec<Extent> {
    ranges::pieces(ranges::joined(touched.to_vec(), GAP), PIECE)
}

/// One sector after the other.
fn sectors(runs: &[Run]) -> impl Iterator<Item = (u64, Content)> + '_ {
    runs.iter().flat_map(|run| {
        (0..run.sectors).map(move |n| {
            let content = match run.content {
                Content::Misplaced { run: of, seq, writer, sector } => {
                    Content::Misplaced { run: of, seq, writer, sector: sector + n }
                }
                other => other,
            };
            (run.first + n, content)
        })
    })
}

/// Where two readings of the same ranges differ. A stamp stands for its
/// sector's bytes; what is torn or foreign is bad on its own.
fn differing(front: &[Run], back: &[Run]) -> Vec<Extent> {
    let pairs = sectors(front).zip(sectors(back));
    let differs = pairs.filter(|((at, front), (also, back))| at != also || front != back);
    differs.map(|((sector, _), _)| Extent { sector, sectors: 1 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_read_together_and_long_ranges_in_pieces() {
        let read = pieces(&[(5000, 5008), (0, 8), (16, 24), (8192, 8192 + 3000)]);
        let shape: Vec<_> = read.iter().map(|e| (e.sector, e.sectors)).collect();
        assert_eq!(shape, [(0, 24), (5000, 8), (8192, 2048), (10240, 952)]);
    }

    #[test]
    fn differences_are_found_by_sector_whatever_the_runs() {
        let blank = |first, sectors| Run { first, sectors, content: Content::Blank };
        let stamped = |first, sectors, seq| Run {
            first,
            sectors,
            content: Content::Stamped { run: 1, seq, writer: 0 },
        };
        let front = [blank(0, 4), stamped(4, 4, 1)];
        let back = [blank(0, 2), blank(2, 2), stamped(4, 2, 1), stamped(6, 2, 2)];
        let found: Vec<u64> = differing(&front, &back).iter().map(|e| e.sector).collect();
        assert_eq!(found, [6, 7]);
        assert!(differing(&front, &front).is_empty());
    }
}
