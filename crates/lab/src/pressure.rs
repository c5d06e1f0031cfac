// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps that bring a cache to where it gives way: no free bucket, a bucket
//! used again, a cache write that fails.

use crate::bcache;
use crate::session::Session;
use crate::steps::SHORT_QUIET;
use crate::trouble::Stop;
use judge::watch::Watch;
use scenario::{Disk, Spoil};
use std::ops::Range;
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
        match self.watch.on(&self.rig).cached(seq) {
            (0, 0) if must_fail => Err("no write of it to the SSD has failed".to_owned()),
            (0, 0) => Ok("it was never written to the SSD".to_owned()),
            (0, failed) => Ok(format!("{failed} writes of it to the SSD failed")),
            (sectors, _) => Err(format!("{sectors} sectors of it were written to the SSD")),
        }
    }

    /// Whether a request of the block's length goes round a congested cache.
    pub fn congested(&mut self, by: Extent) -> Result<Result<String, String>, Stop> {
        // What `bch_get_congested` takes off at random, up to one a bit.
        const JITTER: u64 = 32;
        let (limit, sectors) = (bcache::congested(&self.guest()?)?, u64::from(by.sectors));
        Ok(match limit {
            0 => Err("the cache is not congested".to_owned()),
            limit if limit + JITTER > sectors => Err(format!(
                "a congested cache lets requests below {limit} sectors in, more or less"
            )),
            limit => Ok(format!("{limit} sectors are enough to go round the cache")),
        })
    }

    /// Reads pieces until the allocator is held and two in a row are not cached.
    pub fn exhaust(&mut self, with: Extent, held: &str) -> Result<Result<String, String>, Stop> {
        let Some(&allocator) = self.holds.get(held) else {
            return Ok(Err(format!("no hold {held:?} was armed")));
        };
        // Two buckets: one that is partly used does not take it.
        let piece = u32::try_from(self.scenario.bcache.bucket_kib * 4).unwrap_or(u32::MAX);
        let pieces = with.sectors / piece;
        let mut refused = 0;
        for number in 0..pieces {
            // Before: what is refused while the allocator runs may fit a moment later.
            let stopped = self.rig.held(allocator);
            let at = Extent {
                sector: with.sector + u64::from(number) * u64::from(piece),
                sectors: piece,
            };
            self.read_served(at)?;
            self.settle(SHORT_QUIET)?;
            let tail = Extent { sector: at.sector + u64::from(piece) - 8, sectors: 8 };
            let cached = self.read_served(tail)?.1 == Some(Disk::Ssd);
            refused = if cached || !stopped { 0 } else { refused + 1 };
            if refused == 2 {
                return Ok(Ok(format!(
                    "of {} pieces of {piece} sectors the last two were not cached, with the \
                     allocator held",
                    number + 1
                )));
            }
        }
        let allocator = if self.rig.held(allocator) { "held" } else { "never held" };
        Ok(Err(format!("{pieces} pieces were read, the allocator was {allocator}")))
    }

    /// Sectors of a bucket, and how many pieces of that length a block has.
    fn buckets_in(&self, block: Extent) -> (u32, u64) {
        let piece = u32::try_from(self.scenario.bcache.bucket_kib * 2).unwrap_or(u32::MAX);
        (piece, u64::from(block.sectors / piece))
    }

    /// Reads such pieces by their numbers, the first again after the last: a bucket
    /// each, so that none is left half used.
    fn read_buckets(&self, block: Extent, numbers: Range<u64>) -> Result<(), Stop> {
        let (piece, there) = self.buckets_in(block);
        let at = |number: u64| block.sector + number % there * u64::from(piece);
        let extents = numbers.map(|number| Extent { sector: at(number), sectors: piece });
        self.guest()?.read(Device::Bcache, extents.collect(), 0)?;
        Ok(())
    }

    /// Reads pieces as long as a bucket until the share of unused buckets has
    /// stopped falling: some are bcache's own, or reserved.
    pub fn fill_cache(&mut self, with: Extent) -> Result<Result<String, String>, Stop> {
        const BATCH: u64 = 64;
        // Every second miss may find no free bucket.
        const ROUNDS: u64 = 4;
        const STILL: u32 = 4;
        let (piece, there) = self.buckets_in(with);
        let (mut least, mut still) = (u64::MAX, 0);
        for first in (0..there * ROUNDS).step_by(BATCH as usize) {
            self.cancel.check()?;
            self.read_buckets(with, first..first + BATCH)?;
            let unused = bcache::unused_percent(&self.guest()?)?;
            still = if unused < least { 0 } else { still + 1 };
            least = least.min(unused);
            if still == STILL {
                let read = first + BATCH;
                return Ok(Ok(format!(
                    "{unused} % of the buckets are unused after {read} pieces of {piece} sectors, \
                     and it is not getting less"
                )));
            }
        }
        Ok(Err(format!("{least} % of the buckets are unused, and it is getting less still")))
    }

    /// Reads pieces until the SSD's sectors with data of a version of `of` are
    /// written with others.
    pub fn evict(
        &mut self,
        value: &str,
        of: Extent,
        with: Extent,
    ) -> Result<Result<String, String>, Stop> {
        const BATCH: u64 = 16;
        // A miss that finds no free bucket is not cached, which is every second
        // one while the allocator writes priorities.
        const ROUNDS: u64 = 3;
        let Some(&seq) = self.versions.get(value) else {
            return Ok(Err(format!("nothing called {value} was written")));
        };
        if self.watch.on(&self.rig).cached(seq).0 == 0 {
            return Ok(Err(format!("{value} was never written to the SSD")));
        }
        let (piece, there) = self.buckets_in(with);
        let pieces = there * ROUNDS;
        for first in (0..pieces).step_by(BATCH as usize) {
            self.cancel.check()?;
            let read = pieces.min(first + BATCH);
            self.read_buckets(with, first..read)?;
            if let Some(event) = self.watch.on(&self.rig).evicted(seq, of) {
                return Ok(Ok(format!(
                    "its sectors on the SSD were written over by event {event}, after {read} \
                     pieces of {piece} sectors"
                )));
            }
        }
        Ok(Err(format!("{pieces} pieces of {piece} sectors did not push it out")))
    }
}
