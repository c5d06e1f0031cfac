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
    let scope = if args.tests { Scope::Test } else { Scope::Run };
    if !args.check {
        let ui = Ui::new();
        if args.tests {
            prepare::set_up_for_tests(&dirs, &ui, cancel)?;
        } else {
            prepare::set_up(&dirs, false, &ui, cancel)?;
        }
    }
    let survey = setup::survey(&dirs, scope);
    print(&survey);
    if survey.is_complete() {
        return Ok(ExitCode::SUCCESS);
    }
    let packages = survey.packages();
    if !packages.is_empty() {
        println!("\nby hand: apt-get install --no-install-recommends {}", packages.join(" "));
    }
    Err(exit::setup("the set-up is incomplete; `cargo xtask setup` completes it"))
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
