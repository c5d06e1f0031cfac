// SPDX-License-Identifier: MIT OR Apache-2.0
//! The series as mails, and everything that a maintainer's robots would say
//! about it, said here first.
//!
//! ```text
//! series.toml, messages ─ Plan ─ steps ─┬─ mails   (git format-patch)
//! patches, tracker ─────────────────────┘     │
//!                                             ├─ checks  (checkpatch, rustfmt, git am = arm, …)
//!                                             └─ builds  (each step, RUST=y/n, module/built in)
//! ```
//!
//! A *finding* is about the series; trouble of the harness is an error, and a
//! tool or package that is not there is neither: it is reported as missing.

mod builds;
mod cell;
mod checks;
mod clippy;
mod compile;
mod git;
mod kernel;
mod mails;
mod pace;
mod plan;
mod report;

pub use builds::{Builds, Progress};
pub use checks::check;
pub use git::is_person;
pub use mails::{Letter, Mails, write};
pub use plan::{On, Plan, PlanError, Step};
pub use report::{Finding, Outcome, Report};

use crate::build::BuildError;
use crate::config::ConfigError;
use crate::patch::PatchError;
use crate::source::SourceError;
use debian::AptError;
use proc::{Cancelled, RunError};
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// `series.toml` or a file that it names.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A step's patch does not apply to the source that the series is made for.
    #[error("{step}: {error}")]
    Patch {
        /// The step's message file.
        step: String,
        /// Which hunk, and why.
        error: Box<PatchError>,
    },
    /// A tool is missing; the text says how to get it.
    #[error("{0}")]
    Missing(String),
    /// A program failed in a way that says nothing about the series.
    #[error("{what} failed:\n{tail}")]
    Tool {
        /// The command.
        what: String,
        /// Its last words.
        tail: String,
    },
    /// The unpatched kernel does not build: nothing can be said of the series.
    #[error("{what} does not build unpatched:\n{first_error}\n(whole log: {log})")]
    Base {
        /// Kernel and configuration.
        what: String,
        /// The first error of a compiler.
        first_error: String,
        /// Everything that make said.
        log: PathBuf,
    },
    /// The kernel source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A package.
    #[error(transparent)]
    Apt(#[from] AptError),
    /// A configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A build, for a reason that lies in neither kernel nor series.
    #[error(transparent)]
    Build(BuildError),
    /// A file.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<BuildError> for SeriesError {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Cancelled(cancelled) => cancelled.into(),
            other => Self::Build(other),
        }
    }
}

impl SeriesError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { path: path.into(), error }
    }

    fn run(program: &str) -> impl FnOnce(RunError) -> Self {
        let program = program.to_owned();
        move |error| match error {
            RunError::Cancelled(cancelled) => cancelled.into(),
            RunError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::Missing(format!("{program} is missing; `apt-get install {program}` has it"))
            }
            RunError::Io(error) => Self::Io { path: program.into(), error },
        }
    }
}

#[cfg(test)]
mod build_tests;
#[cfg(test)]
mod tests;
