// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests out of a byte stream, as many at once as have arrived.

use super::proto::{self, cmd, errno, flag};
use super::wire::Fields;
use crate::op::Op;
use crate::request::Command;
use std::io::{self, Read};
use std::sync::Arc;

const SECTOR: u64 = crate::media::SECTOR as u64;
const HEADER: usize = 28;
const BUFFER: usize = 256 << 10;

/// What a client wants.
#[derive(Debug)]
pub(crate) enum Wish {
    /// A request for the disk.
    Run(Command),
    /// Which parts are stored; range in sectors.
    Status { cookie: u64, range: std::ops::Range<u64>, one: bool },
    /// Nothing sensible: an error number and why.
    Refuse { cookie: u64, error: u32, why: &'static str },
    /// The end.
    Leave,
}

#[derive(Clone, Copy, Debug)]
struct Header {
    flags: u16,
    kind: u16,
    cookie: u64,
    offset: u64,
    length: u32,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let magic = fields.u32()?;
        let header = Self {
            flags: fields.u16()?,
            kind: fields.u16()?,
            cookie: fields.u64()?,
            offset: fields.u64()?,
            length: fields.u32()?,
        };
        (magic == proto::REQUEST_MAGIC).then_some(header)
    }

    /// Bytes that follow the header, whether the request makes sense or not.
    fn payload(self) -> u32 {
        if self.kind == cmd::WRITE { self.length } else { 0 }
    }

    fn check(self, disk_bytes: u64) -> Result<Option<Op>, (u32, &'static str)> {
        let invalid = |why| Err((errno::EINVAL, why));
        let (op, allowed) = match self.kind {
            cmd::READ => (Some(Op::Read), flag::FUA | flag::DF),
            cmd::WRITE => (Some(Op::Write), flag::FUA),
            cmd::FLUSH => (Some(Op::Flush), flag::FUA),
            cmd::TRIM => (Some(Op::Trim), flag::FUA),
            cmd::WRITE_ZEROES => {
                (Some(Op::WriteZeroes), flag::FUA | flag::NO_HOLE | flag::FAST_ZERO)
            }
            cmd::BLOCK_STATUS => (None, flag::FUA | flag::REQ_ONE),
            _ => return invalid("unknown command"),
        };
        if self.flags & !allowed != 0 {
            return invalid("a flag that this command does not have");
        }
        if op == Some(Op::Flush) {
            return if (self.offset, self.length) == (0, 0) {
                Ok(op)
            } else {
                invalid("a flush has no range")
            };
        }
        if self.length == 0 {
            return invalid("an empty range");
        }
        let whole =
            self.offset.is_multiple_of(SECTOR) && u64::from(self.length).is_multiple_of(SECTOR);
        if !whole {
            return invalid("not whole sectors of 512 bytes");
        }
        if matches!(op, Some(Op::Read | Op::Write)) && self.length > proto::MAX_REQUEST {
            return invalid("longer than 32 MiB");
        }
        if self.offset.checked_add(self.length.into()).is_none_or(|end| end > disk_bytes) {
            let grows = matches!(op, Some(Op::Write | Op::WriteZeroes));
            let error = if grows { errno::ENOSPC } else { errno::EINVAL };
            return Err((error, "beyond the end of the disk"));
        }
        Ok(op)
    }

    fn wish(self, disk_bytes: u64, payload: Option<Vec<u8>>) -> Wish {
        let cookie = self.cookie;
        if self.kind == cmd::DISC {
            return Wish::Leave;
        }
        let op = match self.check(disk_bytes) {
            Ok(op) => op,
            Err((error, why)) => return Wish::Refuse { cookie, error, why },
        };
        let first = self.offset / SECTOR;
        let range = first..first + u64::from(self.length) / SECTOR;
        let Some(op) = op else {
            return Wish::Status { cookie, range, one: self.flags & flag::REQ_ONE != 0 };
        };
        // FUA on a read or a flush changes nothing.
        let fua = op.changes() && self.flags & flag::FUA != 0;
        Wish::Run(Command { cookie, op, range, fua, payload: payload.map(Arc::new) })
    }
}

/// The receiving side of a connection.
pub(crate) struct Inbox<R> {
    stream: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    disk_bytes: u64,
}

impl<R: Read> Inbox<R> {
    pub fn new(stream: R, disk_bytes: u64) -> Self {
        Self::with_buffer(stream, disk_bytes, BUFFER)
    }

    /// With a buffer of `size` bytes, which must hold a header.
    pub fn with_buffer(stream: R, disk_bytes: u64, size: usize) -> Self {
        let buffer = vec![0; size].into_boxed_slice();
        Self { stream, buffer, start: 0, end: 0, disk_bytes }
    }

    /// Waits for at least one request and returns all that have arrived
    /// whole. Empty when the client speaks nonsense; the last may be `Leave`.
    ///
    /// Requests that arrive together are returned together: to the crash
    /// model, none of them was issued after another's completion.
    pub fn wishes(&mut self) -> io::Result<Vec<Wish>> {
        let mut wishes = Vec::new();
        loop {
            let have = self.end - self.start;
            if have < HEADER {
                if !wishes.is_empty() {
                    return Ok(wishes);
                }
                self.fill()?;
                continue;
            }
            let Some(header) = Header::parse(&self.buffer[self.start..self.start + HEADER]) else {
                wishes.push(Wish::Leave);
                return Ok(wishes);
            };
            let payload = header.payload() as usize;
            if have - HEADER >= payload {
                let at = self.start + HEADER;
                let data = (payload > 0).then(|| self.buffer[at..at + payload].to_vec());
                self.start = at + payload;
                wishes.push(header.wish(self.disk_bytes, data));
                if matches!(wishes.last(), Some(Wish::Leave)) {
                    return Ok(wishes);
                }
            } else if wishes.is_empty() {
                wishes.push(self.long(header)?);
                return Ok(wishes);
            } else {
                return Ok(wishes);
            }
        }
    }

    /// A write whose data have not arrived yet.
    fn long(&mut self, header: Header) -> io::Result<Wish> {
        let at = self.start + HEADER;
        let arrived = self.end - at;
        let missing = header.payload() as usize - arrived;
        (self.start, self.end) = (0, 0);
        if header.payload() > proto::MAX_SKIP {
            return Ok(Wish::Leave);
        }
        if header.check(self.disk_bytes).is_err() {
            let mut rest = (&mut self.stream).take(missing as u64);
            if io::copy(&mut rest, &mut io::sink())? < missing as u64 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            return Ok(header.wish(self.disk_bytes, None));
        }
        let mut data = Vec::with_capacity(arrived + missing);
        data.extend_from_slice(&self.buffer[at..at + arrived]);
        if (&mut self.stream).take(missing as u64).read_to_end(&mut data)? < missing {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(header.wish(self.disk_bytes, Some(data)))
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        match self.stream.read(&mut self.buffer[self.end..])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.end += count;
                Ok(())
            }
        }
    }
}
