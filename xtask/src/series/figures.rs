// SPDX-License-Identifier: MIT OR Apache-2.0
//! What runs have shown of the kernels that the series makes, and of no others.

use crate::{exit, prepare, runs};
use anyhow::{Result, bail};
use evidence::RunRecord;
use kbuild::{Dirs, Role, Source};

/// The figures of `words`, which name runs; `None` where there are none.
pub fn of(words: &[String], source: &Source, dirs: &Dirs) -> Result<Option<String>> {
    if words.is_empty() {
        return Ok(None);
    }
    let mut records = Vec::new();
    for word in words {
        let record = runs::find(&dirs.repo, word)?.record;
        if let Some(why) = differs(&record, source, dirs)? {
            bail!(exit::usage(format!("--figures {word}: {why}")));
        }
        records.push(record);
    }
    let run = evidence::gather(records).map_err(|error| exit::usage(error.to_string()))?;
    Ok(Some(evidence::figures(&run)))
}

/// Why a run says nothing about these mails.
fn differs(run: &RunRecord, source: &Source, dirs: &Dirs) -> Result<Option<String>> {
    let own = &source.provenance.hash;
    if run.source.hash != *own {
        let theirs = &run.source.hash;
        return Ok(Some(format!("its kernels are of {theirs}, and the mails are for {own}")));
    }
    let mut fix = false;
    for arm in prepare::all_arms(dirs)? {
        let Some(then) = run.arms.iter().find(|then| then.name == arm.name) else { continue };
        let (now, _) = arm.overlay(&|path| source.pristine(path))?;
        if then.hash != now.hash() {
            return Ok(Some(format!("its arm {} has been changed since", arm.name)));
        }
        fix |= matches!(arm.role, Role::Fix | Role::Candidate);
    }
    Ok((!fix).then(|| "none of its arms has a fix".into()))
}
