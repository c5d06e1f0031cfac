// SPDX-License-Identifier: MIT OR Apache-2.0
//! The conversation before the transmission: fixed newstyle only.

use super::proto::{self, answer, can, info, option};
use super::wire::Fields;
use std::io::{self, Read, Write};

/// What a client may know of a disk.
#[derive(Clone, Debug)]
pub(crate) struct Export {
    pub name: String,
    pub bytes: u64,
    pub rotational: bool,
}

impl Export {
    fn flags(&self) -> u16 {
        // A flush covers what was completed on any connection, and all read
        // the same content, so several connections are safe.
        let mut flags = can::HAS_FLAGS | can::FLUSH | can::FUA | can::TRIM | can::MULTI_CONN;
        flags |= can::WRITE_ZEROES | can::FAST_ZERO | can::DF;
        if self.rotational {
            flags |= can::ROTATIONAL;
        }
        flags
    }

    /// An empty name means the default: the one disk behind this socket.
    fn is_called(&self, name: &str) -> bool {
        name.is_empty() || name == self.name
    }
}

/// What was agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    pub structured: bool,
    pub allocation: bool,
}

/// How a handshake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Transmit(Terms),
    /// The client said goodbye, or something that no answer exists for.
    End,
}

struct Session<'a, S> {
    stream: &'a mut S,
    export: &'a Export,
    terms: Terms,
    no_zeroes: bool,
}

/// Speaks with a client until it may send requests.
///
/// # Errors
/// What the stream reports; a client that vanishes is `UnexpectedEof`.
pub(crate) fn handshake<S: Read + Write>(stream: &mut S, export: &Export) -> io::Result<Outcome> {
    let mut hello = Vec::with_capacity(18);
    hello.extend(proto::MAGIC.to_be_bytes());
    hello.extend(proto::OPTION_MAGIC.to_be_bytes());
    hello.extend(((proto::FIXED_NEWSTYLE | proto::NO_ZEROES) as u16).to_be_bytes());
    stream.write_all(&hello)?;
    let mut flags = [0; 4];
    stream.read_exact(&mut flags)?;
    let flags = u32::from_be_bytes(flags);
    if flags & !(proto::FIXED_NEWSTYLE | proto::NO_ZEROES) != 0 {
        return Ok(Outcome::End);
    }
    let no_zeroes = flags & proto::NO_ZEROES != 0;
    let mut session = Session { stream, export, terms: Terms::default(), no_zeroes };
    loop {
        if let Some(outcome) = session.option()? {
            return Ok(outcome);
        }
    }
}

impl<S: Read + Write> Session<'_, S> {
    fn option(&mut self) -> io::Result<Option<Outcome>> {
        let mut header = [0; 16];
        self.stream.read_exact(&mut header)?;
        let mut fields = Fields(&header);
        let (magic, number, length) = (fields.u64(), fields.u32(), fields.u32());
        let (Some(proto::OPTION_MAGIC), Some(number), Some(length)) = (magic, number, length)
        else {
            return Ok(Some(Outcome::End));
        };
        if length > proto::MAX_REQUEST {
            return Ok(Some(Outcome::End));
        }
        if length > proto::MAX_OPTION {
            io::copy(&mut (&mut *self.stream).take(length.into()), &mut io::sink())?;
            self.answer(number, answer::ERR_TOO_BIG, b"option data too long")?;
            return Ok(None);
        }
        let mut data = vec![0; length as usize];
        self.stream.read_exact(&mut data)?;
        self.obey(number, &data)
    }

    fn obey(&mut self, number: u32, data: &[u8]) -> io::Result<Option<Outcome>> {
        match number {
            option::EXPORT_NAME => return self.export_name(data).map(Some),
            option::ABORT => {
                // The client may be gone already; it does not matter.
                let _ = self.answer(number, answer::ACK, &[]);
                return Ok(Some(Outcome::End));
            }
            option::LIST if data.is_empty() => {
                let mut entry = (self.export.name.len() as u32).to_be_bytes().to_vec();
                entry.extend(self.export.name.as_bytes());
                self.answer(number, answer::SERVER, &entry)?;
                self.answer(number, answer::ACK, &[])?;
            }
            option::STRUCTURED_REPLY if data.is_empty() => {
                self.terms.structured = true;
                self.answer(number, answer::ACK, &[])?;
            }
            option::LIST | option::STRUCTURED_REPLY => {
                self.answer(number, answer::ERR_INVALID, b"this option takes no data")?;
            }
            option::INFO | option::GO => return self.info(number, data),
            option::LIST_META_CONTEXT | option::SET_META_CONTEXT => {
                self.meta_context(number, data)?;
            }
            _ => self.answer(number, answer::ERR_UNSUP, b"unknown option")?,
        }
        Ok(None)
    }

    fn answer(&mut self, number: u32, kind: u32, data: &[u8]) -> io::Result<()> {
        let mut out = Vec::with_capacity(20 + data.len());
        out.extend(proto::OPTION_REPLY_MAGIC.to_be_bytes());
        out.extend(number.to_be_bytes());
        out.extend(kind.to_be_bytes());
        out.extend((data.len() as u32).to_be_bytes());
        out.extend(data);
        self.stream.write_all(&out)
    }

    /// The old way in, which cannot be refused politely.
    fn export_name(&mut self, name: &[u8]) -> io::Result<Outcome> {
        if !std::str::from_utf8(name).is_ok_and(|name| self.export.is_called(name)) {
            return Ok(Outcome::End);
        }
        let mut out = self.export.bytes.to_be_bytes().to_vec();
        out.extend(self.export.flags().to_be_bytes());
        if !self.no_zeroes {
            out.resize(out.len() + 124, 0);
        }
        self.stream.write_all(&out)?;
        Ok(Outcome::Transmit(self.terms))
    }

    fn info(&mut self, number: u32, data: &[u8]) -> io::Result<Option<Outcome>> {
        let Some((name, wanted)) = parse_info(data) else {
            self.answer(number, answer::ERR_INVALID, b"malformed option")?;
            return Ok(None);
        };
        if !self.export.is_called(name) {
            self.answer(number, answer::ERR_UNKNOWN, b"no such disk behind this socket")?;
            return Ok(None);
        }
        let mut export = info::EXPORT.to_be_bytes().to_vec();
        export.extend(self.export.bytes.to_be_bytes());
        export.extend(self.export.flags().to_be_bytes());
        self.answer(number, answer::INFO, &export)?;
        if wanted.contains(&info::NAME) {
            let mut name = info::NAME.to_be_bytes().to_vec();
            name.extend(self.export.name.as_bytes());
            self.answer(number, answer::INFO, &name)?;
        }
        // Always told: a disk has no half sectors, asked or not.
        let mut sizes = info::BLOCK_SIZE.to_be_bytes().to_vec();
        for size in [512, 4096, proto::MAX_REQUEST] {
            sizes.extend(size.to_be_bytes());
        }
        self.answer(number, answer::INFO, &sizes)?;
        self.answer(number, answer::ACK, &[])?;
        Ok((number == option::GO).then_some(Outcome::Transmit(self.terms)))
    }

    fn meta_context(&mut self, number: u32, data: &[u8]) -> io::Result<()> {
        let set = number == option::SET_META_CONTEXT;
        if set {
            // The last request counts, also when it fails.
            self.terms.allocation = false;
            if !self.terms.structured {
                return self.answer(number, answer::ERR_INVALID, b"needs structured replies");
            }
        }
        let Some((name, queries)) = parse_contexts(data) else {
            return self.answer(number, answer::ERR_INVALID, b"malformed option");
        };
        if !self.export.is_called(name) {
            return self.answer(number, answer::ERR_UNKNOWN, b"no such disk behind this socket");
        }
        let everything = !set && (queries.is_empty() || queries.contains(&"base:"));
        if everything || queries.contains(&proto::ALLOCATION) {
            let id = if set { proto::ALLOCATION_ID } else { 0 };
            self.terms.allocation |= set;
            let mut context = id.to_be_bytes().to_vec();
            context.extend(proto::ALLOCATION.as_bytes());
            self.answer(number, answer::META_CONTEXT, &context)?;
        }
        self.answer(number, answer::ACK, &[])
    }
}

fn parse_info(data: &[u8]) -> Option<(&str, Vec<u16>)> {
    let mut fields = Fields(data);
    let name = fields.text()?;
    let count = fields.u16()?;
    let wanted = (0..count).map(|_| fields.u16()).collect::<Option<Vec<_>>>()?;
    fields.0.is_empty().then_some((name, wanted))
}

fn parse_contexts(data: &[u8]) -> Option<(&str, Vec<&str>)> {
    let mut fields = Fields(data);
    let name = fields.text()?;
    let count = fields.u32()?;
    let queries = (0..count).map(|_| fields.text()).collect::<Option<Vec<_>>>()?;
    fields.0.is_empty().then_some((name, queries))
}
