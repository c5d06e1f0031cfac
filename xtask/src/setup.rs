// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask setup`: what this machine lacks, and how to get it.

use crate::flags::SetupArgs;
use anyhow::Result;
use proc::Cancel;
use std::process::ExitCode;

pub fn main(_args: &SetupArgs, _cancel: &Cancel) -> Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
