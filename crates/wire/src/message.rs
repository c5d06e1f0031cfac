// SPDX-License-Identifier: MIT OR Apache-2.0
//! The messages between the lab (host) and the agent (PID 1 of the guest).
//!
//! The host drives: it sends [`Request`]s, each is carried out in a thread of
//! its own, and answers come back in the order in which they are finished,
//! matched by `id`. So a write that the virtual disk holds does not stop the
//! reads that the scenario wants beside it.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Version of the messages; host and guest must agree exactly.
pub const PROTOCOL: u32 = 5;

/// A block device of the guest, by its role; the agent knows its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    /// `/dev/bcacheN`: addresses are the user's, counted as in [`crate::volume`].
    Bcache,
    /// The virtual SSD (virtio serial `ssd`).
    Ssd,
    /// The virtual HDD behind it (virtio serial `hdd`, `hdd2`), raw: the user's sector
    /// `n` is at `n + data_offset`. Stamps are checked against the raw address unless
    /// the request says otherwise with `stamp_shift`.
    Hdd,
}

/// A range of sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Extent {
    /// First sector, in 512 B units.
    pub sector: u64,
    /// Length, in 512 B sectors.
    pub sectors: u32,
}

impl Extent {
    /// Its sectors, in 512 B units.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.sector..self.sector + u64::from(self.sectors)
    }
}

/// From host to guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the host, unique within a boot; comes back with the answer.
    pub id: u64,
    pub op: Op,
}

/// What the host can ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Op {
    /// Answered at once with [`Answer::Done`].
    Ping,
    /// Has all requests after it carried out on one virtual processor.
    Pin { cpu: u32 },
    /// Runs a program to its end; `argv[0]` is looked up in the guest's PATH.
    Exec {
        argv: Vec<String>,
        /// Killed (and answered with an error) after this many milliseconds.
        timeout_ms: u64,
    },
    /// Reads a small text file (sysfs, proc); answered with [`Answer::Text`].
    ReadFile {
        /// Absolute path; one `*` per component is allowed and must match once.
        path: String,
    },
    /// Writes a small text file in one `write(2)`, as sysfs wants it.
    WriteFile {
        /// As in [`Op::ReadFile`]. The file is created if it is not there.
        path: String,
        /// Written as it is, no newline added.
        text: String,
    },
    /// Names in a directory, sorted; answered with [`Answer::Names`].
    ListDir {
        /// As in [`Op::ReadFile`].
        path: String,
    },
    /// Waits until a path exists.
    WaitPath {
        /// As in [`Op::ReadFile`].
        path: String,
        /// Error after this many milliseconds.
        timeout_ms: u64,
    },
    /// Stamped O_DIRECT writes, one request per extent, in order, at most
    /// `depth` in flight. Extent `i` carries `first_seq + i`.
    Write {
        device: Device,
        /// Non-overlapping ranges.
        extents: Vec<Extent>,
        /// Run number for the stamps.
        run: u64,
        /// Sequence number of the first extent.
        first_seq: u64,
        /// Actor number for the stamps.
        writer: u32,
        /// Ask for FUA (`RWF_DSYNC`).
        fua: bool,
        /// Requests in flight at once; 1 is one after the other.
        depth: u32,
    },
    /// O_DIRECT reads, one request per extent, in order; answered with
    /// [`Answer::Runs`].
    Read {
        device: Device,
        extents: Vec<Extent>,
        /// Added to a stamp's own address before it is compared with the
        /// address read (`data_offset` when reading the raw HDD), in sectors.
        stamp_shift: u64,
    },
    /// O_DIRECT read of one long range in requests of 1 MiB; answered with
    /// [`Answer::Runs`].
    Sweep {
        device: Device,
        /// First sector.
        first: u64,
        sectors: u64,
        /// As in [`Op::Read`].
        stamp_shift: u64,
    },
    /// Compares `Bcache` at sector `n` with `Hdd` at `n + data_offset`, byte
    /// by byte, whatever was written there; answered with [`Answer::Extents`],
    /// the differing sectors joined into ranges.
    Compare {
        /// First sector on the bcache device.
        first: u64,
        sectors: u64,
        /// `data_offset` of the backing device, in sectors.
        data_offset: u64,
    },
    /// Plain O_DIRECT requests, one after the other: no stamps, and nothing
    /// said in between, for measurements of the requests themselves.
    Drive {
        device: Device,
        /// Write (zeroes) instead of reading.
        write: bool,
        extents: Vec<Extent>,
    },
    /// `fdatasync(2)` on the device: a flush.
    Flush {
        device: Device,
        /// Which of several.
        volume: u64,
    },
    /// `BLKDISCARD`.
    Discard { device: Device, extent: Extent },
    /// Size of a device in sectors; answered with [`Answer::Number`].
    Size {
        device: Device,
        /// As in [`Op::Flush`].
        volume: u64,
    },
    /// Forgets what the kernel has cached of the virtual disks (`BLKFLSBUF`),
    /// so that a saved guest can be restored on others.
    DropCaches,
    /// Panics the guest kernel (`sysrq-trigger` `c`); for the lab's own tests.
    Panic,
    /// Makes the agent go silent without dying; for the lab's own tests.
    Hang,
    /// Orderly `sync` and power-off. Never part of a crash scenario.
    PowerOff,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// For people: what was being done, and the errno's name.
    pub message: String,
    /// Where a system call has failed.
    pub errno: Option<i32>,
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self { message, errno: None }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// From guest to host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum FromGuest {
    /// First message of a boot.
    Hello(Greeting),
    /// The outcome of a request.
    Answer { id: u64, result: Result<Answer, Refusal> },
    /// For [`Op::Write`]: how many extents have been submitted and how many
    /// acknowledged so far. Sent before each submission and after each
    /// acknowledgement, so that the host knows what a cut may have lost.
    Progress {
        id: u64,
        /// Extents handed to the kernel so far.
        issued: u32,
        /// Indices acknowledged since the last such message.
        acked: Vec<u32>,
    },
}

/// What the agent says of itself when it is ready.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Greeting {
    /// [`PROTOCOL`] of the guest's image.
    pub protocol: u32,
    /// `uname -r`.
    pub release: String,
    /// `/proc/uptime` when the agent was ready, in milliseconds.
    pub uptime_ms: u64,
}

/// The useful part of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", content = "value", rename_all = "kebab-case")]
pub enum Answer {
    /// Nothing to say.
    Done,
    Text(String),
    Names(Vec<String>),
    /// What was read, in address order per extent.
    Runs(Vec<Run>),
    Extents(Vec<Extent>),
    Number(u64),
    Exec(ExecOutput),
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecOutput {
    /// Exit code, or 128 + signal.
    pub code: i32,
    /// Lossy UTF-8.
    pub stdout: String,
    /// Lossy UTF-8.
    pub stderr: String,
}

/// Neighbouring sectors that say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// First sector, in 512 B units, on the device that was read.
    pub first: u64,
    pub sectors: u64,
    /// What each of them holds.
    pub content: Content,
}

impl Run {
    /// Whether a sector at `address` with `content` belongs to this run.
    #[must_use]
    pub fn continues_with(&self, content: &Content, address: u64) -> bool {
        let same = match (self.content, *content) {
            // Misplaced neighbours usually come from one misplaced write:
            // joined while both addresses advance together.
            (
                Content::Misplaced { run: r1, seq: s1, writer: w1, sector },
                Content::Misplaced { run: r2, seq: s2, writer: w2, sector: here },
            ) => (r1, s1, w1) == (r2, s2, w2) && here == sector + self.sectors,
            (a, b) => a == b,
        };
        same && self.first + self.sectors == address
    }
}

/// What one sector holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Content {
    /// A whole stamp, where it belongs.
    Stamped {
        /// See [`crate::Stamp::run`].
        run: u64,
        /// See [`crate::Stamp::seq`].
        seq: u64,
        /// See [`crate::Stamp::writer`].
        writer: u32,
    },
    /// A whole stamp of another address.
    Misplaced {
        /// See [`crate::Stamp::run`].
        run: u64,
        /// See [`crate::Stamp::seq`].
        seq: u64,
        /// See [`crate::Stamp::writer`].
        writer: u32,
        /// The address the stamp names (of the run's first sector).
        sector: u64,
    },
    /// All zeroes.
    Blank,
    /// Our magic, wrong checksum: two writes mixed, or damage.
    Torn,
    /// Something that we did not write.
    Unstamped,
}
