// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is cached, and bringing a cache to where it gives way: no free bucket, a
//! bucket used again.

use super::play::{Play, Seen};
use crate::bcache;
use crate::session::Session;
use crate::trouble::Stop;
use scenario::{Congested, Evict, Exhaust, Fill, FillCache, Prime, Uncached};
use std::ops::Range;
use std::time::{Duration, Instant};
use wire::{Device, Extent};

/// Enough for an insertion that follows a read to reach the btree.
const SHORT_QUIET: Duration = Duration::from_millis(20);

impl Play for Prime {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        const TRIES: u64 = 200;
        let block = session.block(&self.r#in);
        for attempt in 0..TRIES.min(u64::from(block.sectors) / 8) {
            let piece = Extent { sector: block.sector + attempt * 8, sectors: 8 };
            session.read_hits(piece)?;
            session.settle(SHORT_QUIET)?;
            if session.read_hits(piece)? {
                let number = attempt + 1;
                return Ok(Seen::Open(format!(
                    "the cache took block number {number} that was read"
                )));
            }
        }
        Ok(Seen::Closed("no read was ever served by the SSD: nothing is being cached".into()))
    }
}

/// A single miss may find no free bucket, and a busy machine is slow to make one; a skipped
/// miss is skipped each time.
impl Play for Fill {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        const TRIES: u32 = 4;
        let deadline = Instant::now() + session.patience(Duration::from_secs(2));
        let (name, at) = (&self.at, session.block(&self.at));
        for attempt in 0.. {
            if attempt >= TRIES && Instant::now() > deadline {
                session.flaw(format!("{name} was read {attempt} times and never cached"));
                break;
            }
            if session.read_hits(at)? {
                let when = if attempt == 0 { "already".into() } else { format!("by {attempt}") };
                return Ok(Seen::Open(format!("{name} is cached, {when}")));
            }
            session.settle(SHORT_QUIET)?;
        }
        Ok(Seen::Done)
    }
}

impl Play for Uncached {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let Some(&seq) = session.named.versions.get(&self.value) else {
            return Ok(Seen::Closed(format!("nothing called {} was written", self.value)));
        };
        Ok(match session.watch.on(&session.rig).cached(seq) {
            (0, 0) if self.failed => Seen::Closed("no write of it to the SSD has failed".into()),
            (0, 0) => Seen::Open("it was never written to the SSD".into()),
            (0, failed) => Seen::Open(format!("{failed} writes of it to the SSD failed")),
            (sectors, _) => {
                Seen::Closed(format!("{sectors} sectors of it were written to the SSD"))
            }
        })
    }
}

impl Play for Congested {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        // What `bch_get_congested` takes off at random, up to one a bit.
        const JITTER: u64 = 32;
        let sectors = u64::from(session.block(&self.by).sectors);
        Ok(match bcache::congested(&session.guest()?)? {
            0 => Seen::Closed("the cache is not congested".to_owned()),
            limit if limit + JITTER > sectors => Seen::Closed(format!(
                "a congested cache lets requests below {limit} sectors in, more or less"
            )),
            limit => Seen::Open(format!("{limit} sectors are enough to go round the cache")),
        })
    }
}

/// Until the allocator is held and two pieces in a row are not cached.
impl Play for Exhaust {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let Some(&allocator) = session.named.holds.get(&self.held) else {
            return Ok(Seen::Closed(format!("no hold {:?} was armed", self.held)));
        };
        let with = session.block(&self.with);
        // Two buckets: one that is partly used does not take it.
        let piece = u32::try_from(session.scenario.bcache.bucket_kib * 4).unwrap_or(u32::MAX);
        let pieces = with.sectors / piece;
        let mut refused = 0;
        for number in 0..pieces {
            // Before: what is refused while the allocator runs may fit a moment later.
            let stopped = session.rig.held(allocator);
            let sector = with.sector + u64::from(number) * u64::from(piece);
            session.read_hits(Extent { sector, sectors: piece })?;
            session.settle(SHORT_QUIET)?;
            let tail = Extent { sector: sector + u64::from(piece) - 8, sectors: 8 };
            let cached = session.read_hits(tail)?;
            refused = if cached || !stopped { 0 } else { refused + 1 };
            if refused == 2 {
                return Ok(Seen::Open(format!(
                    "of {} pieces of {piece} sectors the last two were not cached, with the \
                     allocator held",
                    number + 1
                )));
            }
        }
        let allocator = if session.rig.held(allocator) { "held" } else { "never held" };
        Ok(Seen::Closed(format!("{pieces} pieces were read, the allocator was {allocator}")))
    }
}

/// Sectors of a bucket, and how many pieces of that length a block has.
fn buckets_in(session: &Session<'_>, block: Extent) -> (u32, u64) {
    let piece = u32::try_from(session.scenario.bcache.bucket_kib * 2).unwrap_or(u32::MAX);
    (piece, u64::from(block.sectors / piece))
}

/// Reads such pieces by their numbers, the first again after the last: a bucket
/// each, so that none is left half used.
fn read_buckets(session: &Session<'_>, block: Extent, numbers: Range<u64>) -> Result<(), Stop> {
    let (piece, there) = buckets_in(session, block);
    let at = |number: u64| block.sector + number % there * u64::from(piece);
    let extents = numbers.map(|number| Extent { sector: at(number), sectors: piece });
    session.guest()?.read(Device::Bcache, extents.collect(), 0)?;
    Ok(())
}

/// Until the share of unused buckets has stopped falling: some are bcache's own,
/// or reserved.
impl Play for FillCache {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        const BATCH: u64 = 64;
        // Every second miss may find no free bucket.
        const ROUNDS: u64 = 4;
        const STILL: u32 = 4;
        let with = session.block(&self.with);
        let (piece, there) = buckets_in(session, with);
        let (mut least, mut still) = (u64::MAX, 0);
        for first in (0..there * ROUNDS).step_by(BATCH as usize) {
            session.cancel.check()?;
            read_buckets(session, with, first..first + BATCH)?;
            let unused = bcache::unused_percent(&session.guest()?)?;
            still = if unused < least { 0 } else { still + 1 };
            least = least.min(unused);
            if still == STILL {
                let read = first + BATCH;
                return Ok(Seen::Open(format!(
                    "{unused} % of the buckets are unused after {read} pieces of {piece} sectors, \
                     and it is not getting less"
                )));
            }
        }
        Ok(Seen::Closed(format!(
            "{least} % of the buckets are unused, and it is getting less still"
        )))
    }
}

impl Play for Evict {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        const BATCH: u64 = 16;
        // A miss that finds no free bucket is not cached, which is every second
        // one while the allocator writes priorities.
        const ROUNDS: u64 = 3;
        let (value, of, with) = (&self.value, session.block(&self.of), session.block(&self.with));
        let Some(&seq) = session.named.versions.get(value) else {
            return Ok(Seen::Closed(format!("nothing called {value} was written")));
        };
        if session.watch.on(&session.rig).cached(seq).0 == 0 {
            return Ok(Seen::Closed(format!("{value} was never written to the SSD")));
        }
        let (piece, there) = buckets_in(session, with);
        let pieces = there * ROUNDS;
        for first in (0..pieces).step_by(BATCH as usize) {
            session.cancel.check()?;
            let read = pieces.min(first + BATCH);
            read_buckets(session, with, first..read)?;
            if let Some(event) = session.watch.on(&session.rig).evicted(seq, of) {
                return Ok(Seen::Open(format!(
                    "its sectors on the SSD were written over by event {event}, after {read} \
                     pieces of {piece} sectors"
                )));
            }
        }
        Ok(Seen::Closed(format!("{pieces} pieces of {piece} sectors did not push it out")))
    }
}
