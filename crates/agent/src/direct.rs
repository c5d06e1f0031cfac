// SPDX-License-Identifier: MIT OR Apache-2.0
//! What O_DIRECT asks for: aligned memory, and whole transfers.

use crate::failure::{Doing, Failure};
use rustix::io::{Errno, ReadWriteFlags, preadv2, pwritev2};
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use wire::SECTOR;

/// Pages: enough for any logical block size, and bcache bypasses what is not
/// aligned.
const ALIGN: usize = 4096;

/// Page-aligned bytes.
pub struct Buffer {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl Buffer {
    /// Zeroed.
    pub fn new(length: usize) -> Self {
        let memory = vec![0; length + ALIGN];
        let start = memory.as_ptr().align_offset(ALIGN);
        Self { memory, start, length }
    }

    /// For a number of sectors.
    pub fn sectors(count: u32) -> Self {
        Self::new(count as usize * SECTOR)
    }

    /// Shortens or lengthens within what was allocated.
    pub fn set_len(&mut self, length: usize) {
        self.length = length.min(self.memory.len() - ALIGN);
    }

    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..][..self.length]
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..][..self.length]
    }
}

/// Fills the buffer from `sector` on.
///
/// # Errors
/// `pread(2)`, or the end of the device.
pub fn read(file: &File, sector: u64, buffer: &mut Buffer) -> Result<(), Failure> {
    let count = buffer.length / SECTOR;
    whole(buffer.bytes_mut(), |rest, done| {
        let at = sector * SECTOR as u64 + done as u64;
        preadv2(file, &mut [IoSliceMut::new(rest)], at, ReadWriteFlags::empty())
    })
    .doing(|| format!("reading {count} sectors at {sector}"))
}

/// Writes the whole buffer at `sector`; durable on return with `fua`.
///
/// # Errors
/// `pwrite(2)`, or the end of the device.
pub fn write(file: &File, sector: u64, buffer: &mut Buffer, fua: bool) -> Result<(), Failure> {
    let count = buffer.length / SECTOR;
    let flags = if fua { ReadWriteFlags::DSYNC } else { ReadWriteFlags::empty() };
    whole(buffer.bytes_mut(), |rest, done| {
        let at = sector * SECTOR as u64 + done as u64;
        pwritev2(file, &[IoSlice::new(rest)], at, flags)
    })
    .doing(|| format!("writing {count} sectors at {sector}"))
}

/// Repeats a transfer until nothing is left.
fn whole(
    bytes: &mut [u8],
    mut transfer: impl FnMut(&mut [u8], usize) -> rustix::io::Result<usize>,
) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match transfer(&mut bytes[done..], done) {
            Ok(0) => return Err(io::Error::other("end of device")),
            Ok(count) => done += count,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_keep_their_length() {
        for length in [512, 4096, 12_800, 1 << 20] {
            let mut buffer = Buffer::new(length);
            assert_eq!(buffer.bytes().as_ptr().align_offset(ALIGN), 0);
            assert_eq!(buffer.bytes_mut().len(), length);
            buffer.set_len(512);
            assert_eq!(buffer.bytes().len(), 512);
            buffer.set_len(length * 2);
            assert_eq!(buffer.bytes().len(), length);
        }
    }

    #[test]
    fn the_end_of_the_device_is_said() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1024).unwrap();
        let error = read(&file, 1, &mut Buffer::sectors(2)).unwrap_err();
        assert_eq!(error.to_string(), "reading 2 sectors at 1: end of device");
    }
}
