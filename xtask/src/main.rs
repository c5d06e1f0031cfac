// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask`: the command line, and nothing that is not about the terminal.

mod bench;
mod build;
mod clean;
mod exit;
mod explore;
mod flags;
mod list;
mod prepare;
mod run;
mod series;
mod setup;
mod test;
mod ui;

use clap::Parser;
use flags::{Cli, Command};
use proc::Cancel;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let cancel = Cancel::new();
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // A second Ctrl-C ends the tool at once; the watchdog cleans up.
        let shutdown = signal_hook::flag::register_conditional_shutdown(signal, 130, cancel.flag());
        if let Err(error) =
            shutdown.and_then(|_| signal_hook::flag::register(signal, cancel.flag()))
        {
            let error = anyhow::Error::new(error).context("cannot handle signals");
            return exit::report(&error, &cancel);
        }
    }
    let result = match cli.command {
        Command::Run(args) => run::main(&args, &cancel),
        Command::Explore(args) => explore::main(&args, &cancel),
        Command::Series(args) => series::main(&args, &cancel),
        Command::Setup(args) => setup::main(&args, &cancel),
        Command::Build(args) => build::main(&args, &cancel),
        Command::List => list::main(),
        Command::Bench(args) => bench::main(&args, &cancel),
        Command::Test(args) => test::main(&args, &cancel),
        Command::Clean(args) => clean::main(&args),
        Command::Schema => {
            print!("{}", evidence::schema_json());
            Ok(ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|error| exit::report(&error, &cancel))
}
