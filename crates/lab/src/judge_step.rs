// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last step: everything is read back, and the oracle asked.

use crate::guest::Guest;
use crate::session::Session;
use crate::trouble::Stop;
use crate::{bcache, front};
use evidence::Fact;
use judge::oracle::{self, Judgement, Readback};
use judge::ranges::{joined, pieces};
use scenario::{CacheMode, Volume, layout};
use wire::{Device, Extent, volume};

impl Session<'_> {
    /// Where bcache and its backing device are to be compared: everywhere, or, as
    /// reading a large device takes minutes, wherever the cache can have a key.
    /// That is where something was written, or read from the backing device.
    fn comparable(&mut self) -> Result<Vec<(u64, u64)>, Stop> {
        /// 1 GiB.
        const LARGE: u64 = 1 << 21;
        let mut all = Vec::new();
        for (of, _) in Volume::backed(&self.volumes.clone()) {
            let size = self.guest()?.size(Device::Bcache, of.number())?;
            let (from, to) = (volume::of(of.number(), 0), volume::of(of.number(), size));
            if size <= LARGE {
                all.push((from, to));
                continue;
            }
            let mut ranges = self.watch.on(&self.rig).read_from_backing();
            ranges.extend(self.testimony.witness.written());
            let ours = ranges.into_iter().map(|(first, end)| (first.max(from), end.min(to)));
            all.extend(joined(ours.filter(|(first, end)| first < end).collect(), 0));
        }
        Ok(all)
    }

    /// Reads everything back and asks the oracle.
    pub fn judge(&mut self) -> Result<Judgement, Stop> {
        const PIECE: u64 = 2048;
        let footprint = pieces(self.testimony.witness.written(), PIECE);
        let shift = layout::DATA_OFFSET;
        let backed = footprint.iter().filter(|e| self.is_backed(e.sector));
        let raw: Vec<Extent> = backed.map(|e| Extent { sector: e.sector + shift, ..*e }).collect();
        let read_backing = |guest: &Guest<'_>| {
            let mut backing = guest.read(Device::Hdd, raw.clone(), shift)?;
            backing.iter_mut().for_each(|run| run.first -= shift);
            Ok::<_, Stop>(backing)
        };
        if self.without_cache {
            // What the backing device has is all that can be had.
            let backing = read_backing(&self.guest()?)?;
            let (run, bcache) = (self.testimony.run, backing.clone());
            return Ok(self.told(&Readback { run, bcache, backing, ..Readback::default() }));
        }
        let comparable = self.comparable()?;
        let guest = self.guest()?;
        let bcache = front::read(&guest, &self.volumes, &footprint)?;
        // From here on nothing new is cached: what the cache says stays as the
        // scenario left it, hits are still hits.
        bcache::set_cache_mode(&guest, &self.volumes, CacheMode::None)?;
        let backing = read_backing(&guest)?;
        let mut differing = Vec::new();
        for (first, end) in comparable {
            differing.extend(guest.compare(first, end - first, shift)?);
        }
        let (mut dirty, mut notes) = (Vec::new(), Vec::new());
        for (of, disk) in Volume::backed(&self.volumes) {
            let state = bcache::state(&guest, of)?;
            if state != "clean" {
                dirty.push(of.number());
            }
            notes.push(format!("judged with the state {state:?} of the {}", disk.name()));
        }
        bcache::set_cache_mode(&guest, &self.volumes, self.scenario.bcache.cache_mode)?;
        notes.into_iter().for_each(|note| self.note(note));
        let seen = Readback { run: self.testimony.run, bcache, backing, differing, dirty };
        Ok(self.told(&seen))
    }

    /// Whether a sector is of a device with a backing device.
    fn is_backed(&self, sector: u64) -> bool {
        Volume::of_sector(&self.volumes, sector).and_then(Volume::backing).is_some()
    }

    /// The oracle's word, and its findings among the observations.
    fn told(&mut self, seen: &Readback) -> Judgement {
        let judgement = oracle::judge(&self.testimony.witness, seen);
        for finding in judgement.findings.iter().take(8) {
            self.note(Fact::Finding {
                verdict: finding.verdict,
                sector: finding.first,
                sectors: finding.sectors,
                detail: finding.detail.clone(),
            });
        }
        judgement
    }
}
