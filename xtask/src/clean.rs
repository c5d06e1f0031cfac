// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask clean`: gives the disk space back.

use crate::flags::CleanArgs;
use crate::prepare;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::ExitCode;

pub fn main(args: &CleanArgs) -> Result<ExitCode> {
    let dirs = prepare::dirs()?;
    if !dirs.cache.exists() {
        println!("nothing to delete");
        return Ok(ExitCode::SUCCESS);
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
