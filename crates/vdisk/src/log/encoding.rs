// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records as bytes and back.

use crate::cut::CutKind;
use crate::event::{Event, Kind, Mark};
use crate::op::Op;
use std::sync::Arc;

/// The first bytes of a log; the last one is the format's version.
pub const MAGIC: [u8; 16] = *b"bcache-lab vlog\x01";

pub(crate) const DISK: u8 = 1;
pub(crate) const CONTENT: u8 = 2;
pub(crate) const LIFE: u8 = 3;
pub(crate) const PAGE: u8 = 4;
pub(crate) const EVENT: u8 = 5;

const OPS: [Op; 5] = [Op::Read, Op::Write, Op::Flush, Op::Trim, Op::WriteZeroes];
const FLAG_FUA: u8 = 1;
const FLAG_CONTENT: u8 = 2;

pub(crate) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A batch as it is read; `None` at its end or where it makes no sense.
pub(crate) struct Batch<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Batch<'a> {
    pub fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let bytes = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    pub fn text(&mut self) -> Option<&'a str> {
        let length = self.number()?.try_into().ok()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    pub fn hash(&mut self) -> Option<u128> {
        self.take(16)?.try_into().ok().map(u128::from_le_bytes)
    }
}

/// What one event is told relative to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Before {
    seq: u64,
    at_ns: u64,
}

fn put_kind(out: &mut Vec<u8>, kind: &Kind) {
    let (code, argument) = match kind {
        Kind::Connect => (1, 0),
        Kind::Disconnect => (2, 0),
        Kind::Issue => (3, 0),
        Kind::Media => (4, 0),
        Kind::Complete => (5, 0),
        Kind::Held(hold) => (6, *hold),
        Kind::Released(hold) => (7, *hold),
        Kind::Cut(CutKind::Power) => (8, 0),
        Kind::Cut(CutKind::Reset) => (8, 1),
        Kind::PowerOn => (9, 0),
        Kind::Restore => (10, 0),
        Kind::Poke => (11, 0),
        Kind::Mark(mark, text) => {
            let code = match mark {
                Mark::Step => 12,
                Mark::Judge => 13,
                Mark::Note => 14,
                Mark::Proof => 15,
            };
            (code, text.len() as u64)
        }
    };
    out.push(code);
    put(out, argument);
    if let Kind::Mark(_, text) = kind {
        out.extend_from_slice(text.as_bytes());
    }
}

fn kind(batch: &mut Batch<'_>) -> Option<Kind> {
    let (code, argument) = (batch.byte()?, batch.number()?);
    Some(match code {
        1 => Kind::Connect,
        2 => Kind::Disconnect,
        3 => Kind::Issue,
        4 => Kind::Media,
        5 => Kind::Complete,
        6 => Kind::Held(argument),
        7 => Kind::Released(argument),
        8 => Kind::Cut(if argument == 0 { CutKind::Power } else { CutKind::Reset }),
        9 => Kind::PowerOn,
        10 => Kind::Restore,
        11 => Kind::Poke,
        12..=15 => {
            let text = std::str::from_utf8(batch.take(argument.try_into().ok()?)?).ok()?;
            let mark = match code {
                // Older logs call every word a step.
                12 if text == "judge" => Mark::Judge,
                12 => Mark::Step,
                13 => Mark::Judge,
                14 => Mark::Note,
                _ => Mark::Proof,
            };
            Kind::Mark(mark, Arc::from(text))
        }
        _ => return None,
    })
}

/// Appends an event of disk number `disk` (from 1; 0 none).
pub(crate) fn put_event(
    out: &mut Vec<u8>,
    before: &mut Before,
    event: &Event,
    disk: u64,
    content: Option<u128>,
) {
    out.push(EVENT);
    put(out, event.seq.wrapping_sub(before.seq));
    put(out, event.at_ns.saturating_sub(before.at_ns));
    *before = Before { seq: event.seq, at_ns: event.at_ns.max(before.at_ns) };
    put(out, disk);
    put_kind(out, &event.kind);
    put(out, event.request);
    let op = event.op.and_then(|op| OPS.iter().position(|other| *other == op));
    out.push(op.map_or(0, |at| at as u8 + 1));
    put(out, event.sector);
    put(out, event.sectors);
    let flags = if event.fua { FLAG_FUA } else { 0 };
    out.push(flags | if content.is_some() { FLAG_CONTENT } else { 0 });
    put(out, event.error.into());
    if let Some(hash) = content {
        out.extend_from_slice(&hash.to_le_bytes());
    }
}

/// Reads what [`put_event`] wrote, after its tag.
pub(crate) fn event(
    batch: &mut Batch<'_>,
    before: &mut Before,
    names: &[Arc<str>],
    nobody: &Arc<str>,
) -> Option<(Event, Option<u128>)> {
    before.seq = before.seq.wrapping_add(batch.number()?);
    before.at_ns = before.at_ns.saturating_add(batch.number()?);
    let disk = match batch.number()? {
        0 => nobody,
        at => names.get(usize::try_from(at - 1).ok()?)?,
    };
    let kind = kind(batch)?;
    let request = batch.number()?;
    let op = match batch.byte()? {
        0 => None,
        at => Some(*OPS.get(usize::from(at - 1))?),
    };
    let (sector, sectors, flags) = (batch.number()?, batch.number()?, batch.byte()?);
    // Whoever reads events adds the two up.
    sector.checked_add(sectors)?;
    let error = batch.number()?.try_into().ok()?;
    let content = if flags & FLAG_CONTENT == 0 { None } else { Some(batch.hash()?) };
    let event = Event {
        seq: before.seq,
        at_ns: before.at_ns,
        disk: Arc::clone(disk),
        kind,
        request,
        op,
        sector,
        sectors,
        fua: flags & FLAG_FUA != 0,
        content: content.unwrap_or(0) as u64,
        error,
    };
    Some((event, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_keep_what_they_are_about_and_old_ones_are_steps_or_the_judge() {
        let read = |bytes: &[u8]| kind(&mut Batch { bytes, at: 0 });
        for mark in [Mark::Step, Mark::Judge, Mark::Note, Mark::Proof] {
            let mut bytes = Vec::new();
            let written = Kind::Mark(mark, "B is held".into());
            put_kind(&mut bytes, &written);
            assert_eq!(read(&bytes), Some(written));
            assert_eq!(read(&bytes[..bytes.len() - 1]), None, "cut off");
        }
        assert_eq!(read(b"\x0c\x05judge"), Some(Kind::Mark(Mark::Judge, "judge".into())));
        assert_eq!(read(b"\x0c\x05write"), Some(Kind::Mark(Mark::Step, "write".into())));
        assert_eq!(read(b"\x10\x05write"), None, "no kind of this version");
    }
}
