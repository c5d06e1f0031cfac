// SPDX-License-Identifier: MIT OR Apache-2.0
//! A child process whose output is read line by line while it works.

use crate::cancel::Cancel;
use crate::guarded::{Guarded, RunError};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Runs `command` to its end and hands each line of both outputs to `on_line`
/// (without its newline, invalid UTF-8 replaced), in the caller's thread.
/// Within a stream the order is kept; between the two it is only approximate.
///
/// Only the leader's end is waited for: a daemon that it left behind with the
/// pipes open does not hold the caller up, and is killed with the group.
///
/// # Errors
/// [`RunError`]; a non-zero exit is not an error here.
pub fn run_lines(
    command: &mut Command,
    cancel: &Cancel,
    mut on_line: impl FnMut(&str),
) -> Result<ExitStatus, RunError> {
    run_heard(command, cancel, |heard| {
        if let Some(line) = heard {
            on_line(line);
        }
    })
}

/// The same, and `on_heard` is also called, with `None`, whenever nothing was
/// said for 50 ms: a compiler may be silent for minutes, its progress must not.
///
/// # Errors
/// As [`run_lines`].
pub fn run_heard(
    command: &mut Command,
    cancel: &Cancel,
    mut on_heard: impl FnMut(Option<&str>),
) -> Result<ExitStatus, RunError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Guarded::spawn(command)?;
    let (sender, lines) = channel();
    if let Some(out) = child.child().stdout.take() {
        pump(out, sender.clone());
    }
    if let Some(err) = child.child().stderr.take() {
        pump(err, sender.clone());
    }
    drop(sender);
    loop {
        match lines.recv_timeout(Duration::from_millis(50)) {
            Ok(line) => on_heard(Some(&line)),
            Err(RecvTimeoutError::Disconnected) => return child.wait(cancel),
            Err(RecvTimeoutError::Timeout) => {
                if let Some(status) = child.try_wait()? {
                    // What the leader itself wrote is in the pipe by now.
                    while let Ok(line) = lines.recv_timeout(Duration::from_millis(50)) {
                        on_heard(Some(&line));
                    }
                    return Ok(status);
                }
                on_heard(None);
            }
        }
        cancel.check()?;
    }
}

fn pump(stream: impl Read + Send + 'static, lines: Sender<String>) {
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line);
            if lines.send(text.trim_end_matches(['\n', '\r']).to_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str) -> (ExitStatus, Vec<String>) {
        let mut seen = Vec::new();
        let status = run_lines(Command::new("sh").args(["-c", script]), &Cancel::new(), |line| {
            seen.push(line.to_owned());
        })
        .unwrap();
        (status, seen)
    }

    #[test]
    fn both_outputs_arrive_with_the_exit_status() {
        let (status, mut seen) = run("echo one; echo two >&2; printf three; exit 4");
        seen.sort();
        assert_eq!(status.code(), Some(4));
        assert_eq!(seen, ["one", "three", "two"]);
    }

    #[test]
    fn silence_is_heard_too() {
        let mut heard = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; sleep 0.5; echo two"]);
        run_heard(&mut command, &Cancel::new(), |line| heard.push(line.is_some())).unwrap();
        heard.dedup();
        let words = heard.iter().filter(|said| **said).count();
        assert!(words == 2 && heard.len() >= 3, "{heard:?}");
    }

    #[test]
    fn a_daemon_left_behind_does_not_hold_us_up() {
        let (status, seen) = run("sleep 300 & echo done");
        assert!(status.success());
        assert_eq!(seen, ["done"]);
    }

    #[test]
    fn cancel_ends_a_talkative_child() {
        let cancel = Cancel::new();
        let ended = run_lines(&mut Command::new("yes"), &cancel, |_| cancel.cancel());
        assert!(matches!(ended, Err(RunError::Cancelled(_))));
    }
}
