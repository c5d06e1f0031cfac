// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a log that is not whole stops being readable.

use std::fmt;

/// The place, and what is wrong there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Offset in the file (bytes) of the first frame that is not whole.
    pub offset: u64,
    /// The file's length (bytes).
    pub length: u64,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The file ends inside the frame: the tool was killed while it wrote.
    Short,
    /// The checksum does not fit: damaged, or, at the file's end, never
    /// written out by the system.
    Checksum,
    /// The checksum fits, the content makes no sense: written by another
    /// version.
    Unknown,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, length, why } = self;
        let why = match why {
            Why::Short => "the file ends inside a frame, its writer was killed",
            Why::Checksum => "a frame's checksum does not fit, the file is damaged",
            Why::Unknown => "a frame of another version of this tool",
        };
        let rest = length.saturating_sub(*offset);
        write!(f, "the log stops at byte {offset} of {length}: {why}; {rest} bytes are not read")
    }
}
