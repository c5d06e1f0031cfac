// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is in bcache's journal and in its btree on the SSD.

use super::play::{Play, QUIET, Seen};
use crate::bcache;
use crate::session::Session;
use crate::trouble::Stop;
use crate::waiting::LOOK_AGAIN;
use scenario::{
    AdvanceJournal, AwaitDropped, AwaitInvalidation, AwaitJournaled, Counter, NoInvalidation,
    NotJournaled, WriteLeaf,
};
use std::time::Duration;
use wire::{Device, Extent};

impl Play for AwaitInvalidation {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        await_key(session, &self.at, self.for_ms, false)
    }
}

impl Play for AwaitJournaled {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        await_key(session, &self.at, self.for_ms, true)
    }
}

/// From which event on a key of a block counts: since the oldest write was submitted that is
/// on its way, or else the last one to the block.
fn since(session: &Session<'_>, block: Extent) -> u64 {
    let last = || session.testimony.history.last_issue(block);
    session.named.on_the_way().unwrap_or_else(last)
}

fn await_key(session: &mut Session<'_>, at: &str, ms: u64, any: bool) -> Result<Seen, Stop> {
    let (block, limit) = (session.block(at), session.patience(Duration::from_millis(ms)));
    let (what, ms) = (if any { "key" } else { "invalidation" }, limit.as_millis());
    let seen = session.poll(limit, LOOK_AGAIN, |session| {
        let since = since(session, block);
        if let Some(seq) = session.watch.on(&session.rig).durable_invalidation_of(block, since) {
            return Ok(Ok(format!("its invalidation is in journal entry {seq}")));
        }
        if any && let Some(seq) = session.watch.on(&session.rig).durable_key_of(block, since) {
            return Ok(Ok(format!("a key of it is in journal entry {seq}")));
        }
        Ok(Err(format!("no {what} of it was journaled within {ms} ms")))
    })?;
    Ok(match seen {
        Ok(detail) => Seen::Open(detail),
        Err(why) => Seen::Absent(why),
    })
}

impl Play for NoInvalidation {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let block = session.block(&self.at);
        let since = since(session, block);
        Ok(match session.watch.on(&session.rig).invalidation_of(block, since) {
            None => Seen::Open("none completed on the SSD".to_owned()),
            Some(entry) => Seen::Closed(format!("it is in journal entry {entry}")),
        })
    }
}

impl Play for NotJournaled {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let block = session.block(&self.at);
        let since = since(session, block);
        Ok(match session.watch.on(&session.rig).key_of(block, since) {
            None => Seen::Open("none was written".to_owned()),
            Some(entry) => Seen::Closed(format!("one is in journal entry {entry}")),
        })
    }
}

impl Play for AwaitDropped {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let limit = session.patience(Duration::from_millis(self.for_ms));
        let (at, beside) = (session.block(&self.at), session.block(&self.beside));
        let dropped = session.poll(limit, LOOK_AGAIN, |session| {
            Ok(session.watch.on(&session.rig).dropped(at, beside))
        })?;
        Ok(Seen::of(dropped))
    }
}

impl Play for WriteLeaf {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let with = session.block(&self.with);
        let holding = self.holding.as_deref().map(|name| session.block(name));
        // A set of 4 KiB is full after some 250 keys.
        let batch = if self.by_reads { 8 } else { 64 };
        let began = session.rig.now();
        // Where a write of what is not cached leaves no key, a read miss does. A flash-only
        // volume has no misses, and all its writes leave keys.
        let backed = session.scenario.blocks[&self.with].on.backing().is_some();
        let spared =
            bcache::counter(&session.guest()?, &session.volumes, Counter::Spared)?.is_some();
        let by_reads = self.by_reads || spared && backed;
        loop {
            let pieces = filler(session, with, batch)?;
            if by_reads {
                session.guest()?.read(Device::Bcache, pieces, 0)?;
            } else {
                session.write(pieces, false, 8)?;
            }
            if let Some(leaf) = session.watch.on(&session.rig).leaf_since(began, holding) {
                return Ok(Seen::Open(leaf));
            }
        }
    }
}

impl Play for AdvanceJournal {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let (with, target) = (session.block(&self.with), session.block(&self.past_invalidation_of));
        // What is journaled is on the SSD after this.
        let journaled = |session: &mut Session<'_>| match self.flush {
            true => session.flush(false).map(|_| ()),
            false => session.settle(QUIET),
        };
        journaled(session)?;
        let watch = session.watch.on(&session.rig);
        let entry = match self.any_key {
            true => watch.key_of(target, 0),
            false => watch.invalidation_of(target, 0),
        };
        let Some(entry) = entry else {
            return Ok(Seen::Open("no journal entry has ever had one".to_owned()));
        };
        let began = session.rig.now();
        loop {
            let piece = filler(session, with, 1)?;
            session.write(piece, false, 1)?;
            journaled(session)?;
            if let Some(detail) = session.watch.on(&session.rig).journal_past(entry, began, 2) {
                return Ok(Seen::Open(detail));
            }
        }
    }
}

/// The next `count` 4 KiB pieces of a filler block, none touching another,
/// so that every write makes a key of its own in the btree.
fn filler(session: &mut Session<'_>, block: Extent, count: u64) -> Result<Vec<Extent>, Stop> {
    const STRIDE: u64 = 16;
    let slots = u64::from(block.sectors) / STRIDE;
    let first = session.named.filler_at;
    if first + count > slots {
        return Err(Stop::Closed(format!("the filler's {slots} pieces did not bring it about")));
    }
    session.named.filler_at += count;
    let piece = |slot| Extent { sector: block.sector + slot * STRIDE, sectors: 8 };
    Ok((first..first + count).map(piece).collect())
}
