// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests of the guest to the bcache device, and what the witness is told of them.

use crate::guest::GuestError;
use crate::named::Background;
use crate::session::Session;
use crate::trouble::Stop;
use judge::history::Told;
use rustix::io::Errno;
use scenario::Disk;
use std::ops::Range;
use vm::Pending;
use wire::{Answer, Device, Extent, Op, Run};

impl Session<'_> {
    /// Waits for a request that may be answered while others are held.
    pub fn answer(&self, pending: &Pending) -> Result<Answer, Stop> {
        Ok(self.guest()?.wait(pending)?)
    }

    /// Tells the witness, and at which event.
    pub fn tell(&mut self, told: Told) {
        self.testimony.add(self.rig.now(), told);
    }

    /// Tells the witness and starts a stamped write of `extents`, one sequence
    /// number each; returns the first number.
    pub(crate) fn submit(
        &mut self,
        extents: Vec<Extent>,
        fua: bool,
        depth: u32,
    ) -> Result<(Pending, u64), Stop> {
        let first_seq = self.testimony.take_seqs(extents.len() as u64);
        for (seq, &extent) in (first_seq..).zip(&extents) {
            self.tell(Told::Issued { seq, extent, fua });
        }
        let (device, run, writer) = (Device::Bcache, self.testimony.run, 0);
        let op = Op::Write { device, extents, run, first_seq, writer, fua, depth };
        Ok((self.vm()?.start(op), first_seq))
    }

    /// Starts a discard and does not wait.
    pub fn discard_in_background(&mut self, at: Extent) -> Result<Background, Stop> {
        let (started_at, seq) = (self.rig.now(), self.testimony.take_seqs(1));
        self.tell(Told::DiscardIssued { seq, extent: at });
        let pending = self.vm()?.start(Op::Discard { device: Device::Bcache, extent: at });
        Ok(Background { pending, seq, started_at })
    }

    /// Starts one write and does not wait.
    pub fn write_in_background(&mut self, at: Extent, fua: bool) -> Result<Background, Stop> {
        let started_at = self.rig.now();
        let (pending, seq) = self.submit(vec![at], fua, 1)?;
        Ok(Background { pending, seq, started_at })
    }

    /// Writes and waits for every acknowledgement.
    pub fn write(&mut self, extents: Vec<Extent>, fua: bool, depth: u32) -> Result<u64, Stop> {
        let count = extents.len() as u64;
        let (pending, first) = self.submit(extents, fua, depth)?;
        self.written(&pending, first..first + count, false)?;
        Ok(first)
    }

    /// Waits for writes; false where `may_fail`, and they were refused.
    pub fn written(
        &mut self,
        pending: &Pending,
        seqs: Range<u64>,
        may_fail: bool,
    ) -> Result<bool, Stop> {
        let answer = self.guest()?.wait(pending).map_err(GuestError::from);
        let done = unless_refused(answer, may_fail)?.is_some();
        if done {
            seqs.for_each(|seq| self.tell(Told::Acked { seq }));
        }
        Ok(done)
    }

    /// Flushes all bcache devices; false where `may_fail`, and it was refused.
    pub fn flush(&mut self, may_fail: bool) -> Result<bool, Stop> {
        let id = self.testimony.take_flush();
        self.tell(Told::FlushIssued { id });
        let guest = self.guest()?;
        // Each is flushed, whatever comes of the one before.
        let each = self.volumes.iter().map(|of| guest.flush(Device::Bcache, of.number()));
        let flushed = each.fold(Ok(()), Result::and);
        let done = unless_refused(flushed, may_fail)?.is_some();
        if done {
            self.tell(Told::FlushAcked { id });
        }
        Ok(done)
    }

    /// Reads a block through bcache and says which disk served it; `None` where
    /// `may_fail`, and it was refused.
    pub fn read_served(&mut self, at: Extent, may_fail: bool) -> Result<Option<Served>, Stop> {
        let before = self.rig.now();
        let runs = self.guest()?.read(Device::Bcache, vec![at], 0);
        let Some(runs) = unless_refused(runs, may_fail)? else { return Ok(None) };
        let by = self.watch.on(&self.rig).reads_since(before, at);
        Ok(Some(Served { runs, by }))
    }

    /// Reads a block through bcache; whether the SSD served it.
    pub fn read_hits(&mut self, at: Extent) -> Result<bool, Stop> {
        Ok(self.read_served(at, false)?.is_some_and(|served| served.by == Some(Disk::Ssd)))
    }

    /// Starts a read of a block through bcache.
    pub fn start_read(&self, at: Extent) -> Result<Pending, Stop> {
        let op = Op::Read { device: Device::Bcache, extents: vec![at], stamp_shift: 0 };
        Ok(self.vm()?.start(op))
    }
}

/// What a read returned, and the disk that it came from.
pub struct Served {
    pub runs: Vec<Run>,
    pub by: Option<Disk>,
}

/// `None` where `may_fail`, and a device that fails, or that bcache has stopped,
/// refused the request.
fn unless_refused<T>(outcome: Result<T, GuestError>, may_fail: bool) -> Result<Option<T>, Stop> {
    const DEVICE_ERRORS: [Errno; 3] = [Errno::IO, Errno::NXIO, Errno::NODEV];
    match outcome {
        Err(error) if may_fail && DEVICE_ERRORS.iter().any(|&no| error.is(no)) => Ok(None),
        outcome => Ok(Some(outcome?)),
    }
}
