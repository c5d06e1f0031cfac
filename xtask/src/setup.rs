// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask setup`: what this machine lacks, and how to get it.

use crate::flags::SetupArgs;
use crate::ui::Ui;
use crate::{exit, prepare};
use anyhow::Result;
use kbuild::setup::{self, Scope, State, Survey};
use proc::Cancel;
use std::process::ExitCode;

pub fn main(args: &SetupArgs, cancel: &Cancel) -> Result<ExitCode> {
    let dirs = prepare::dirs()?;
    let config = prepare::load_config(&dirs, &args.config)?;
    let mut scopes = vec![prepare::scope(&config)];
    if args.tests {
        scopes.push(Scope::Test);
    }
    let mut missing = None;
    for scope in scopes {
        if !args.check {
            prepare::complete(&dirs, scope, false, &Ui::new(), cancel)?;
        }
        if !report(&setup::survey(&dirs, scope)) {
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
    let packages = survey.packages();
    if !packages.is_empty() {
        println!("\nby hand: apt-get install --no-install-recommends {}", packages.join(" "));
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
