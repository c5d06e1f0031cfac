// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads a long range in large requests, one ahead of whoever looks at it:
//! under emulation both the disk and the checksums cost, so they overlap.

use crate::direct::{self, Buffer};
use crate::failure::Failure;
use std::fs::File;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread;
use wire::SECTOR;

/// Size of a request, in sectors: 1 MiB, the largest bio.
pub const STEP: u64 = (1 << 20) / SECTOR as u64;

/// Buffers in use at once: one being read, one waiting, one being looked at.
const BUFFERS: usize = 3;

/// One piece of the range.
pub struct Piece {
    pub first: u64,
    pub data: Buffer,
}

/// The pieces of one range, in order.
pub struct Stream {
    pieces: Receiver<Result<Piece, Failure>>,
    spare: Sender<Buffer>,
}

impl Stream {
    /// Starts reading `sectors` sectors from `first` on.
    ///
    /// # Errors
    /// No thread to be had.
    pub fn start(file: File, first: u64, sectors: u64) -> Result<Self, Failure> {
        let (full, pieces) = sync_channel(BUFFERS);
        let (spare, empty) = channel();
        for _ in 0..BUFFERS {
            let _ = spare.send(Buffer::new(STEP as usize * SECTOR));
        }
        let end = first + sectors;
        let read = move || {
            let mut at = first;
            while at < end {
                // Closed: nobody wants the rest.
                let Ok(mut data) = empty.recv() else { return };
                let count = STEP.min(end - at);
                Buffer::set_len(&mut data, count as usize * SECTOR);
                let piece = direct::read(&file, at, &mut data);
                let failed = piece.is_err();
                if full.send(piece.map(|()| Piece { first: at, data })).is_err() || failed {
                    return;
                }
                at += count;
            }
        };
        thread::Builder::new()
            .name("stream".into())
            .spawn(read)
            .map_err(|error| Failure::new(format!("starting a thread: {error}")))?;
        Ok(Self { pieces, spare })
    }

    /// The next piece; `None` after the last.
    ///
    /// # Errors
    /// The read that failed; nothing comes after it.
    pub fn next(&self) -> Result<Option<Piece>, Failure> {
        self.pieces.recv().ok().transpose()
    }

    /// Gives a piece's memory back for another read.
    pub fn recycle(&self, piece: Piece) {
        // The reader has ended: the memory is simply freed.
        let _ = self.spare.send(piece.data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn pieces_cover_the_range_in_order() {
        let mut file = tempfile::tempfile().unwrap();
        let total = STEP * 2 + 5;
        for sector in 0..total {
            file.write_all(&[(sector % 251) as u8; SECTOR]).unwrap();
        }
        let stream = Stream::start(file, 3, total - 3).unwrap();
        let mut next = 3;
        while let Some(piece) = stream.next().unwrap() {
            assert_eq!(piece.first, next);
            for (bytes, sector) in piece.data.bytes().chunks(SECTOR).zip(piece.first..) {
                assert!(bytes.iter().all(|&b| u64::from(b) == sector % 251));
                next += 1;
            }
            stream.recycle(piece);
        }
        assert_eq!(next, total);
    }

    #[test]
    fn a_failed_read_ends_the_stream() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 20).unwrap();
        let stream = Stream::start(file, 0, STEP * 3).unwrap();
        assert!(stream.next().unwrap().is_some());
        assert!(stream.next().is_err());
        assert!(stream.next().unwrap().is_none());
    }
}
