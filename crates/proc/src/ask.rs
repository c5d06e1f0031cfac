// SPDX-License-Identifier: MIT OR Apache-2.0
//! Quick commands: written down with xshell's `cmd!`, run to their end, looked
//! at afterwards. They stay in the tool's own process group, so a Ctrl-C at the
//! terminal ends them as well.

use crate::guarded::once_written;
use crate::{Cancel, RunError};
use std::io;
use std::process::{Command, Stdio};
use xshell::{Cmd, Shell};

/// How a quick command ended; text that is no UTF-8 is mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Whether its exit status was 0.
    pub success: bool,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// The lines of both outputs.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.out.lines().chain(self.err.lines())
    }

    /// Both outputs, for an error message.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines().collect::<Vec<_>>().join("\n")
    }
}

/// A shell in the working directory.
///
/// # Errors
/// When that has gone.
pub fn shell() -> io::Result<Shell> {
    Shell::new().map_err(io::Error::other)
}

/// Runs a command that takes moments, in the C locale.
///
/// # Errors
/// `NotFound` when there is no such program; cancelled when it failed after the
/// user had asked to stop. Its own failure is an answer.
pub fn ask(cmd: Cmd<'_>, cancel: &Cancel) -> Result<Said, RunError> {
    ask_about(cmd, Stdio::null(), cancel)
}

/// As [`ask`], with an input.
///
/// # Errors
/// As [`ask`].
pub fn ask_about(cmd: Cmd<'_>, input: impl Into<Stdio>, cancel: &Cancel) -> Result<Said, RunError> {
    // Not `Cmd::output`, whose error does not tell what kind it is.
    let mut command = Command::from(cmd.env("LC_ALL", "C"));
    command.stdin(input);
    let output = once_written(|| command.output())?;
    let success = output.status.success();
    if !success {
        cancel.check()?;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Said { success, out: text(&output.stdout), err: text(&output.stderr) })
}

/// The first line that a command prints; `None` when it fails or is not there.
#[must_use]
pub fn first_line(cmd: Cmd<'_>) -> Option<String> {
    let said = ask(cmd, &Cancel::new()).ok().filter(|said| said.success)?;
    said.lines().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;
    use xshell::cmd;

    #[test]
    fn answers_failures_and_missing_programs_are_told_apart() {
        let sh = shell().unwrap();
        let script = "echo one; echo two >&2; exit 3";
        let said = ask(cmd!(sh, "sh -c {script}"), &Cancel::new()).unwrap();
        assert_eq!((said.success, said.text().as_str()), (false, "one\ntwo"));
        assert_eq!(first_line(cmd!(sh, "sh -c {script}")), None);
        assert_eq!(first_line(cmd!(sh, "echo one")).as_deref(), Some("one"));
        let missing = ask(cmd!(sh, "no-such-program-of-ours"), &Cancel::new());
        assert!(
            matches!(missing, Err(RunError::Io(error)) if error.kind() == io::ErrorKind::NotFound)
        );
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("busy");
        std::fs::write(&script, "#!/bin/sh\necho one\n").unwrap();
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        let written = File::options().append(true).open(&script).unwrap();
        let closed = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            drop(written);
        });
        assert_eq!(first_line(cmd!(sh, "{script}")).as_deref(), Some("one"));
        closed.join().unwrap();
        let cancel = Cancel::new();
        cancel.cancel();
        assert!(matches!(ask(cmd!(sh, "false"), &cancel), Err(RunError::Cancelled(_))));
    }
}
