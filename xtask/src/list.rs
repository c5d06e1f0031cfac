// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask list`: what there is to choose from.

use crate::flags::ListArgs;
use crate::{exit, prepare, terminal};
use anyhow::Result;
use kbuild::Occasion;
use scenario::Scenario;
use serde_json::{Value, json};
use std::process::ExitCode;

pub fn main(args: &ListArgs) -> Result<ExitCode> {
    let dirs = prepare::dirs()?;
    let arms = prepare::all_arms(&dirs)?;
    let load = |folder: &str| {
        let folder = dirs.repo.join("workloads").join(folder);
        scenario::load_all(&folder).map_err(|error| exit::usage(error.to_string()))
    };
    let (scenarios, explorations) = (load("scenarios")?, load("explorations")?);
    let configs = prepare::all_configs(&dirs);
    if args.json {
        let arm = |arm: &kbuild::Arm| {
            let default = arm.is_in(Occasion::Default);
            json!({ "name": arm.name, "title": arm.title, "role": arm.role, "default": default })
        };
        let value = json!({
            "arms": arms.iter().map(arm).collect::<Vec<_>>(),
            "scenarios": scenarios.iter().map(value).collect::<Vec<_>>(),
            "explorations": explorations.iter().map(value).collect::<Vec<_>>(),
            "configurations": configs,
        });
        println!("{value:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let mark = |default: bool| if default { "*" } else { "" }.to_owned();
    println!("Arms (kernel/arms); those with * are what `run` takes when none is named:");
    let row = |arm: &kbuild::Arm| {
        vec![mark(arm.is_in(Occasion::Default)), arm.name.clone(), arm.title.clone()]
    };
    print!("{}", terminal::columns(arms.iter().map(row)));
    println!("\nScenarios (workloads/scenarios), * as above; the others by name or with --full:");
    let row =
        |s: &Scenario| vec![mark(is_default(s)), s.id.clone(), s.name.clone(), s.title.clone()];
    print!("{}", terminal::columns(scenarios.iter().map(row)));
    println!("\nMore, for `explore` only (workloads/explorations):");
    print!(
        "{}",
        terminal::columns(explorations.iter().map(|s| vec![
            String::new(),
            s.id.clone(),
            s.name.clone(),
            s.title.clone()
        ]))
    );
    println!("\nConfigurations (kernel-config): {}; plain when none is named", configs.join(", "));
    Ok(ExitCode::SUCCESS)
}

fn is_default(scenario: &Scenario) -> bool {
    scenario.quick && scenario.load.is_none()
}

fn value(scenario: &Scenario) -> Value {
    json!({
        "id": scenario.id, "name": scenario.name, "title": scenario.title,
        "load": scenario.load.is_some(), "default": is_default(scenario),
    })
}
