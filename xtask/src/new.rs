// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask new`: a file to start from.

use crate::flags::{NewArgs, NewCommand};
use crate::{exit, prepare};
use anyhow::Result;
use std::io::Write;
use std::process::ExitCode;

pub fn main(args: &NewArgs) -> Result<ExitCode> {
    let NewCommand::Scenario { name, dir } = &args.what;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(plain) {
        let message = format!("{name:?}: a name has lower-case letters, digits and dashes only");
        return Err(exit::usage(message));
    }
    let dir = match dir {
        Some(dir) => dir.clone(),
        None => prepare::dirs()?.repo.join("workloads/scenarios"),
    };
    let there = scenario::load_all(&dir).map_err(|error| exit::usage(error.to_string()))?;
    // S is for those that the project is about.
    let free = |id: &String| there.iter().all(|scenario| !scenario.id.eq_ignore_ascii_case(id));
    let id = (1..).map(|number| format!("U{number}")).find(free).unwrap_or_default();
    let path = dir.join(format!("{name}.toml"));
    let text = scenario::template(&id, name);
    std::fs::File::create_new(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| exit::usage(format!("cannot write {}: {error}", path.display())))?;
    let path = path.display();
    println!(
        "{path}: scenario {id}\n  cargo xtask check {path}\n  cargo xtask run --scenario {path}"
    );
    Ok(ExitCode::SUCCESS)
}
