// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps that bring a cache to where it gives way: no free bucket, a bucket
//! used again, a cache write that fails.

use crate::session::Session;
use crate::step::{Disk, Spoil};
use crate::steps::SHORT_QUIET;
use crate::trouble::Stop;
use crate::watch::Watch;
use std::time::Duration;
use vdisk::{Fault, Matcher, OpMatch};
use wire::{Device, Extent};

impl Session<'_> {
    /// Spoils the next write that carries data of `block` to the SSD.
    pub fn spoil(&mut self, block: Extent, how: Spoil) {
        let fault = match how {
            Spoil::Eio => Fault::Eio,
            Spoil::SlowMs(ms) => Fault::Slow(Duration::from_millis(ms)),
        };
        let matcher = Matcher::any(Disk::Ssd.name(), OpMatch::Write);
        self.rig.fault_if(matcher, fault, Watch::carries(block));
    }

    /// Whether none of a version's data are on the SSD, with `must_fail` after an
    /// attempt; in words.
    pub fn uncached(&mut self, value: &str, must_fail: bool) -> Result<String, String> {
        let Some(&seq) = self.versions.get(value) else {
            return Err(format!("nothing called {value} was written"));
        };
        match self.watch.cached(&self.rig, seq) {
            (0, 0) if must_fail => Err("no write of it to the SSD has failed".to_owned()),
            (0, 0) => Ok("it was never written to the SSD".to_owned()),
            (0, failed) => Ok(format!("{failed} writes of it to the SSD failed")),
            (sectors, _) => Err(format!("{sectors} sectors of it were written to the SSD")),
        }
    }

    /// Reads pieces until two in a row are not cached: one may meet the
    /// allocator at work.
    pub fn exhaust(&mut self, with: Extent) -> Result<Result<String, String>, Stop> {
        // Two buckets: one that is partly used does not take it.
        let piece = u32::try_from(self.scenario.bcache.bucket_kib * 4).unwrap_or(u32::MAX);
        let pieces = with.sectors / piece;
        let mut refused = 0;
        for number in 0..pieces {
            let at = Extent {
                sector: with.sector + u64::from(number) * u64::from(piece),
                sectors: piece,
            };
            self.read_served(at)?;
            self.settle(SHORT_QUIET)?;
            let tail = Extent { sector: at.sector + u64::from(piece) - 8, sectors: 8 };
            if self.read_served(tail)?.1 == Some(Disk::Ssd) {
                refused = 0;
                continue;
            }
            refused += 1;
            if refused == 2 {
                return Ok(Ok(format!("{} pieces of {piece} sectors were cached", number - 1)));
            }
        }
        Ok(Err(format!("all {pieces} pieces that were read were cached")))
    }

    /// Reads pieces until the SSD's sectors with data of a version are written
    /// with others.
    pub fn evict(&mut self, value: &str, with: Extent) -> Result<Result<String, String>, Stop> {
        const BATCH: u64 = 16;
        let Some(&seq) = self.versions.get(value) else {
            return Ok(Err(format!("nothing called {value} was written")));
        };
        let (cached, _) = self.watch.cached(&self.rig, seq);
        if cached == 0 {
            return Ok(Err(format!("{value} was never written to the SSD")));
        }
        // A bucket each, so that none is left half used.
        let piece = u32::try_from(self.scenario.bcache.bucket_kib * 2).unwrap_or(u32::MAX);
        let pieces = u64::from(with.sectors / piece);
        for first in (0..pieces).step_by(BATCH as usize) {
            self.cancel.check()?;
            let batch = (first..pieces.min(first + BATCH)).map(|number| Extent {
                sector: with.sector + number * u64::from(piece),
                sectors: piece,
            });
            self.guest()?.read(Device::Bcache, batch.collect(), 0)?;
            if let Some(event) = self.watch.evicted(&self.rig, seq) {
                return Ok(Ok(format!(
                    "the {cached} sectors of it on the SSD were written over, up to event {event}"
                )));
            }
        }
        Ok(Err(format!("{pieces} pieces of {piece} sectors did not push it out")))
    }
}
