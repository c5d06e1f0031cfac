// SPDX-License-Identifier: MIT OR Apache-2.0
//! The agent's stamped writers beside fio, and what the witness is told.
//!
//! After a cut, fio's own state is gone with the guest; what the agent said
//! before is on the host. So the witness of a load with cuts is the agent's,
//! in an area of its own, which fio only reads.

use crate::session::Session;
use crate::trouble::Stop;
use judge::history::Told;
use scenario::StampedArea;
use std::time::{Duration, Instant};
use vm::Pending;
use wire::{Content, Device, Extent, Op};

/// Writes in one request: half a minute at a slow disk's pace.
const BATCH: u64 = 5000;

/// The writers of one life of the machine.
pub struct Writers {
    area: StampedArea,
    rng: fastrand::Rng,
    batch: Batch,
    flush: Option<(u64, Pending)>,
    next_flush: Instant,
    flush_every: Duration,
    /// Flushes that were acknowledged.
    pub flushes: u64,
    /// Writes that were acknowledged.
    pub acked: u64,
}

struct Batch {
    pending: Pending,
    extents: Vec<Extent>,
    first_seq: u64,
    issued: usize,
    acked: usize,
}

impl Writers {
    /// Starts the first batch.
    pub fn start(
        session: &mut Session<'_>,
        area: StampedArea,
        seed: u64,
        flush_every: Duration,
    ) -> Result<Self, Stop> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let batch = Batch::start(session, area, &mut rng)?;
        let next_flush = Instant::now() + flush_every;
        let (flush, flushes, acked) = (None, 0, 0);
        Ok(Self { area, rng, batch, flush, next_flush, flush_every, flushes, acked })
    }

    /// Tells the witness what is new, flushes when it is time, and goes on
    /// with another batch at the end of one. True after a flush.
    pub fn poll(&mut self, session: &mut Session<'_>) -> Result<bool, Stop> {
        self.tell(session);
        if let Some(outcome) = self.batch.pending.poll() {
            outcome?;
            self.tell(session);
            self.batch = Batch::start(session, self.area, &mut self.rng)?;
        }
        let mut flushed = false;
        if let Some((id, pending)) = &self.flush {
            if let Some(outcome) = pending.poll() {
                outcome?;
                session.tell(Told::FlushAcked { id: *id });
                self.flush = None;
                self.flushes += 1;
                self.next_flush = Instant::now() + self.flush_every;
                flushed = true;
            }
        } else if Instant::now() >= self.next_flush {
            let id = session.testimony.take_flush();
            // Acknowledgements told before this were before the flush.
            session.tell(Told::FlushIssued { id });
            let pending = session.vm()?.start(Op::Flush { device: Device::Bcache, volume: 0 });
            self.flush = Some((id, pending));
        }
        Ok(flushed)
    }

    /// Tells the witness what the agent has reported. New issues first: a
    /// write that was issued after an acknowledgement may so count as issued
    /// before it, which permits more, never less.
    pub fn tell(&mut self, session: &mut Session<'_>) {
        let batch = &mut self.batch;
        let progress = batch.pending.progress();
        let issued = (progress.issued as usize).min(batch.extents.len());
        for index in batch.issued..issued {
            let (seq, extent) = (batch.first_seq + index as u64, batch.extents[index]);
            session.tell(Told::Issued { seq, extent, fua: false });
        }
        batch.issued = issued.max(batch.issued);
        for index in progress.acked.iter().skip(batch.acked) {
            session.tell(Told::Acked { seq: batch.first_seq + u64::from(*index) });
            self.acked += 1;
        }
        batch.acked = progress.acked.len().max(batch.acked);
    }
}

impl Batch {
    fn start(
        session: &mut Session<'_>,
        area: StampedArea,
        rng: &mut fastrand::Rng,
    ) -> Result<Self, Stop> {
        let slots = area.sectors / u64::from(area.write_sectors);
        let mut chosen: Vec<u64> = Vec::new();
        while chosen.len() < BATCH as usize {
            let slot = rng.u64(0..slots);
            // Two writes of one slot in flight at once may land in either
            // order: then "older" and "newer" would mean nothing. (The ledger
            // sees it, should one writer fall behind so far.)
            let apart = (16 * area.depth as usize).min(slots as usize / 2);
            if !chosen.iter().rev().take(apart).any(|&recent| recent == slot) {
                chosen.push(slot);
            }
        }
        let extents: Vec<Extent> = chosen
            .into_iter()
            .map(|slot| Extent {
                sector: area.sector + slot * u64::from(area.write_sectors),
                sectors: area.write_sectors,
            })
            .collect();
        let first_seq = session.testimony.take_seqs(BATCH);
        let op = Op::Write {
            device: Device::Bcache,
            extents: extents.clone(),
            run: session.testimony.run,
            first_seq,
            writer: 0,
            fua: false,
            depth: area.depth,
        };
        let pending = session.vm()?.start(op);
        Ok(Self { pending, extents, first_seq, issued: 0, acked: 0 })
    }
}

/// A witness that knows what the area holds now and nothing else: what was
/// read back after a cut is on the disks for good, and so binds from here on.
pub fn rebase(session: &mut Session<'_>, area: StampedArea) -> Result<(), Stop> {
    const PIECE: u64 = 2048;
    let end = area.sector + area.sectors;
    let pieces = (area.sector..end).step_by(PIECE as usize).map(|sector| Extent {
        sector,
        sectors: u32::try_from((end - sector).min(PIECE)).unwrap_or(u32::MAX),
    });
    let runs = session.guest()?.read(Device::Bcache, pieces.collect(), 0)?;
    session.testimony.forget();
    for run in runs {
        let Content::Stamped { seq, .. } = run.content else { continue };
        let sectors = u32::try_from(run.sectors).unwrap_or(u32::MAX);
        // One by one: a torn write left several ranges of one number.
        session.tell(Told::Issued {
            seq,
            extent: Extent { sector: run.first, sectors },
            fua: true,
        });
        session.tell(Told::Acked { seq });
    }
    Ok(())
}

/// Writes over ranges in which cache and backing device disagree, so that a
/// disagreement that the crash model permits is counted in one cycle only.
pub fn overwrite(session: &mut Session<'_>, ranges: &[Extent]) -> Result<(), Stop> {
    if ranges.is_empty() {
        return Ok(());
    }
    let first_seq = session.testimony.take_seqs(ranges.len() as u64);
    let op = Op::Write {
        device: Device::Bcache,
        extents: ranges.to_vec(),
        run: session.testimony.run,
        first_seq,
        writer: 1,
        fua: true,
        depth: 1,
    };
    let pending = session.vm()?.start(op);
    session.answer(&pending).map(|_| ())
}
