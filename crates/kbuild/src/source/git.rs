// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel sources in a git tree, through a work tree and an index of our own.
//!
//! `git worktree add` would leave its administration in the user's repository.
//! With `GIT_WORK_TREE` and `GIT_INDEX_FILE` in our cache the repository is
//! only read, and the next commit changes only the files that differ, so that
//! the kernel build stays incremental.

use super::error::SourceError;
use super::job::Job;
use super::provenance::Provenance;
use super::store::Entry;
use crate::event::{Event, Meter};
use crate::tree::WorkTree;
use evidence::Origin;
use patch::Overlay;
use proc::{Said, ask, run_lines, shell};
use std::fs;
use std::path::Path;
use std::process::Command;
use xshell::{Cmd, Shell, cmd};

pub(super) fn obtain(
    job: &Job,
    path: &Path,
    rev: Option<&str>,
) -> Result<(Entry, Provenance), SourceError> {
    let path = fs::canonicalize(path).map_err(SourceError::io(path))?;
    let sh = shell().map_err(SourceError::io(&path))?;
    let git = Git { job, path: &path, sh };
    if rev.is_none() {
        git.check_clean()?;
    }
    let commit = git.commit(rev.unwrap_or("HEAD"))?;
    let tree = git.ask(&["rev-parse", &format!("{commit}^{{tree}}")]);
    let tree = tree.map_err(|error| git.unless_partial(&commit, error))?;
    let origin =
        Origin::GitCommit { commit: commit.clone(), repository: path.display().to_string() };
    let hash = format!("git-tree:{tree}");

    let key = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
    let entry = Entry::new(job.dirs, &format!("git-{}", &key[..16]));
    let now = |entry: &Entry| {
        entry.provenance().filter(|was| was.hash == hash).map(|was| Provenance {
            // Another commit may have the same tree.
            origin: origin.clone(),
            ..was
        })
    };
    if let Some(provenance) = now(&entry) {
        return Ok((entry, provenance));
    }
    let _lock = entry.lock(job)?;
    if let Some(provenance) = now(&entry) {
        return Ok((entry, provenance));
    }
    job.check_space()?;
    let _meter = Meter::start(job.on_event, "git tree", "");
    // The tree must be as the index believes before git changes it.
    let work = WorkTree::new(&entry.dir);
    work.sync(&Overlay::default()).map_err(SourceError::io(&entry.dir))?;
    entry.unseal()?;
    work.forget().map_err(SourceError::io(&entry.dir))?;
    fs::create_dir_all(entry.tree()).map_err(SourceError::io(&entry.dir))?;
    git.check_out(&commit, &tree, &entry)?;
    let provenance = entry.seal(origin, hash)?;
    Ok((entry, provenance))
}

/// Whatever the user has set for their own work tree, ours has every file, bit
/// for bit.
const EXACTLY: &[&str] = &[
    "core.attributesFile=/dev/null",
    "core.autocrlf=false",
    "core.bare=false",
    "core.eol=lf",
    "core.fileMode=true",
    "core.ignoreCase=false",
    "core.sparseCheckout=false",
    "core.symlinks=true",
    "index.sparse=false",
    "submodule.recurse=false",
];

struct Git<'a> {
    job: &'a Job<'a>,
    path: &'a Path,
    sh: Shell,
}

impl Git<'_> {
    /// git on the user's repository, promising not to write to it.
    fn command(&self, args: &[&str]) -> Cmd<'_> {
        let path = self.path;
        // A repository's hooks and monitors are programs to run.
        let deaf = ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"];
        let mut cmd = cmd!(self.sh, "git -C {path} {deaf...} {args...}");
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
            cmd = cmd.env_remove(name);
        }
        cmd.env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0").env("GIT_NO_LAZY_FETCH", "1")
    }

    fn failed(&self, what: &str, tail: String) -> SourceError {
        SourceError::Tool { what: format!("git {what} in {}", self.path.display()), tail }
    }

    /// What it prints, less the last newline.
    fn ask(&self, args: &[&str]) -> Result<String, SourceError> {
        let said = ask(self.command(args), self.job.cancel).map_err(SourceError::run("git"))?;
        match said {
            Said { success: true, out, .. } => Ok(out.trim_end().to_owned()),
            said => Err(self.failed(args[0], said.text())),
        }
    }

    /// The commit that `rev` names.
    fn commit(&self, rev: &str) -> Result<String, SourceError> {
        let wanted = format!("{rev}^{{commit}}");
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted];
        let said = ask(self.command(&args), self.job.cancel).map_err(SourceError::run("git"))?;
        if said.success {
            return Ok(said.out.trim_end().to_owned());
        }
        // One that cannot be read at all (another user's) has words of its own.
        let shallow = self.ask(&["rev-parse", "--is-shallow-repository"])? == "true";
        let (path, rev) = (self.path.into(), rev.into());
        Err(SourceError::NoCommit { path, rev, shallow })
    }

    /// What an error about `commit` means where a server keeps files that this
    /// repository leaves out.
    fn unless_partial(&self, commit: &str, error: SourceError) -> SourceError {
        let promised = ["config", "--get-regexp", r"^remote\..*\.promisor$", "true"];
        match self.ask(&promised) {
            Ok(_) => SourceError::Partial { path: self.path.into(), commit: commit.into() },
            Err(_) => error,
        }
    }

    /// Changes of known files count; unknown files are no part of a commit
    /// and worth only a word.
    fn check_clean(&self) -> Result<(), SourceError> {
        if self.ask(&["rev-parse", "--is-bare-repository"])? == "true" {
            return Ok(());
        }
        let status = self.ask(&["status", "--porcelain", "--untracked-files=normal"])?;
        let (unknown, changes): (Vec<&str>, Vec<&str>) =
            status.lines().partition(|line| line.starts_with("??"));
        if !changes.is_empty() {
            let mut shown = changes.iter().take(10).copied().collect::<Vec<_>>().join("\n");
            if changes.len() > 10 {
                shown.push_str(&format!("\n… and {} more", changes.len() - 10));
            }
            return Err(SourceError::Dirty { path: self.path.into(), changes: shown });
        }
        if !unknown.is_empty() {
            (self.job.on_event)(Event::Notice(format!(
                "{} untracked file(s) of {} are not part of the kernel under test",
                unknown.len(),
                self.path.display()
            )));
        }
        Ok(())
    }

    /// Makes our work tree the given tree, touching only what differs. Thousands
    /// of files at first: watched, and killed on Ctrl-C.
    fn check_out(&self, commit: &str, tree: &str, entry: &Entry) -> Result<(), SourceError> {
        let git_dir = self.ask(&["rev-parse", "--absolute-git-dir"])?;
        let mut args: Vec<&str> = EXACTLY.iter().flat_map(|setting| ["-c", setting]).collect();
        args.extend(["read-tree", "--reset", "-u", tree]);
        let mut command = Command::from(self.command(&args));
        command.env("GIT_DIR", git_dir).env("GIT_WORK_TREE", entry.tree());
        command.env("GIT_INDEX_FILE", entry.dir.join("index"));
        // A half-made index of a run that was killed.
        let stale = entry.dir.join("index.lock");
        if stale.exists() {
            fs::remove_file(&stale).map_err(SourceError::io(&stale))?;
        }
        let mut said = Vec::new();
        let status = run_lines(&mut command, self.job.cancel, |line| said.push(line.to_owned()))
            .map_err(SourceError::run("git"))?;
        if status.success() {
            return Ok(());
        }
        Err(self.unless_partial(commit, self.failed("read-tree", said.join("\n"))))
    }
}
