// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a request failed, for people: what was being done, and the errno.

use crate::errno;
use rustix::io::Errno;
use std::fmt;
use std::io;
use wire::Refusal;

/// A message for the host's user, and the errno for the host.
#[derive(Debug)]
pub struct Failure {
    message: String,
    errno: Option<i32>,
}

impl Failure {
    /// A failure that no system call reported.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), errno: None }
    }

    /// As if a system call had failed with this errno.
    pub fn with(message: impl Into<String>, errno: Errno) -> Self {
        Self { message: message.into(), errno: Some(errno.raw_os_error()) }
    }

    /// The same failure in other words.
    pub fn told(self, words: impl FnOnce(&str) -> String) -> Self {
        Self { message: words(&self.message), errno: self.errno }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Failure> for Refusal {
    fn from(Failure { message, errno }: Failure) -> Self {
        Self { message, errno }
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
            let message = format!("{}: {}", what(), errno::describe(&error));
            Failure { message, errno: error.raw_os_error() }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_gets_the_errno_as_a_number() {
        let failed = Err::<(), _>(io::Error::from_raw_os_error(16));
        let refusal = Refusal::from(failed.doing(|| "attaching".to_owned()).unwrap_err());
        assert_eq!(refusal.errno, Some(16));
        assert!(refusal.message.starts_with("attaching: EBUSY"), "{refusal}");
        assert_eq!(Refusal::from(Failure::new("no such option")).errno, None);
    }
}
