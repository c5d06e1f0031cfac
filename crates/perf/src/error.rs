// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why something could not be measured.

use lab::guest::GuestError;
use std::path::PathBuf;
use vm::{CallError, VmError};

/// Trouble of the harness, or of the guest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PerfError {
    /// A request in the guest failed.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// The machine failed.
    #[error(transparent)]
    Vm(#[from] VmError),
    #[error(transparent)]
    Machine(#[from] lab::MachineError),
    /// A file of the host.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not say what it should: a kernel's symbols, a disk's fields.
    #[error("{path}: {why}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// What was to be measured did not take place; nothing follows from the
    /// figures.
    #[error("inconclusive: {0}")]
    Closed(String),
    /// fio failed, or said something unexpected.
    #[error("fio, job {job}: {why}")]
    Fio {
        /// The job.
        job: String,
        /// fio's words.
        why: String,
    },
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] proc::Cancelled),
}

impl PerfError {
    pub(super) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    /// Whether the user asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Cancelled(_)
                | Self::Vm(VmError::Cancelled)
                | Self::Guest(GuestError::Call(CallError::Vm(VmError::Cancelled)))
        )
    }
}

impl From<CallError> for PerfError {
    fn from(error: CallError) -> Self {
        Self::Guest(error.into())
    }
}
