// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask clean`: gives the disk space back.

use crate::flags::CleanArgs;
use crate::prepare;
use anyhow::{Context, Result};
use kbuild::Dirs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

pub fn main(args: &CleanArgs) -> Result<ExitCode> {
    let dirs = prepare::dirs()?;
    if !dirs.cache.exists() {
        println!("nothing to delete");
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(days) = args.old {
        return old(&dirs, days, args.yes);
    }
    let mib = size(&dirs.cache) >> 20;
    if args.yes {
        std::fs::remove_dir_all(&dirs.cache)
            .with_context(|| format!("cannot delete {}", dirs.cache.display()))?;
        println!("deleted {} ({mib} MiB)", dirs.cache.display());
    } else {
        println!(
            "{} holds {mib} MiB (kernel sources, objects, images, guest image); `cargo xtask clean \
             --yes` deletes it. Results are never deleted.",
            dirs.cache.display()
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// What was not used for `days` days, and only that.
fn old(dirs: &Dirs, days: u32, delete: bool) -> Result<ExitCode> {
    let age = Duration::from_secs(u64::from(days) * 24 * 3600);
    let look = |delete| {
        kbuild::prune(dirs, age, delete)
            .with_context(|| format!("cannot clean {}", dirs.cache.display()))
    };
    let found = look(false)?;
    if found.is_empty() {
        println!("nothing was unused for {days} days");
        return Ok(ExitCode::SUCCESS);
    }
    let mut bytes = 0;
    for old in &found {
        let size = size(&old.path);
        bytes += size;
        let unused = old.age.as_secs() / (24 * 3600);
        println!("{} ({} MiB, unused for {unused} days)", old.path.display(), size >> 20);
    }
    let mib = bytes >> 20;
    if delete {
        let gone = look(true)?;
        println!("deleted {} of {}, {mib} MiB", gone.len(), found.len());
    } else {
        println!("{mib} MiB; `cargo xtask clean --old {days} --yes` deletes them");
    }
    Ok(ExitCode::SUCCESS)
}

/// Bytes below a folder; what cannot be read counts as nothing.
fn size(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries
        .filter_map(Result::ok)
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => size(&entry.path()),
            Ok(_) => entry.metadata().map_or(0, |meta| meta.len()),
            Err(_) => 0,
        })
        .sum()
}
