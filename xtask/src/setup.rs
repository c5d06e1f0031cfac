// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask setup`: what this machine lacks, and how to get it.

use crate::flags::SetupArgs;
use crate::ui::Ui;
use crate::{exit, kvm, prepare};
use anyhow::Result;
use kbuild::Host;
use kbuild::setup::{self, Os, Scope, State, Survey};
use proc::Cancel;
use std::process::ExitCode;

pub fn main(args: &SetupArgs, cancel: &Cancel) -> Result<ExitCode> {
    let dirs = prepare::dirs()?;
    if args.try_kvm {
        return kvm::report(&dirs, cancel);
    }
    let config = prepare::load_config(&dirs, &args.config)?;
    let mut scopes = vec![prepare::scope(&config)];
    if args.tests {
        scopes.push(Scope::Test);
    }
    if let Some(id) = &args.as_host {
        let os = Os::named(id).ok_or_else(|| {
            exit::usage(format!("no host {id:?} is described; there are {}", Os::all().join(", ")))
        })?;
        for scope in scopes {
            report(&setup::survey_as(&os, scope));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let host = Host::running();
    setup::check_fit(&host, &dirs).map_err(prepare::setup_error)?;
    let mut missing = None;
    for scope in scopes {
        if !args.check {
            prepare::complete(&dirs, scope, false, &Ui::new(), cancel)?;
        }
        if !report(&setup::survey(&host, &dirs, scope)) {
            missing = Some(scope);
        }
    }
    match missing {
        None => Ok(ExitCode::SUCCESS),
        Some(scope) => Err(exit::setup(prepare::incomplete(scope))),
    }
}

/// The table, and the command that installs what is missing; whether nothing
/// is.
fn report(survey: &Survey) -> bool {
    print(survey);
    if let Some(command) = survey.command() {
        println!("\nby hand: {command}");
    }
    survey.is_complete()
}

fn print(survey: &Survey) {
    for item in &survey.items {
        let state = match &item.state {
            State::Found { path, version } if version.is_empty() => path.display().to_string(),
            State::Found { path, version } => format!("{} ({version})", path.display()),
            State::Missing(fix) => format!("MISSING: {}", prepare::fix_in_words(fix)),
        };
        println!("{:<16} {:<44} {state}", item.name, item.purpose);
    }
}
