// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exit codes (design.md section 8) and the errors that carry them.

use proc::Cancel;
use std::process::ExitCode;

/// What was tested is not as it should be.
pub const CONTRADICTED: u8 = 1;
/// Something in the command line, or in a file named there, is wrong.
pub const USAGE: u8 = 2;
/// Something is missing on this machine.
pub const SETUP: u8 = 3;
/// The harness failed.
pub const HARNESS: u8 = 4;
/// Interrupted: 128 + SIGINT, as shells do it.
pub const INTERRUPTED: u8 = 130;

/// Help text.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  every verdict is as expected
  1  a verdict contradicts its expectation
  2  wrong usage
  3  set-up incomplete (the command that completes it is printed)
  4  the harness failed, or a case stayed inconclusive";

/// An error with an exit code of its own; any other error is [`HARNESS`].
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Coded {
    code: u8,
    message: String,
}

/// A [`USAGE`] error.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    Coded { code: USAGE, message: message.into() }.into()
}

/// A [`CONTRADICTED`] error: the thing under test is at fault.
pub fn contradicted(message: impl Into<String>) -> anyhow::Error {
    Coded { code: CONTRADICTED, message: message.into() }.into()
}

/// A [`SETUP`] error.
pub fn setup(message: impl Into<String>) -> anyhow::Error {
    Coded { code: SETUP, message: message.into() }.into()
}

/// The exit code that an error deserves.
pub fn code_of(error: &anyhow::Error) -> u8 {
    error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Coded>())
        .map_or(HARNESS, |coded| coded.code)
}

/// Prints the error with its causes and turns it into an exit code. After a
/// Ctrl-C any error is a consequence of it.
pub fn report(error: &anyhow::Error, cancel: &Cancel) -> ExitCode {
    if cancel.is_cancelled() {
        eprintln!("interrupted; nothing is left running, finished cases are kept");
        return ExitCode::from(INTERRUPTED);
    }
    eprintln!("error: {error:#}");
    ExitCode::from(code_of(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn codes_survive_context() {
        let wrapped = Err::<(), _>(usage("no such arm")).context("run").unwrap_err();
        assert_eq!(code_of(&wrapped), USAGE);
        assert_eq!(code_of(&setup("x")), SETUP);
        assert_eq!(code_of(&anyhow::anyhow!("x")), HARNESS);
    }
}
