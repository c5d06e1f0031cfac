// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the caller gives, and is told.

use std::path::PathBuf;

#[derive(Clone, Debug)]
pub struct ImageDirs {
    pub repo: PathBuf,
    /// The tool's cache; the image and its parts go below it.
    pub cache: PathBuf,
}

/// What takes its time.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageEvent {
    /// Cargo builds the agent, or finds it up to date.
    BuildingAgent,
    /// fio's source is being fetched.
    Fetching(debian::Event),
    /// fio is being built; about 20 s.
    BuildingFio {
        /// The source package's version.
        version: String,
    },
    /// The image is there.
    Ready {
        /// Its size in bytes.
        bytes: u64,
        /// It had been made before.
        cached: bool,
    },
}
