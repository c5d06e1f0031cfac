// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a time line is made of.

/// Everything that concerned one range of the bcache device in one case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// What is shown, in words.
    pub focus: String,
    /// In the order of the disks' common sequence.
    pub rows: Vec<Row>,
    /// Requests, and what is inferred between them, as spans of rows.
    pub bars: Vec<Bar>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Nanoseconds since the first row; `None` for a remark that has no
    /// instant of its own.
    pub at_ns: Option<u64>,
    /// Position in the disks' common sequence.
    pub event: Option<u64>,
    pub lane: Lane,
    /// How it is drawn.
    pub tone: Tone,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// The scenario, or the lab.
    Lab,
    /// bcache itself: only inferred, never observed.
    Bcache,
    Ssd,
    Hdd,
}

impl Lane {
    /// The lanes that have bars, from left to right.
    pub const DRAWN: [Self; 3] = [Self::Bcache, Self::Ssd, Self::Hdd];

    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Lab => "lab",
            Self::Bcache => "bcache",
            Self::Ssd => "SSD",
            Self::Hdd => "HDD",
        }
    }
}

/// What kind of thing it is; also its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// A step of the scenario.
    Step,
    /// A remark of the lab.
    Note,
    /// A proof that the window was open.
    Proof,
    /// Data to a disk.
    Write,
    /// Data from a disk.
    Read,
    /// A hold of the lab.
    Hold,
    Journal,
    Leaf,
    /// Data on their way into the cache.
    Fill,
    /// Concluded from the requests, not seen.
    Inferred,
    /// The power, or a reset.
    Cut,
    /// What is left out.
    Skipped,
    /// The oracle's word: as expected.
    Verdict,
    /// The oracle's word: bad data.
    Bad,
}

/// A request under way, from one row to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    pub lane: Lane,
    pub tone: Tone,
    pub from: usize,
    /// Last row; the end of the time line for what never ended.
    pub to: usize,
    /// Whether it ended by itself, and not by a cut.
    pub ended: bool,
    /// Rows between which a hold kept it.
    pub held: Option<(usize, usize)>,
    /// Few words.
    pub label: String,
}
