// SPDX-License-Identifier: MIT OR Apache-2.0
//! A child process (and all its descendants) with an owner.

use crate::cancel::{Cancel, Cancelled};
use crate::watchdog;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// A running process group; dropping it kills the whole group.
#[derive(Debug)]
pub struct Guarded {
    child: Child,
    group: u32,
}

impl Guarded {
    /// Starts `command` as the leader of a new process group.
    ///
    /// # Errors
    /// As [`Command::spawn`]; `NotFound` when the program is missing.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let child = once_written(|| command.process_group(0).spawn())?;
        let group = child.id();
        watchdog::watch(group);
        Ok(Self { child, group })
    }

    /// The leader's pid, which is the group's number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.group
    }

    /// The child itself, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// `Some` once the leader has ended.
    ///
    /// # Errors
    /// As [`Child::try_wait`].
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Waits for the leader, giving up (and killing the group) on `cancel`.
    ///
    /// # Errors
    /// [`RunError::Cancelled`], or the wait itself failing.
    pub fn wait(&mut self, cancel: &Cancel) -> Result<ExitStatus, RunError> {
        let mut nap = Duration::from_micros(200);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if let Err(stop) = cancel.check() {
                self.kill();
                return Err(stop.into());
            }
            std::thread::sleep(nap);
            nap = (nap * 2).min(Duration::from_millis(20));
        }
    }

    /// SIGKILL to the whole group, then reaps the leader. Harmless when it has
    /// ended already.
    pub fn kill(&mut self) {
        if let Some(group) = Pid::from_raw(self.group.cast_signed()) {
            // ESRCH: all of them ended by themselves.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.kill();
        watchdog::forget(self.group);
    }
}

/// Starts a program; one that somebody is writing, or was until a process that is being
/// started elsewhere closes its copy of the file, a moment later.
pub(crate) fn once_written<T>(mut start: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..100 {
        match start() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {}
            outcome => return outcome,
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    start()
}

/// Why something that takes its time did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The program could not be started or waited for, or its log not opened.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The user asked to stop; the group is dead.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl RunError {
    /// As the caller's own error; `io` makes it of what the system said.
    pub fn or<E: From<Cancelled>>(self, io: impl FnOnce(io::Error) -> E) -> E {
        match self {
            Self::Io(error) => io(error),
            Self::Cancelled(cancelled) => cancelled.into(),
        }
    }
}

/// Runs `command` to its end with both outputs appended to `log`.
///
/// # Errors
/// [`RunError`]; a non-zero exit is not an error here.
pub fn run_logged(
    command: &mut Command,
    log: &Path,
    cancel: &Cancel,
) -> Result<ExitStatus, RunError> {
    let out = File::options().create(true).append(true).open(log)?;
    let err = out.try_clone()?;
    command.stdin(Stdio::null()).stdout(out).stderr(err);
    Guarded::spawn(command)?.wait(cancel)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alive(pid: u32) -> bool {
        // A zombie is dead for our purpose: state Z in /proc/pid/stat.
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
    }

    fn grandchild(guarded: &mut Guarded) -> u32 {
        use std::io::{BufRead, BufReader};
        let out = guarded.child().stdout.take().unwrap();
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).unwrap();
        line.trim().parse().unwrap()
    }

    #[test]
    fn dropping_the_guard_kills_grandchildren() {
        let mut guarded = Guarded::spawn(
            Command::new("sh").args(["-c", "sleep 60 & echo $!; wait"]).stdout(Stdio::piped()),
        )
        .unwrap();
        let pid = grandchild(&mut guarded);
        assert!(alive(pid));
        drop(guarded);
        std::thread::sleep(Duration::from_millis(50));
        assert!(!alive(pid));
    }

    #[test]
    fn cancel_ends_a_wait() {
        let cancel = Cancel::new();
        cancel.cancel();
        let mut guarded = Guarded::spawn(Command::new("sleep").arg("60")).unwrap();
        assert!(matches!(guarded.wait(&cancel), Err(RunError::Cancelled(_))));
    }

    /// The test binary starts itself as "the tool" and is killed with SIGKILL.
    #[test]
    fn a_killed_tool_leaves_nothing() {
        if std::env::var_os("PROC_TEST_VICTIM").is_some() {
            let mut first = Guarded::spawn(&mut Command::new("true")).unwrap();
            let _ = first.wait(&Cancel::new());
            drop(first);
            let mut guarded = Guarded::spawn(
                Command::new("sh").args(["-c", "sleep 60 & echo $!; wait"]).stdout(Stdio::piped()),
            )
            .unwrap();
            eprintln!("PID {}", grandchild(&mut guarded));
            std::thread::sleep(Duration::from_secs(30));
            return;
        }
        use std::io::{BufRead, BufReader};
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "guarded::tests::a_killed_tool_leaves_nothing", "--nocapture"])
            .env("PROC_TEST_VICTIM", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid: u32 = BufReader::new(victim.stderr.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("PID ")?.parse().ok())
            .unwrap();
        assert!(alive(pid));
        victim.kill().unwrap();
        victim.wait().unwrap();
        let gone = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            !alive(pid)
        });
        assert!(gone, "the grandchild {pid} survived the tool");
    }
}
