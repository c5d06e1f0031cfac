// SPDX-License-Identifier: MIT OR Apache-2.0
//! bindgen, compiled for the lab alone where no package is new enough.

use super::error::SetupError;
use crate::Dirs;
use crate::event::{Event, Meter, waiting};
use crate::host::Host;
use proc::{Cancel, FileLock, Tail, run_lines};
use std::path::PathBuf;
use std::process::Command;

/// Tried with the kernels and compilers of kernel-notes; with `--locked` its
/// dependencies are those of its release.
pub(super) const VERSION: &str = "0.73.2";

/// Crates that it is made of, for the progress.
const CRATES: u64 = 60;

/// The cargo that started us, or the user's.
pub(super) fn cargo() -> Option<PathBuf> {
    let ours = std::env::var_os("CARGO").map(PathBuf::from).filter(|path| path.is_file());
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo/bin/cargo"));
    ours.or_else(|| Host::running().programs("cargo").into_iter().next())
        .or_else(|| home.filter(|path| path.is_file()))
}

pub(super) fn install(
    dirs: &Dirs,
    on_event: &dyn Fn(Event),
    cancel: &Cancel,
) -> Result<(), SetupError> {
    let Some(cargo) = cargo() else {
        return Err(SetupError::ByHand {
            what: "bindgen".into(),
            fix: "install Rust with cargo".into(),
        });
    };
    let root = dirs.tools();
    let lock = root.join("lock");
    let told = waiting(on_event, "another installation of bindgen");
    let _lock = FileLock::take(&lock, cancel, told).map_err(SetupError::run(&lock))?;
    if crate::toolchain::find_bindgen(&Host::running(), dirs).is_some() {
        return Ok(());
    }
    let args = ["install", "bindgen-cli", "--version", VERSION, "--locked", "--root"];
    let mut command = Command::new(&cargo);
    command
        .args(args)
        .arg(&root)
        .arg("--target-dir")
        .arg(root.join("bindgen-build"))
        // It runs for seconds per kernel: half the compile time is worth more
        // than the last bit of its speed.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_TERM_COLOR", "never");
    // What `cargo xtask` runs under is meant for the lab's own crates.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "CARGO_TARGET_DIR"] {
        command.env_remove(name);
    }
    let mut meter = Meter::start(on_event, "bindgen", "");
    let mut tail = Tail::default();
    let mut compiled = 0;
    let status = run_lines(&mut command, cancel, |line| {
        if line.trim_start().starts_with("Compiling ") {
            compiled += 1;
            meter.at(compiled, Some(CRATES));
        }
        tail.push(line);
    })
    .map_err(SetupError::run("cargo"))?;
    // 300 MB that nobody needs again.
    let _ = crate::files::remove_dir(&root.join("bindgen-build"));
    if status.success() {
        return Ok(());
    }
    let command = format!("cargo {} {}", args.join(" "), root.display());
    Err(SetupError::classify("bindgen".into(), command, tail.text()))
}
