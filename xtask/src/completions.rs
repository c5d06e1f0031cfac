// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask completions`: a script for a shell. What cargo itself completes
//! is not ours, so it is for a function `xtask`.

use crate::flags::{Cli, CompletionsArgs, ShellName};
use anyhow::Result;
use clap::CommandFactory;
use clap_complete::{Shell, generate};
use std::process::ExitCode;

pub fn main(args: &CompletionsArgs) -> Result<ExitCode> {
    let (shell, function) = match args.shell {
        ShellName::Bash => (Shell::Bash, "xtask() { cargo xtask \"$@\"; }"),
        ShellName::Zsh => (Shell::Zsh, "xtask() { cargo xtask \"$@\"; }"),
        ShellName::Fish => (Shell::Fish, "function xtask; cargo xtask $argv; end"),
    };
    let mut script = Vec::new();
    let mut command = Cli::command().name("xtask").bin_name("xtask");
    generate(shell, &mut command, "xtask", &mut script);
    let script = String::from_utf8_lossy(&script);
    // zsh wants its line to be the first.
    match script.split_once('\n') {
        Some((first, rest)) if first.starts_with("#compdef") => {
            print!("{first}\n{function}\n{rest}");
        }
        _ => print!("{function}\n{script}"),
    }
    Ok(ExitCode::SUCCESS)
}
