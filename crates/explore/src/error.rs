// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why an exploration could not be carried out. A bad state is none.

use lab::{Stop, Trouble};
use std::path::PathBuf;

/// The harness's failures.
#[derive(Debug, thiserror::Error)]
pub enum ExploreError {
    /// The window did not open while recording.
    #[error(
        "the recording is of no use: {0}; run again on an idler machine, unless the arm does without it (`ordered` in X4)"
    )]
    Closed(String),
    /// A machine, a guest or a virtual disk failed.
    #[error("{}: {}\n{}\nnext: {}", .0.what, .0.message, .0.console_tail, .0.next_step)]
    Trouble(Trouble),
    /// Too many states without a verdict.
    #[error("too many failures: {message}\n\nnext: {next_step}", next_step = lab::session::OVERLOADED)]
    Failures {
        /// The last one's words.
        message: String,
    },
    /// The event log cannot be read back.
    #[error(transparent)]
    Log(#[from] vdisk::log::LogError),
    /// The results cannot be kept.
    #[error("cannot use {path}: {error}; free some space or choose another --out", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A results folder of something else.
    #[error("{path} holds another exploration ({what}); choose another --out", path = path.display())]
    Another {
        /// The folder.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// Nothing to go back to.
    #[error("there is {what} in {path}; name the folder of an exploration with --out", path = path.display())]
    Nothing {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
    },
    /// The user asked to stop; judged states are kept.
    #[error(transparent)]
    Cancelled(#[from] proc::Cancelled),
}

impl ExploreError {
    /// For `map_err`: something about `path`.
    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }
}

impl From<Stop> for ExploreError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Closed(why) => Self::Closed(why),
            Stop::Hung => Self::Closed("what was begun did not end".to_owned()),
            Stop::Cancelled => Self::Cancelled(proc::Cancelled),
            Stop::Trouble(trouble) => Self::Trouble(trouble),
        }
    }
}
