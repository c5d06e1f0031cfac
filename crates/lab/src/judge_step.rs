// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last step: everything is read back, and the oracle asked.

use crate::bcache;
use crate::guest::Guest;
use crate::session::Session;
use crate::trouble::Stop;
use evidence::Fact;
use judge::oracle::{self, Judgement, Readback};
use judge::ranges::{joined, pieces};
use scenario::CacheMode;
use scenario::layout;
use wire::{Device, Extent};

impl Session<'_> {
    /// Where bcache and its backing device are to be compared: everywhere, or, as
    /// reading a large device takes minutes, wherever the cache can have a key.
    /// That is where something was written, or read from the backing device.
    fn comparable(&mut self) -> Result<Vec<(u64, u64)>, Stop> {
        /// 1 GiB.
        const LARGE: u64 = 1 << 21;
        let size = self.guest()?.size(Device::Bcache)?;
        if size <= LARGE {
            return Ok(vec![(0, size)]);
        }
        let mut ranges = self.watch.on(&self.rig).read_from_backing();
        ranges.extend(self.testimony.witness.written());
        let ranges = ranges.into_iter().map(|(first, end)| (first, end.min(size)));
        Ok(joined(ranges.filter(|(first, end)| first < end).collect(), 0))
    }

    /// Reads everything back and asks the oracle.
    pub fn judge(&mut self) -> Result<Judgement, Stop> {
        const PIECE: u64 = 2048;
        let footprint = pieces(self.testimony.witness.written(), PIECE);
        let shift = layout::DATA_OFFSET;
        let raw: Vec<Extent> =
            footprint.iter().map(|e| Extent { sector: e.sector + shift, ..*e }).collect();
        let read_backing = |guest: &Guest<'_>| {
            let mut backing = guest.read(Device::Hdd, raw.clone(), shift)?;
            backing.iter_mut().for_each(|run| run.first -= shift);
            Ok::<_, Stop>(backing)
        };
        if self.without_cache {
            // What the backing device has is all that can be had.
            let backing = read_backing(&self.guest()?)?;
            let (bcache, differing) = (backing.clone(), Vec::new());
            let seen =
                Readback { run: self.testimony.run, bcache, backing, differing, clean: false };
            return Ok(self.told(&seen));
        }
        let comparable = self.comparable()?;
        let guest = self.guest()?;
        let bcache = guest.read(Device::Bcache, footprint, 0)?;
        // From here on nothing new is cached: what the cache says stays as the
        // scenario left it, hits are still hits.
        bcache::set_cache_mode(&guest, CacheMode::None)?;
        let backing = read_backing(&guest)?;
        let mut differing = Vec::new();
        for (first, end) in comparable {
            differing.extend(guest.compare(first, end - first, shift)?);
        }
        let state = bcache::state(&guest)?;
        bcache::set_cache_mode(&guest, self.scenario.bcache.cache_mode)?;
        let clean = state == "clean";
        self.note(format!("judged with the backing device's state {state:?}"));
        let seen = Readback { run: self.testimony.run, bcache, backing, differing, clean };
        Ok(self.told(&seen))
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
