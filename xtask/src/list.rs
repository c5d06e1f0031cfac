// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask list`: what there is to choose from.

use crate::{exit, prepare};
use anyhow::Result;
use std::process::ExitCode;

pub fn main() -> Result<ExitCode> {
    let dirs = prepare::dirs()?;
    println!("arms (kernel/arms):");
    for arm in prepare::all_arms(&dirs)? {
        println!("  {:<22} {}", arm.name, arm.title);
    }
    for (what, folder) in [("scenarios", "scenarios"), ("more, for `explore` only", "explorations")]
    {
        let folder = format!("workloads/{folder}");
        println!("{what} ({folder}):");
        let scenarios = scenario::load_all(&dirs.repo.join(folder))
            .map_err(|error| exit::usage(error.to_string()))?;
        for scenario in scenarios {
            let when = if scenario.quick { "" } else { " (with --full)" };
            println!("  {:<4} {:<17} {}{when}", scenario.id, scenario.name, scenario.title);
        }
    }
    println!("configurations (kernel-config):");
    for name in prepare::all_configs(&dirs) {
        println!("  {name}");
    }
    Ok(ExitCode::SUCCESS)
}
