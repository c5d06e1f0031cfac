// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers of the transmission, simple and structured.

use super::conn::Conn;
use super::handshake::Terms;
use super::proto::{self, chunk, errno};
use crate::op::Op;
use crate::request::Command;
use std::ops::Range;

const SECTOR: u64 = crate::media::SECTOR as u64;

fn simple(out: &mut Vec<u8>, error: u32, cookie: u64) {
    out.extend(proto::SIMPLE_REPLY_MAGIC.to_be_bytes());
    out.extend(error.to_be_bytes());
    out.extend(cookie.to_be_bytes());
}

fn chunk_header(out: &mut Vec<u8>, kind: u16, cookie: u64, length: u32) {
    out.extend(proto::CHUNK_MAGIC.to_be_bytes());
    out.extend(chunk::DONE.to_be_bytes());
    out.extend(kind.to_be_bytes());
    out.extend(cookie.to_be_bytes());
    out.extend(length.to_be_bytes());
}

/// Everything of a read's answer but the data, which the caller appends.
pub(crate) fn start_read(conn: &Conn, command: &Command, out: &mut Vec<u8>) {
    let Range { start, end } = command.range;
    let bytes = ((end - start) * SECTOR) as u32;
    out.reserve_exact(bytes as usize + 32);
    if conn.terms.structured {
        chunk_header(out, chunk::OFFSET_DATA, command.cookie, bytes + 8);
        out.extend((start * SECTOR).to_be_bytes());
    } else {
        simple(out, 0, command.cookie);
    }
}

/// Completes the answer of a request; a read's data are in `out` already.
pub(crate) fn finish(conn: &Conn, command: &Command, error: u32, out: &mut Vec<u8>) {
    if error != 0 {
        out.clear();
        refuse(conn.terms, command.cookie, error, "the disk reports an error", out);
    } else if command.op != Op::Read {
        if conn.terms.structured {
            chunk_header(out, chunk::NONE, command.cookie, 0);
        } else {
            simple(out, 0, command.cookie);
        }
    }
}

/// Answers with an error and, where the client understands it, the reason.
pub(crate) fn refuse(terms: Terms, cookie: u64, error: u32, why: &str, out: &mut Vec<u8>) {
    if terms.structured {
        chunk_header(out, chunk::ERROR, cookie, 6 + why.len() as u32);
        out.extend(error.to_be_bytes());
        out.extend((why.len() as u16).to_be_bytes());
        out.extend(why.as_bytes());
    } else {
        simple(out, error, cookie);
    }
}

/// Says which parts of `range` (sectors) are stored; `extents` are those that
/// are. With `one`, only the first stretch.
pub(crate) fn block_status(
    conn: &Conn,
    cookie: u64,
    range: Range<u64>,
    extents: impl Iterator<Item = Range<u64>>,
    one: bool,
    out: &mut Vec<u8>,
) {
    // A client may ask for 4 GiB of a scattered disk: tell it the first part.
    const LIMIT: usize = 8192;
    if !conn.terms.allocation {
        return refuse(conn.terms, cookie, errno::EINVAL, "no metadata context was set", out);
    }
    let mut stretches: Vec<(u64, u32)> = Vec::new();
    let mut at = range.start;
    let mut say = |sectors: u64, flags: u32| {
        if sectors > 0 {
            stretches.push((sectors * SECTOR, flags));
        }
        stretches.len() < if one { 1 } else { LIMIT }
    };
    let mut more = true;
    for extent in extents {
        more = say(extent.start - at, proto::HOLE_AND_ZERO) && say(extent.end - extent.start, 0);
        at = extent.end;
        if !more {
            break;
        }
    }
    if more {
        say(range.end - at, proto::HOLE_AND_ZERO);
    }
    chunk_header(out, chunk::BLOCK_STATUS, cookie, 4 + 8 * stretches.len() as u32);
    out.extend(proto::ALLOCATION_ID.to_be_bytes());
    for (bytes, flags) in stretches {
        out.extend((bytes as u32).to_be_bytes());
        out.extend(flags.to_be_bytes());
    }
}
