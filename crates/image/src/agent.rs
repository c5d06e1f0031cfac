// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds the agent, statically, with the Cargo that runs us.

use crate::error::ImageError;
use crate::event::ImageDirs;
use crate::step::run;
use proc::Cancel;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The agent's program. Cargo decides whether it is up to date.
///
/// # Errors
/// [`ImageError::Build`] with the compiler's words.
pub fn build(dirs: &ImageDirs, cancel: &Cancel) -> Result<Vec<u8>, ImageError> {
    let target_dir = dirs.cache.join("agent").join(checkout(&dirs.repo));
    fs::create_dir_all(&target_dir).map_err(ImageError::io(&target_dir))?;
    let log = target_dir.join("build.log");
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(&dirs.repo)
        .args(["build", "--locked", "--package", "agent", "--profile", "guest"])
        .args(["--target", TARGET, "--target-dir"])
        .arg(&target_dir)
        // These would win over RUSTFLAGS.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_RUSTFLAGS")
        .env_remove("RUSTC_WRAPPER")
        .env("RUSTFLAGS", flags(dirs));
    run("the guest's agent", &mut command, &log, cancel)?;
    let program = target_dir.join(TARGET).join("guest/agent");
    fs::read(&program).map_err(ImageError::io(&program))
}

/// Name of the folder for one checkout's objects. The flags name the checkout,
/// so two that shared a folder would have Cargo build everything again in turns.
pub fn checkout(repo: &Path) -> String {
    let hash = blake3::hash(repo.as_os_str().as_encoded_bytes()).to_hex();
    hash[..12].to_owned()
}

/// Static, because the image has no loader for it; at fixed addresses, which
/// saves PID 1 the relocations; and with the same bytes in every checkout of
/// every user.
fn flags(dirs: &ImageDirs) -> String {
    let mut flags = format!(
        "-C target-feature=+crt-static -C relocation-model=static --remap-path-prefix={}=lab",
        dirs.repo.display()
    );
    // Where the crates lie is another place for every user.
    let home = env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    if let Some(cargo) = env::var_os("CARGO_HOME").map(PathBuf::from).or(home) {
        flags.push_str(&format!(" --remap-path-prefix={}=cargo", cargo.display()));
    }
    flags
}
