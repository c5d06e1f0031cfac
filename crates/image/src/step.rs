// SPDX-License-Identifier: MIT OR Apache-2.0
//! One step of a build: a compiler, with a log.

use crate::error::ImageError;
use proc::{Cancel, Tail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs one step of a build with its output in a log.
///
/// # Errors
/// [`ImageError::Build`] with the log's end when it fails.
pub fn run(
    what: &str,
    command: &mut Command,
    log: &Path,
    cancel: &Cancel,
) -> Result<(), ImageError> {
    let program = PathBuf::from(command.get_program());
    let status = proc::run_logged(command, log, cancel).map_err(ImageError::run(program))?;
    if status.success() {
        return Ok(());
    }
    let mut tail = Tail::default();
    String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).lines().for_each(|l| tail.push(l));
    Err(ImageError::Build { what: what.into(), log: log.into(), tail: tail.text() })
}
