// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a request failed, for people: what was being done, and the errno.

use crate::errno;
use std::fmt;
use std::io;

/// A message for the host's user.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure that no system call reported.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what was being done when a system call failed.
pub trait Doing<T> {
    /// `what` is called only on failure.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| {
            let error: io::Error = error.into();
            Failure(format!("{}: {}", what(), errno::describe(&error)))
        })
    }
}
