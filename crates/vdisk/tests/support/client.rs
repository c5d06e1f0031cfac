// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client that can do what polite ones cannot: leave requests under way,
//! send nonsense, vanish. (Conformance is judged by clients of others.)

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use vdisk::Rig;

pub const READ: u16 = 0;
pub const WRITE: u16 = 1;
pub const FLUSH: u16 = 3;
pub const TRIM: u16 = 4;
pub const ZERO: u16 = 6;
pub const FUA: u16 = 1;

/// A connection in transmission, simple replies.
pub struct Client {
    pub stream: UnixStream,
    next: u64,
}

pub fn raw(rig: &Rig, disk: &str) -> UnixStream {
    let stream = UnixStream::connect(rig.socket(disk)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

pub fn request(flags: u16, kind: u16, cookie: u64, offset: u64, length: u32) -> Vec<u8> {
    let mut bytes = 0x2560_9513u32.to_be_bytes().to_vec();
    bytes.extend(flags.to_be_bytes());
    bytes.extend(kind.to_be_bytes());
    bytes.extend(cookie.to_be_bytes());
    bytes.extend(offset.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes
}

impl Client {
    pub fn connect(rig: &Rig, disk: &str) -> Self {
        Self::try_connect(rig, disk).unwrap()
    }

    pub fn try_connect(rig: &Rig, disk: &str) -> io::Result<Self> {
        let mut stream = raw(rig, disk);
        let mut hello = [0; 18];
        stream.read_exact(&mut hello)?;
        assert_eq!(&hello[..16], b"NBDMAGICIHAVEOPT");
        let mut ask = 3u32.to_be_bytes().to_vec();
        ask.extend(b"IHAVEOPT\0\0\0\x01\0\0\0\0");
        stream.write_all(&ask)?;
        stream.read_exact(&mut [0; 10])?;
        Ok(Self { stream, next: 0 })
    }

    /// Sends a request for sectors and returns its cookie.
    pub fn send(&mut self, flags: u16, kind: u16, sector: u64, payload: Result<&[u8], u32>) -> u64 {
        self.next += 1;
        let length = payload.map_or_else(|sectors| sectors * 512, |data| data.len() as u32);
        let mut bytes = request(flags, kind, self.next, sector * 512, length);
        bytes.extend(payload.unwrap_or(&[]));
        self.stream.write_all(&bytes).unwrap();
        self.next
    }

    pub fn write(&mut self, flags: u16, sector: u64, data: &[u8]) -> u64 {
        self.send(flags, WRITE, sector, Ok(data))
    }

    /// The next answer: error and cookie.
    pub fn answer(&mut self) -> io::Result<(u32, u64)> {
        let mut header = [0; 16];
        self.stream.read_exact(&mut header)?;
        assert_eq!(header[..4], 0x6744_6698u32.to_be_bytes());
        let error = u32::from_be_bytes(header[4..8].try_into().unwrap());
        Ok((error, u64::from_be_bytes(header[8..].try_into().unwrap())))
    }

    /// Waits for the answer to `cookie`, which must be the next and good.
    pub fn done(&mut self, cookie: u64) {
        assert_eq!(self.answer().unwrap(), (0, cookie));
    }

    pub fn write_done(&mut self, flags: u16, sector: u64, data: &[u8]) {
        let cookie = self.write(flags, sector, data);
        self.done(cookie);
    }

    pub fn flush(&mut self) {
        let cookie = self.send(0, FLUSH, 0, Err(0));
        self.done(cookie);
    }

    pub fn read(&mut self, sector: u64, sectors: u32) -> Vec<u8> {
        let cookie = self.send(0, READ, sector, Err(sectors));
        self.done(cookie);
        let mut data = vec![0; sectors as usize * 512];
        self.stream.read_exact(&mut data).unwrap();
        data
    }
}
