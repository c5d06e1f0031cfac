// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words that this process was given.

use crate::flags::Cli;
use crate::prepare;
use clap::{CommandFactory, FromArgMatches};

/// Ends the process where the words are wrong, or ask for help or the version.
pub fn parse() -> Cli {
    let asked = words().first().is_some_and(|word| ["--version", "-V"].contains(&word.as_str()));
    let mut command = Cli::command();
    if asked {
        // Git is asked only then: it takes longer than everything else here.
        command = command.version(version());
    }
    Cli::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
}

/// As a record keeps them.
pub fn words() -> Vec<String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
}

/// With the commit of the checkout.
fn version() -> String {
    let Ok(dirs) = prepare::dirs() else { return env!("CARGO_PKG_VERSION").to_owned() };
    let tool = lab::tool(&dirs.repo);
    let commit = tool.commit.unwrap_or_else(|| "no commit".to_owned());
    let changed = if tool.dirty { ", with uncommitted changes" } else { "" };
    format!("{} ({commit}{changed})", tool.version)
}
