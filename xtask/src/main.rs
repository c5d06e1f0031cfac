// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask`: the command line, and nothing that is not about the terminal.

mod bench;
mod bench_disks;
mod build;
mod check;
mod clean;
mod command;
mod completions;
mod configurations;
mod estimate;
mod evidence;
mod exit;
mod explore;
mod figure;
mod files;
mod flags;
mod forecast;
mod kvm;
mod list;
mod log;
mod near;
mod new;
mod nightly;
mod others;
mod perf;
mod prepare;
mod replay;
mod run;
mod runner;
mod runs;
mod series;
mod series_builds;
mod setup;
mod shard;
mod shell;
mod show;
mod terminal;
mod test;
mod test_programs;
mod ui;

use flags::Command;
use proc::Cancel;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn main() -> ExitCode {
    let cli = command::parse();
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
    if cli.command.only_prints() {
        // `cargo xtask list | head`: ends when nobody reads on, as any filter does.
        let always = Arc::new(AtomicBool::new(true));
        let pipe = signal_hook::consts::SIGPIPE;
        if let Err(error) = signal_hook::flag::register_conditional_default(pipe, always) {
            let error = anyhow::Error::new(error).context("cannot handle signals");
            return exit::report(&error, &cancel);
        }
    }
    let result = match cli.command {
        Command::Run(args) => run::main(&args, &cancel),
        Command::Explore(args) => explore::main(&args, &cancel),
        Command::Evidence(args) => evidence::main(&args),
        Command::Show(args) => show::main(&args),
        Command::Replay(args) => replay::main(&args, &cancel),
        Command::Shell(args) => shell::main(&args, &cancel),
        Command::Perf(args) => perf::main(&args, &cancel),
        Command::Series(args) => series::main(&args, &cancel),
        Command::Setup(args) => setup::main(&args, &cancel),
        Command::Build(args) => build::main(&args, &cancel),
        Command::Check(args) => check::main(&args),
        Command::New(args) => new::main(&args),
        Command::List(args) => list::main(&args),
        Command::Runs(args) => runs::list(&args),
        Command::Completions(args) => completions::main(&args),
        Command::Log(args) => log::main(&args),
        Command::Bench(args) => bench::main(&args, &cancel),
        Command::Shard(args) => shard::main(&args, &cancel),
        Command::Nightly(args) => nightly::main(&args, &cancel),
        Command::Test(args) => test::main(&args, &cancel),
        Command::Clean(args) => clean::main(&args),
        Command::Schema => {
            print!("{}", ::evidence::schema_json());
            Ok(ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|error| exit::report(&error, &cancel))
}
