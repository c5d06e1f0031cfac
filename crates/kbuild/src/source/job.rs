// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every way to a source needs.

use super::error::SourceError;
use crate::event::Event;
use crate::{Dirs, files};
use proc::Cancel;

/// What an unpacked source takes, with room for its archive.
const SPACE_MIB: u64 = 2600;

/// What every way to a source needs.
pub(super) struct Job<'a> {
    pub(super) dirs: &'a Dirs,
    pub(super) on_event: &'a dyn Fn(Event),
    pub(super) cancel: &'a Cancel,
}

impl Job<'_> {
    pub(super) fn check_space(&self) -> Result<(), SourceError> {
        let path = self.dirs.sources();
        std::fs::create_dir_all(&path).map_err(SourceError::io(&path))?;
        match files::free_space(&path).map(|bytes| bytes >> 20) {
            Some(free) if free < SPACE_MIB => {
                Err(SourceError::NoSpace { path, needed: SPACE_MIB, free })
            }
            _ => Ok(()),
        }
    }
}
