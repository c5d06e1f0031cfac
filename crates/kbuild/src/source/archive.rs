// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel sources in a tarball.

use super::error::SourceError;
use super::job::Job;
use super::provenance::Provenance;
use super::store::Entry;
use crate::event::Meter;
use evidence::Origin;
use proc::run_lines;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) fn obtain(job: &Job, path: &Path) -> Result<(Entry, Provenance), SourceError> {
    let mut hasher = blake3::Hasher::new();
    let file = File::open(path).map_err(SourceError::io(path))?;
    hasher.update_reader(file).map_err(SourceError::io(path))?;
    let hash = hasher.finalize().to_hex();
    let entry = Entry::new(job.dirs, &format!("tar-{}", &hash[..16]));
    let origin = Origin::Tarball { path: path.display().to_string() };
    let hash = format!("blake3:{hash}");
    let provenance =
        entry.fill_once(job, origin, hash, &|partial| untar(job, path, &partial.join("source")))?;
    Ok((entry, provenance))
}

/// What a kernel of 2026 unpacks to, in tar's records; for the progress only.
const KERNEL_RECORDS: u64 = 165_000;

/// Unpacks `tarball` into `into` and returns the tree's top.
pub(super) fn untar(job: &Job, tarball: &Path, into: &Path) -> Result<PathBuf, SourceError> {
    let name = tarball.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut meter = Meter::start(job.on_event, &name, "%");
    fs::create_dir_all(into).map_err(SourceError::io(into))?;
    let mut command = Command::new("tar");
    command
        .env("LC_ALL", "C")
        .args(["--no-same-owner", "--checkpoint=1000", "--checkpoint-action=echo=%u"])
        .arg("-xf")
        .arg(tarball)
        .arg("-C")
        .arg(into);
    let mut said: Vec<String> = Vec::new();
    let status = run_lines(&mut command, job.cancel, |line| {
        // Records of 10 KiB that are done.
        if let Some(records) =
            line.strip_prefix("tar: ").and_then(|count| count.parse::<u64>().ok())
        {
            meter.at(records * 100 / KERNEL_RECORDS, Some(100));
        } else if said.len() < 10 {
            said.push(line.to_owned());
        }
    })
    .map_err(SourceError::run("tar"))?;
    if !status.success() {
        return Err(SourceError::Tool { what: format!("unpacking {name}"), tail: said.join("\n") });
    }
    if into.join("Makefile").exists() {
        return Ok(into.into());
    }
    // Release tarballs have all in one directory.
    let dirs: Vec<PathBuf> = fs::read_dir(into)
        .map_err(SourceError::io(into))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    match dirs.as_slice() {
        [top] => Ok(top.clone()),
        _ => Err(SourceError::NotKernel { origin: name, missing: "a top directory" }),
    }
}
