// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the package area tells its caller while it works.

/// One step of progress, or something the user should know.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Lists or packages are on their way.
    Fetching {
        /// A package's name, or "package lists".
        what: String,
        percent: f32,
    },
    /// Another process works in the area; we wait for it.
    Waiting { what: String },
    /// An archive is being unpacked.
    Unpacking {
        /// The archive's file name.
        what: String,
    },
    /// Not an error, but worth a line (an old list used without network, …).
    Notice(String),
}
