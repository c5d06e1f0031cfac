// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask build`: kernels for other tools.

use crate::flags::BuildArgs;
use crate::prepare;
use crate::ui::Ui;
use anyhow::Result;
use proc::Cancel;
use std::process::ExitCode;

pub fn main(args: &BuildArgs, cancel: &Cancel) -> Result<ExitCode> {
    let ui = Ui::new();
    let dirs = prepare::dirs()?;
    let arms = prepare::choose_arms(&dirs, &args.arms)?;
    prepare::check_kernel_args(&dirs, &args.kernel)?;
    prepare::set_up(&dirs, &args.kernel, args.no_install, &ui, cancel)?;
    for image in prepare::build_arms(&dirs, &arms, &args.kernel, &ui, cancel)? {
        println!("{}\t{}", image.arm, image.path.display());
    }
    Ok(ExitCode::SUCCESS)
}
