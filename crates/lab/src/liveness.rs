// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps that ask whether what was begun ends, while the disks answer. That it
//! does not is a verdict, [`evidence::Verdict::Hung`]: nothing can be read back
//! from a device that waits for ever.

use crate::bcache;
use crate::session::Session;
use crate::trouble::Stop;
use judge::history::Told;
use scenario::{Disk, HoldOp, LifeState};
use std::time::{Duration, Instant};
use vdisk::{Kind, Op};
use vm::CallError;
use wire::Extent;

/// Stamped writes of a block, `depth` at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writes {
    /// Length of each, in sectors.
    pub sectors: u32,
    /// From the start of one to that of the next, in sectors.
    pub stride: u32,
    pub depth: u32,
}

impl Writes {
    fn extents(self, block: Extent) -> Vec<Extent> {
        let starts = (0..block.sectors).step_by(self.stride as usize);
        let fits = starts.filter(|start| start + self.sectors <= block.sectors);
        fits.map(|start| Extent { sector: block.sector + u64::from(start), sectors: self.sectors })
            .collect()
    }
}

impl Session<'_> {
    /// Writes a block and demands that every write ends within `limit`.
    pub(crate) fn write_all(
        &mut self,
        block: Extent,
        writes: Writes,
        limit: Duration,
    ) -> Result<String, Stop> {
        let extents = writes.extents(block);
        let count = extents.len() as u64;
        let began = Instant::now();
        let (pending, first) = self.submit(extents, false, writes.depth)?;
        match self.guest()?.wait_up_to(&pending, self.patience(limit)) {
            Ok(_) => {}
            Err(CallError::Deadline { after, .. }) => {
                let acked = pending.progress().acked.len();
                let what = format!("{acked} of {count} writes ended within {after:?}");
                return Err(self.hung(what));
            }
            Err(other) => return Err(other.into()),
        }
        (first..first + count).for_each(|seq| self.tell(Told::Acked { seq }));
        Ok(format!("{count} writes ended after {} ms", began.elapsed().as_millis()))
    }

    /// Writes one block again and again until the backing device has come to a
    /// state, and demands that this is within `limit`.
    pub(crate) fn rewrite_until(
        &mut self,
        at: Extent,
        wanted: LifeState,
        limit: Duration,
    ) -> Result<String, Stop> {
        const BATCH: usize = 32;
        let (began, limit) = (Instant::now(), self.patience(limit));
        let mut writes = 0;
        while !self.has_come_to(wanted)? {
            if began.elapsed() > limit {
                let state = bcache::state_if_there(&self.guest()?)?;
                return Err(self.hung(format!(
                    "the backing device is {state:?}, not {wanted:?}, after {writes} writes in \
                     {limit:?}"
                )));
            }
            // One after the other: each is over the one before.
            self.write(vec![at; BATCH], false, 1)?;
            writes += BATCH;
        }
        Ok(format!("after {writes} writes in {} ms", began.elapsed().as_millis()))
    }

    /// Waits until a request of this kind has been issued that lies within the
    /// block, wholly or in part; what was seen, or that there was none.
    pub(crate) fn arrives(
        &mut self,
        disk: Disk,
        op: HoldOp,
        at: Extent,
        limit: Duration,
    ) -> Result<Result<String, String>, Stop> {
        let (first, sectors) = Self::on_disk(disk, at);
        let op = match op {
            HoldOp::Read => Op::Read,
            HoldOp::Write => Op::Write,
            HoldOp::Flush => Op::Flush,
            HoldOp::Trim => Op::Trim,
        };
        self.poll(limit, |session| {
            let events = session.rig.events_since(0);
            let found = events.iter().rev().find(|event| {
                event.kind == Kind::Issue
                    && event.op == Some(op)
                    && *event.disk == *disk.name()
                    && event.sector < first + sectors
                    && first < event.sector + event.sectors
            });
            found.map(|event| format!("{op:?} of {}+{}", event.sector, event.sectors)).ok_or_else(
                || format!("no {op:?} of {first}+{sectors} has come to the {}", disk.name()),
            )
        })
    }

    /// With what the guest says of its blocked tasks.
    pub(crate) fn hung(&mut self, what: String) -> Stop {
        self.note(format!("hung: {what}"));
        let report = self.diagnose();
        report.lines().for_each(|line| self.note(line));
        Stop::Hung
    }
}

#[cfg(test)]
mod tests {
    use super::Writes;
    use wire::Extent;

    #[test]
    fn writes_are_a_stride_apart_and_stay_within_the_block() {
        let writes = Writes { sectors: 8, stride: 100, depth: 1 };
        let extents = writes.extents(Extent { sector: 1000, sectors: 208 });
        assert_eq!(extents.iter().map(|e| e.sector).collect::<Vec<_>>(), [1000, 1100, 1200]);
        assert_eq!(writes.extents(Extent { sector: 0, sectors: 207 }).len(), 2);
    }
}
