// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds the instruction counter, a plugin for QEMU, with the Cargo that
//! runs us.

use crate::agent::checkout;
use crate::error::ImageError;
use crate::event::ImageDirs;
use crate::step::run;
use proc::Cancel;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The plugin's file. Cargo decides whether it is up to date.
///
/// # Errors
/// [`ImageError::Build`] with the compiler's words.
pub fn counter(dirs: &ImageDirs, cancel: &Cancel) -> Result<PathBuf, ImageError> {
    let target_dir = dirs.cache.join("counter").join(checkout(&dirs.repo));
    fs::create_dir_all(&target_dir).map_err(ImageError::io(&target_dir))?;
    let log = target_dir.join("build.log");
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(&dirs.repo)
        .args(["build", "--locked", "--release", "--package", "counter", "--target-dir"])
        .arg(&target_dir)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_RUSTFLAGS")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTFLAGS");
    run("the instruction counter", &mut command, &log, cancel)?;
    Ok(target_dir.join("release/libcounter.so"))
}
