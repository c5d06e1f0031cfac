// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests to the bcache device.

use super::play::{Play, QUIET, Seen};
use crate::named::Background;
use crate::requests::Served;
use crate::session::Session;
use crate::trouble::Stop;
use evidence::Fact;
use judge::history::Told;
use scenario::{
    Discard, Disk, Flush, Join, JoinRead, Pin, Read, ReadPieces, Settle, StartRead, Write,
    WriteAll, WritePieces,
};
use std::time::{Duration, Instant};
use vm::CallError;
use wire::{Answer, Content, Device, Extent, Run};

impl Play for Write {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let (at, name) = (session.block(&self.at), self.value.clone());
        let number = if self.background {
            let started = session.write_in_background(at, self.fua)?;
            let seq = started.seq;
            session.named.background.insert(name.clone(), started);
            seq
        } else {
            let (pending, seq) = session.submit(vec![at], self.fua, 1)?;
            if !session.written(&pending, seq..seq + 1, true)? {
                refused(session, &name, self.may_fail);
            }
            seq
        };
        session.named.versions.insert(name.clone(), number);
        session.note(Fact::Write { name, number });
        Ok(Seen::Done)
    }
}

/// Where no error is allowed, one is bcache's fault, not the harness's.
fn refused(session: &mut Session<'_>, what: &str, may_fail: bool) {
    let text = format!("{what} was refused with an I/O error");
    if may_fail { session.note(text) } else { session.flaw(text) }
}

impl Play for Discard {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let started = session.discard_in_background(session.block(&self.at))?;
        let (name, number) = (self.value.clone(), started.seq);
        session.named.versions.insert(name.clone(), number);
        session.named.background.insert(name.clone(), started);
        session.note(Fact::Discard { name, number });
        if self.background { Ok(Seen::Done) } else { join(session, &self.value) }
    }
}

impl Play for Join {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        join(session, &self.value)
    }
}

fn join(session: &mut Session<'_>, value: &str) -> Result<Seen, Stop> {
    if let Some(Background { pending, seq, .. }) = session.named.background.remove(value) {
        session.written(&pending, seq..seq + 1, false)?;
    }
    Ok(Seen::Done)
}

impl Play for Read {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let at = session.block(&self.at);
        let Some(Served { runs, by }) = session.read_served(at, true)? else {
            if self.may_fail {
                return Ok(Seen::Absent("refused with an I/O error".to_owned()));
            }
            session.flaw("a read was refused with an I/O error".to_owned());
            return Ok(Seen::Done);
        };
        let saw = |disk: Option<Disk>| disk.map_or("neither disk", Disk::name);
        if self.served_by.is_some() && by != self.served_by {
            let (by, wanted) = (saw(by), saw(self.served_by));
            return Ok(Seen::Closed(format!("the read was served by {by}, not by {wanted}")));
        }
        let returned = returned(session, &runs, self.returns.as_deref());
        Ok(Seen::of(returned.map(|what| format!("served by {}, {what}", saw(by)))))
    }
}

impl Play for StartRead {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let pending = session.start_read(session.block(&self.at))?;
        session.named.reads.insert(self.name.clone(), pending);
        Ok(Seen::Done)
    }
}

impl Play for JoinRead {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let Some(pending) = session.named.reads.remove(&self.name) else {
            return Ok(Seen::Closed(format!("no read {:?} was started", self.name)));
        };
        Ok(match session.answer(&pending)? {
            Answer::Runs(runs) => Seen::of(returned(session, &runs, self.returns.as_deref())),
            other => Seen::Closed(format!("unexpected answer {other:?}")),
        })
    }
}

/// Whether a read brought the version that it should.
fn returned(session: &Session<'_>, runs: &[Run], wanted: Option<&str>) -> Result<String, String> {
    let Some(value) = wanted else { return Ok("returned something".to_owned()) };
    let version = session.named.versions.get(value);
    let of_version = |run: &Run| match run.content {
        Content::Stamped { seq, .. } => Some(&seq) == version,
        _ => false,
    };
    if runs.is_empty() || !runs.iter().all(of_version) {
        return Err(format!("the read did not return {value}: {:?}", runs.first()));
    }
    Ok(format!("returned {value}"))
}

impl Play for Flush {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        if !session.flush(true)? {
            refused(session, "a flush", self.may_fail);
        }
        Ok(Seen::Done)
    }
}

impl Play for Settle {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        session.settle(QUIET)?;
        Ok(Seen::Done)
    }
}

impl Play for Pin {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        session.guest()?.pin(self.cpu)?;
        Ok(Seen::Done)
    }
}

impl Play for ReadPieces {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        session.guest()?.read(Device::Bcache, pieces(session.block(&self.r#in)), 0)?;
        Ok(Seen::Done)
    }
}

impl Play for WritePieces {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        session.write(pieces(session.block(&self.r#in)), false, 8)?;
        Ok(Seen::Done)
    }
}

/// Pieces of a block that do not touch.
fn pieces(block: Extent) -> Vec<Extent> {
    const STRIDE: usize = 16;
    let starts = block.range().step_by(STRIDE);
    starts.map(|sector| Extent { sector, sectors: 8 }).collect()
}

impl Play for WriteAll {
    fn play(&self, session: &mut Session<'_>) -> Result<Seen, Stop> {
        let extents = all(session.block(&self.r#in), self.sectors, self.stride);
        let (count, began) = (extents.len() as u64, Instant::now());
        let limit = session.patience(Duration::from_millis(self.within_ms));
        if self.may_fail {
            let mut refused = 0;
            for (n, at) in (1..).zip(extents) {
                let (pending, seq) = session.submit(vec![at], self.fua, 1)?;
                refused += u64::from(!session.written(&pending, seq..seq + 1, true)?);
                if began.elapsed() > limit {
                    return Err(
                        session.hung(format!("{n} of {count} writes ended within {limit:?}"))
                    );
                }
            }
            return Ok(Seen::Open(format!("{count} writes ended, {refused} with an I/O error")));
        }
        let (pending, first) = session.submit(extents, self.fua, self.depth)?;
        match session.guest()?.wait_up_to(&pending, limit) {
            Ok(_) => {}
            Err(CallError::Deadline { after, .. }) => {
                let acked = pending.progress().acked.len();
                let what = format!("{acked} of {count} writes ended within {after:?}");
                return Err(session.hung(what));
            }
            Err(other) => return Err(other.into()),
        }
        (first..first + count).for_each(|seq| session.tell(Told::Acked { seq }));
        let ms = began.elapsed().as_millis();
        Ok(Seen::Open(format!("{count} writes ended after {ms} ms")))
    }
}

/// Pieces of so many sectors, a stride apart, that lie within a block.
fn all(block: Extent, sectors: u32, stride: Option<u32>) -> Vec<Extent> {
    let end = block.range().end;
    let starts = (block.sector..end).step_by(stride.unwrap_or(sectors) as usize);
    let fits = starts.take_while(|start| start + u64::from(sectors) <= end);
    fits.map(|sector| Extent { sector, sectors }).collect()
}

#[cfg(test)]
mod tests {
    use super::all;
    use wire::Extent;

    #[test]
    fn writes_are_a_stride_apart_and_stay_within_the_block() {
        let starts = |block, stride| -> Vec<u64> {
            all(block, 8, stride).iter().map(|extent| extent.sector).collect()
        };
        let block = Extent { sector: 1000, sectors: 208 };
        assert_eq!(starts(block, Some(100)), [1000, 1100, 1200]);
        assert_eq!(starts(Extent { sectors: 207, ..block }, Some(100)).len(), 2);
        assert_eq!(starts(block, None).len(), 26);
    }
}
