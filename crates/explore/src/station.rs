// SPDX-License-Identifier: MIT OR Apache-2.0
//! A place where crash states are tried: two disks of its own, and a machine
//! from the saved one for each state.

use crate::spec::Spec;
use judge::oracle::Readback;
use judge::ranges;
use lab::guest::Guest;
use lab::session::disk_trouble;
use lab::{Machine, Stop, Tools, bcache, complaint, front};
use proc::Cancel;
use scenario::layout;
use scenario::{CacheMode, Registered, Volume};
use std::path::{Path, PathBuf};
use std::time::Duration;
use vdisk::crash::CrashState;
use vm::Vm;
use wire::{Content, Device, Extent, Run, volume};

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
    machine: Machine,
    tools: &'a Tools,
    /// The consoles, a folder per boot.
    logs: PathBuf,
    volumes: Vec<Volume>,
    ranges: Vec<Extent>,
    run: u64,
    cancel: &'a Cancel,
}

impl<'a> Station<'a> {
    /// `touched` are the ranges of the bcache device to read back (first
    /// sector and end), `run` the number in the recording's stamps.
    pub fn new(
        spec: &Spec<'a>,
        logs: PathBuf,
        touched: &[(u64, u64)],
        run: u64,
        cancel: &'a Cancel,
    ) -> Result<Self, Stop> {
        let tools = spec.tools;
        let guest = tools.guest(&spec.arm.kernel, logs.join("boot-1"));
        let machine =
            Machine::on_plain_disks(guest, tools, &spec.scenario.disks).map_err(disk_trouble)?;
        let volumes = spec.scenario.volumes();
        Ok(Self { machine, tools, logs, volumes, ranges: pieces(touched), run, cancel })
    }

    /// Boots on blank disks and saves the machine before bcache is registered.
    pub fn save(&self, path: &Path) -> Result<(), Stop> {
        Vm::boot_and_save(&self.machine.config, path, self.cancel)?;
        complaint::none(&self.logs, self.tools)
    }

    /// Boots on a state, registers bcache and reads everything back. What the
    /// kernel reports meanwhile is trouble.
    pub fn observe(&self, state: &CrashState, start: Start<'_>) -> Result<Readback, Stop> {
        let seen = self.read_back(state, start)?;
        complaint::none(&self.logs, self.tools)?;
        Ok(seen)
    }

    fn read_back(&self, state: &CrashState, start: Start<'_>) -> Result<Readback, Stop> {
        let Machine { rig, config, .. } = &self.machine;
        rig.restore(&state.snapshot());
        rig.power_on();
        let vm = match start {
            Start::Saved(path) => Vm::restore(config, path, self.cancel)?,
            Start::Cold => Vm::boot(config, self.cancel)?,
        };
        let guest = Guest::new(&vm, self.cancel);
        bcache::register(&guest, &self.volumes, self.order()).map_err(|error| {
            let mut stop = Stop::from(error);
            if let Stop::Trouble(trouble) = &mut stop
                && !trouble.console_tail.contains(BCACHE_SAYS)
            {
                trouble.console_tail = why(&vm);
            }
            stop
        })?;
        // Hits are still hits, and reading changes nothing.
        bcache::set_cache_mode(&guest, &self.volumes, CacheMode::None)?;
        let front = front::read(&guest, &self.volumes, &self.ranges)?;
        let back = self.backing();
        let mut differing = differing(&front, &back);
        let mut dirty = Vec::new();
        for of in &self.volumes {
            let number = of.number();
            if bcache::may_differ(&guest, *of)? {
                dirty.push(number);
            } else if start == Start::Cold {
                let size = guest.size(Device::Bcache, number)?;
                differing.retain(|at| volume::number(at.sector) != number);
                differing.extend(guest.compare(
                    volume::of(number, 0),
                    size,
                    layout::DATA_OFFSET,
                )?);
            }
        }
        vm.kill();
        Ok(Readback { run: self.run, bcache: front, backing: back, differing, dirty })
    }

    /// A flash-only volume comes with its cache set, and is not to be the first device.
    fn order(&self) -> Registered {
        let flash = self.volumes.contains(&Volume::Flash);
        if flash { Registered::HddFirst } else { Registered::SsdFirst }
    }

    /// The backing device needs no guest: it is ours.
    fn backing(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        for range in &self.ranges {
            let of = Volume::of_sector(&self.volumes, range.sector);
            let Some(disk) = of.and_then(Volume::backing) else { continue };
            let mut bytes = vec![0; range.sectors as usize * wire::SECTOR];
            let first = volume::within(range.sector) + layout::DATA_OFFSET;
            self.machine.rig.read(disk.name(), first, &mut bytes);
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
    use crate::spec::tests::is_booted_as_configured;

    #[test]
    fn a_kernel_that_checks_itself_is_explored_as_its_configuration_says() {
        let cancel = Cancel::new();
        is_booted_as_configured(|spec| {
            Station::new(spec, "logs".into(), &[], 1, &cancel).unwrap().machine.config.clone()
        });
    }

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
