// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask shell`: a machine with bcache, its console on this terminal.

mod console;
mod raw;

use crate::flags::{SessionArgs, ShellArgs};
use crate::ui::Ui;
use crate::{exit, prepare};
use anyhow::{Context, Result};
use lab::{Shell, ShellError, ShellSpec};
use proc::{Cancel, Scratch};
use std::process::ExitCode;

pub fn main(args: &ShellArgs, cancel: &Cancel) -> Result<ExitCode> {
    let ui = Ui::new();
    let dirs = prepare::dirs()?;
    let arms = prepare::choose_arms(&dirs, std::slice::from_ref(&args.arm))?;
    prepare::check_kernel_args(&dirs, &args.kernel)?;
    let session = SessionArgs::of(args.kernel.clone(), args.accel, args.no_install);
    let ready = prepare::ready(&dirs, &arms, &session, &ui, cancel)?;
    let arm = ready.images.first().context("no kernel was built")?;
    // Sockets, logs; goes away when dropped.
    let dir = Scratch::new("bclab-").context("no temporary folder")?;
    let spec = ShellSpec {
        arm,
        tools: &ready.tools,
        ssd_mib: args.ssd_mib,
        hdd_mib: args.hdd_mib,
        gdb: args.gdb,
        terminal: raw::terminal(),
    };
    let stage = ui.stage("booting");
    let shell = Shell::start(&spec, dir.path(), cancel).map_err(trouble)?;
    stage.done(&format!("{} with bcache", arm.name));
    if let Some(port) = args.gdb {
        let kernel = arm.kernel.display();
        ui.say(&format!("gdb {kernel} -ex 'target remote 127.0.0.1:{port}'"));
    }
    drop(ui);
    let end = console::attach(&shell, cancel)?;
    drop(shell);
    match end {
        Ok(()) => {
            eprintln!("the machine is off, its disks are forgotten");
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => {
            eprintln!("the machine has ended by itself: {why}");
            Ok(ExitCode::from(exit::HARNESS))
        }
    }
}

fn trouble(error: ShellError) -> anyhow::Error {
    match error {
        ShellError::Vm(vm::VmError::Cancelled) => proc::Cancelled.into(),
        other => anyhow::Error::new(other).context("the machine did not come up"),
    }
}
