// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask test --full`: every build of the series, and one of a series
//! that is broken in three ways. Without the second, the first shows nothing.

use crate::ui::Ui;
use anyhow::{Context, Result};
use kbuild::Dirs;
use proc::{Cancel, Guarded};
use std::process::{Command, Stdio};

/// Whether all is as it must be.
pub fn all(dirs: &Dirs, ui: &Ui, cancel: &Cancel) -> Result<bool> {
    let mut good = true;
    for (what, mut command) in [("the series", whole(dirs)?), ("a broken series", broken(dirs))] {
        command.stdin(Stdio::null());
        let status =
            Guarded::spawn(&mut command).context("cannot start the builds")?.wait(cancel)?;
        let word = if status.success() { "as it must be" } else { "NOT AS IT MUST BE" };
        ui.say(&format!("builds of {what}: {word}"));
        good &= status.success();
    }
    Ok(good)
}

/// As a user would run it; into the cache, where an interrupted one goes on.
fn whole(dirs: &Dirs) -> Result<Command> {
    let program = std::env::current_exe().context("cannot find the tool itself")?;
    let out = dirs.cache.join("series");
    let mut command = Command::new(program);
    command.args(["series", "--build", "--draft", "--sign-off"]);
    command.args(["Tests <tests@bcache-lab.example>", "--out"]);
    command.arg(out);
    Ok(command)
}

/// Ignored otherwise, as it builds kernels for minutes.
fn broken(dirs: &Dirs) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(&dirs.repo).args(["test", "-p", "xtask", "--test", "series"]);
    cargo.args(["--", "--ignored", "by_hand_"]);
    cargo
}
