// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why there is no result.

use crate::plan::PlanError;
use debian::AptError;
use kbuild::{BuildError, ConfigError, SourceError};
use patch::PatchError;
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
    Tool { what: String, tail: String },
    /// The unpatched kernel does not build: nothing can be said of the series.
    #[error("{what} does not build unpatched:\n{first_error}\n(whole log: {log})")]
    Base {
        what: String,
        /// The first error of a compiler.
        first_error: String,
        /// Everything that make said.
        log: PathBuf,
    },
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Apt(#[from] AptError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A build, for a reason that lies in neither kernel nor series.
    #[error(transparent)]
    Build(BuildError),
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
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
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { path: path.into(), error }
    }

    pub(crate) fn run(program: &'static str) -> impl FnOnce(RunError) -> Self {
        move |error| {
            error.or(|error| match error.kind() {
                io::ErrorKind::NotFound => {
                    let how = format!("{program} is missing; `apt-get install {program}` has it");
                    Self::Missing(how)
                }
                _ => Self::Io { path: program.into(), error },
            })
        }
    }
}
