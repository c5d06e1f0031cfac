// SPDX-License-Identifier: MIT OR Apache-2.0
//! The local adapter: every shard in a process of its own, several at once.

use super::folder::{read_plan, record_of};
use super::one::{is_finished, session};
use crate::flags::ShardRunArgs;
use crate::ui::Ui;
use crate::{exit, prepare};
use anyhow::{Context, Result};
use proc::{Cancel, run_lines};
use std::process::{Command, ExitCode};
use std::sync::Mutex;

pub fn all(args: &ShardRunArgs, cancel: &Cancel) -> Result<ExitCode> {
    let plan = read_plan(&args.dir)?;
    let ui = Ui::new();
    let mut todo = Vec::new();
    for (number, own) in (1..).zip(&plan.shards) {
        let record = record_of(&args.dir, number)?;
        if !record.is_some_and(|record| is_finished(own, &record)) {
            todo.push(number);
        }
    }
    let (of, open) = (plan.shards.len(), todo.len());
    ui.say(&format!("{} of {of} shards are finished, {open} to run", of - open));
    if open > 0 {
        // Once here, instead of by every shard at the same time.
        let dirs = prepare::dirs()?;
        let arms = prepare::choose_arms(&dirs, &plan.arms)?;
        prepare::ready(&dirs, &arms, &session(&plan, None, args.no_install), &ui, cancel)?;
    }
    let jobs = args.jobs.map_or_else(prepare::default_jobs, |jobs| jobs as usize);
    let tool = std::env::current_exe().context("cannot find this program")?;
    let queue = Mutex::new(todo.into_iter());
    let worst = Mutex::new(0_u8);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().ok().and_then(|mut queue| queue.next());
                    let Some(number) = next.filter(|_| !cancel.is_cancelled()) else { break };
                    let mut command = Command::new(&tool);
                    command.args(["shard", "run"]).arg(&args.dir).arg(number.to_string());
                    command.args(["--jobs", "1", "--no-install"]);
                    let code = shard(&mut command, number, &ui, cancel);
                    if let Ok(mut worst) = worst.lock() {
                        *worst = worse(*worst, code);
                    }
                }
            });
        }
    });
    cancel.check()?;
    let code = worst.into_inner().unwrap_or(exit::HARNESS);
    println!("next: cargo xtask shard merge {}", super::adapters::quoted(&args.dir));
    Ok(ExitCode::from(code))
}

/// Runs one shard's process to its end; its exit code.
fn shard(command: &mut Command, number: usize, ui: &Ui, cancel: &Cancel) -> u8 {
    let status = run_lines(command, cancel, |line| ui.say(&format!("shard {number}: {line}")));
    match status {
        Ok(status) => {
            status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::HARNESS)
        }
        Err(error) => {
            ui.say(&format!("shard {number}: {error}"));
            exit::HARNESS
        }
    }
}

/// A contradiction wins over trouble, trouble over success (design.md
/// section 8).
fn worse(a: u8, b: u8) -> u8 {
    if a == 1 || b == 1 { 1 } else { a.max(b) }
}
