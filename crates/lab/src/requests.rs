// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests of the guest to the bcache device, and what the witness is told of them.

use crate::named::Background;
use crate::session::Session;
use crate::trouble::Stop;
use judge::history::Told;
use rustix::io::Errno;
use scenario::Disk;
use vm::{CallError, Pending};
use wire::{Answer, Device, Extent, Op, Refusal, Run};

impl Session<'_> {
    /// Waits for a request that may be answered while others are held.
    pub fn answer(&self, pending: &Pending) -> Result<Answer, Stop> {
        Ok(self.guest()?.wait(pending)?)
    }

    /// As [`Self::answer`]; `None` where it is an I/O error, or the device is gone.
    pub fn answer_or_error(&self, pending: &Pending) -> Result<Option<Answer>, Stop> {
        match self.guest()?.wait(pending) {
            Err(CallError::Guest(why)) if refused(&why) => Ok(None),
            answer => Ok(Some(answer?)),
        }
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
        self.answer(&pending)?;
        (first..first + count).for_each(|seq| self.tell(Told::Acked { seq }));
        Ok(first)
    }

    pub fn flush(&mut self) -> Result<(), Stop> {
        let id = self.testimony.take_flush();
        self.tell(Told::FlushIssued { id });
        self.guest()?.flush(Device::Bcache)?;
        self.tell(Told::FlushAcked { id });
        Ok(())
    }

    /// As [`Self::flush`], and whether it was no I/O error.
    pub fn flush_or_error(&mut self) -> Result<bool, Stop> {
        let id = self.testimony.take_flush();
        self.tell(Told::FlushIssued { id });
        let pending = self.vm()?.start(Op::Flush { device: Device::Bcache });
        let done = self.answer_or_error(&pending)?.is_some();
        if done {
            self.tell(Told::FlushAcked { id });
        }
        Ok(done)
    }

    /// Reads a block through bcache and says which disk served it.
    pub fn read_served(&mut self, at: Extent) -> Result<(Vec<Run>, Option<Disk>), Stop> {
        let before = self.rig.now();
        let runs = self.guest()?.read(Device::Bcache, vec![at], 0)?;
        let served = self.watch.on(&self.rig).reads_since(before, at);
        Ok((runs, served))
    }

    /// Starts a read of a block through bcache.
    pub fn start_read(&self, at: Extent) -> Result<Pending, Stop> {
        let op = Op::Read { device: Device::Bcache, extents: vec![at], stamp_shift: 0 };
        Ok(self.vm()?.start(op))
    }
}

/// Whether a request was refused by a device that fails, or that bcache has stopped.
fn refused(why: &Refusal) -> bool {
    [Errno::IO, Errno::NXIO, Errno::NODEV].iter().any(|no| why.errno == Some(no.raw_os_error()))
}
