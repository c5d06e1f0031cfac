// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is common to all verbs.

/// A verb of a scenario. Its fields are those of the TOML file, the comments on them are
/// the reference (docs/scenarios.md).
pub trait Verb {
    /// Whether the step may or must have `proves`.
    const PROOF: Proof = Proof::Never;

    /// In a few words, for progress, logs and messages.
    fn describe(&self) -> String;

    /// Fields that cannot both be meant.
    fn contradiction(&self) -> Option<&'static str> {
        None
    }

    /// The names in it, in the order in which they are used.
    fn mentions(&self) -> Vec<Mention<'_>> {
        Vec::new()
    }
}

/// Whether what a verb shows can be part of the opportunity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It shows nothing.
    Never,
    /// It does something else as well.
    Optional,
    /// It is there for that only.
    Always,
}

/// A name in a step, and what the step does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mention<'a> {
    /// A block.
    Block(&'a str),
    /// A block that is read or written in pieces, each at the beginning of one of
    /// `sectors` sectors, or of so many buckets.
    Pieces(&'a str, Piece),
    /// A hold is armed.
    Arms(&'a str),
    /// A hold must be armed.
    Holds(&'a str),
    /// A held request goes on.
    Releases(&'a str),
    /// A version is written.
    Writes {
        /// The version.
        version: &'a str,
        /// The block.
        at: &'a str,
        /// Whether it is to be waited for.
        background: bool,
        /// Whether it leaves nothing that could be read back by its name.
        discard: bool,
    },
    /// A write in the background is waited for.
    Joins(&'a str),
    /// A version must have been written.
    Version(&'a str),
    /// A read is started.
    StartsRead {
        /// The read.
        name: &'a str,
        /// The block.
        at: &'a str,
    },
    /// A read that was started is waited for.
    JoinsRead {
        /// The read.
        name: &'a str,
        /// The version that it must return.
        returns: Option<&'a str>,
    },
    /// A block is read, which must return a version.
    Returns {
        /// The block.
        at: &'a str,
        /// The version.
        version: &'a str,
    },
    /// The machine goes down.
    Cuts,
    /// It comes up again.
    Boots,
}

/// Length of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// In 512 B sectors.
    Sectors(u64),
    /// In buckets of the cache.
    Buckets(u64),
}
