// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs, and the orphans that only PID 1 can reap.
//!
//! One thread reaps everything. A program started here is entered in a table
//! while the table is locked, and the reaper takes no status before it holds
//! the same lock: so a child's status can neither be lost nor be stolen.

use crate::failure::{Doing, Failure};
use rustix::process::{self, Pid, Signal, WaitId, WaitIdOptions};
use std::collections::HashMap;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use wire::ExecOutput;

const PATH: &str = "/bin:/sbin:/usr/bin:/usr/sbin";

/// Longest output that is sent back, in bytes; the rest is read and dropped.
const LONGEST: usize = 4 << 20;

/// Who waits for which child's exit code.
static TABLE: Mutex<Option<HashMap<i32, Sender<i32>>>> = Mutex::new(None);
static STARTED: Condvar = Condvar::new();

type Table<'a> = std::sync::MutexGuard<'a, Option<HashMap<i32, Sender<i32>>>>;

fn table() -> Table<'static> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the thread that reaps every child, ours or adopted.
pub fn start_reaper() {
    if let Err(error) = thread::Builder::new().name("reaper".into()).spawn(reap_for_ever) {
        eprintln!("agent: no reaper: {error}");
    }
}

fn reap_for_ever() {
    loop {
        // NOWAIT: only look. The status is taken under the lock.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        match process::waitid(WaitId::All, options) {
            Ok(_) => reap(),
            // No children: nothing can turn up before one is started.
            Err(_) => {
                let guard = table();
                let nap = Duration::from_secs(1);
                drop(STARTED.wait_timeout(guard, nap).map_err(PoisonError::into_inner));
            }
        }
    }
}

fn reap() {
    let mut table = table();
    while let Ok(Some((pid, status))) = process::wait(process::WaitOptions::NOHANG) {
        let code = status
            .exit_status()
            .or_else(|| status.terminating_signal().map(|signal| 128 + signal))
            .unwrap_or(-1);
        let pid = pid.as_raw_nonzero().get();
        if let Some(waiting) = table.as_mut().and_then(|waiting| waiting.remove(&pid)) {
            // The request may have timed out and gone.
            let _ = waiting.send(code);
        }
    }
}

/// Runs a program to its end.
///
/// # Errors
/// It cannot be started, or it did not end in time (then its whole process
/// group is dead).
pub fn run(argv: &[String], timeout_ms: u64) -> Result<ExecOutput, Failure> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(Failure::new("exec: no program named"));
    };
    let deadline = Instant::now() + Duration::from_millis(timeout_ms);
    let mut command = Command::new(find(program)?);
    command
        .arg0(program)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", "/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that a timeout gets its children as well.
        .process_group(0);
    let (mut child, ended) = start(&mut command).doing(|| format!("starting {program:?}"))?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let left = || deadline.saturating_duration_since(Instant::now());
    let late = |what: &str| {
        kill_group(&child);
        let said = |output: &Receiver<String>| {
            output.recv_timeout(Duration::from_secs(1)).unwrap_or_default()
        };
        Failure::new(format!(
            "{program:?} {what} within {timeout_ms} ms and was killed; stdout: {:?}, stderr: {:?}",
            said(&stdout),
            said(&stderr)
        ))
    };
    let code = ended.recv_timeout(left()).map_err(|_| late("did not end"))?;
    // The program has ended, but a child of it may hold the pipes open.
    let output = |from: &Receiver<String>| match from.recv_timeout(left()) {
        Ok(text) => Ok(text),
        Err(RecvTimeoutError::Timeout) => Err(late("left a child that did not end")),
        Err(RecvTimeoutError::Disconnected) => Ok(String::new()),
    };
    let (stdout_text, stderr_text) = (output(&stdout)?, output(&stderr)?);
    Ok(ExecOutput { code, stdout: stdout_text, stderr: stderr_text })
}

/// The program's path. Given a bare name and an environment, or a directory,
/// std would fork and report back through a socket pair instead of calling
/// `posix_spawn`; a guest kernel without CONFIG_NET has no sockets.
fn find(program: &str) -> Result<PathBuf, Failure> {
    if program.contains('/') {
        return Ok(program.into());
    }
    let found = PATH.split(':').map(|dir| Path::new(dir).join(program)).find(|path| path.exists());
    found.ok_or_else(|| Failure::new(format!("starting {program:?}: ENOENT (not in {PATH})")))
}

fn start(command: &mut Command) -> std::io::Result<(Child, Receiver<i32>)> {
    let mut table = table();
    let child = command.spawn()?;
    let (sender, ended) = channel();
    table.get_or_insert_default().insert(child.id().cast_signed(), sender);
    drop(table);
    STARTED.notify_all();
    Ok((child, ended))
}

fn kill_group(child: &Child) {
    if let Some(group) = Pid::from_raw(child.id().cast_signed()) {
        let _ = process::kill_process_group(group, Signal::KILL);
    }
}

/// Reads a pipe to its end in a thread of its own.
fn collect(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, text) = channel();
    let Some(mut pipe) = pipe else { return text };
    let read = move || {
        let mut kept = Vec::new();
        let mut chunk = vec![0; 64 << 10];
        let mut dropped = 0;
        while let Ok(count @ 1..) = pipe.read(&mut chunk) {
            let room = LONGEST.saturating_sub(kept.len()).min(count);
            kept.extend_from_slice(&chunk[..room]);
            dropped += count - room;
        }
        let mut text = String::from_utf8_lossy(&kept).into_owned();
        if dropped > 0 {
            text.push_str(&format!("\n[{dropped} more bytes dropped by the agent]\n"));
        }
        let _ = sender.send(text);
    };
    // Without the thread the sender is dropped, which reads as no output.
    let _ = thread::Builder::new().name("output".into()).spawn(read);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Once;

    fn sh(script: &str, timeout_ms: u64) -> Result<ExecOutput, Failure> {
        static REAPER: Once = Once::new();
        REAPER.call_once(start_reaper);
        run(&["sh".into(), "-c".into(), script.into()], timeout_ms)
    }

    #[test]
    fn code_and_output_come_back() {
        let output = sh("echo out; echo err >&2; exit 3", 60_000).unwrap();
        assert_eq!((output.code, output.stdout.as_str()), (3, "out\n"));
        assert_eq!(output.stderr, "err\n");
        assert_eq!(sh("kill -9 $$", 60_000).unwrap().code, 137);
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&["no-such-program".into()], 1000).unwrap_err().to_string();
        assert!(error.contains("no-such-program") && error.contains("ENOENT"), "{error}");
    }

    #[test]
    fn a_timeout_kills_the_children_too() {
        let error = sh("echo begun; sleep 60 & wait", 300).unwrap_err().to_string();
        assert!(error.contains("did not end within 300 ms") && error.contains("begun"), "{error}");
        let error = sh("sleep 61 & echo left", 300).unwrap_err().to_string();
        assert!(error.contains("left a child"), "{error}");
    }

    #[test]
    fn many_at_once_get_their_own_codes() {
        thread::scope(|scope| {
            for code in 0..16 {
                scope.spawn(move || {
                    assert_eq!(sh(&format!("exit {code}"), 60_000).unwrap().code, code);
                });
            }
        });
    }
}
