// SPDX-License-Identifier: MIT OR Apache-2.0
//! Between the user's terminal and the guest's console.

use super::raw::Raw;
use anyhow::{Context, Result};
use lab::Shell;
use proc::Cancel;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Ctrl-]: leaves, as in telnet.
const LEAVE: u8 = 0x1d;
/// Ctrl-D: end of input, which ends the guest's shell.
const END: u8 = 0x04;
/// The guest's terminal drops it while a command runs, so it is sent again.
const AGAIN: Duration = Duration::from_secs(1);
/// How often the end of the shell is looked for.
const GLANCE: Duration = Duration::from_millis(100);
/// The console's last words may still be on their way.
const LINGER: Duration = Duration::from_millis(300);
/// A console of 115200 baud takes so many bytes at once.
const PIECE: usize = 1024;

/// Copies both ways until the shell ends, the user leaves or asks to stop.
/// The inner result is the machine's own trouble.
pub fn attach(shell: &Shell, cancel: &Cancel) -> Result<Result<(), String>> {
    let path = shell.console();
    let mut socket = UnixStream::connect(path)
        .with_context(|| format!("cannot open the console {}", path.display()))?;
    let _raw = Raw::enter();
    let mut input = true;
    let mut ended = Instant::now();
    let mut over: Option<(Result<(), String>, Instant)> = None;
    loop {
        let stdin = std::io::stdin();
        let (from_user, from_guest) = ready(input.then_some(&stdin), &socket)?;
        if from_guest && !to_user(&mut socket)? {
            // The machine has gone; its end is known in a moment.
            return Ok(shell.ended(Duration::from_secs(5), cancel).unwrap_or(Ok(())));
        }
        if from_user {
            match to_guest(&stdin, &mut socket)? {
                Input::More => {}
                Input::Over => input = false,
                Input::Leave => return Ok(Ok(())),
            }
        }
        if !input && ended.elapsed() > AGAIN {
            // A machine that is gone is noticed where its console is read.
            let _ = socket.write_all(&[END]);
            ended = Instant::now();
        }
        if cancel.is_cancelled() {
            return Ok(Ok(()));
        }
        if over.is_none() {
            let end = shell.ended(Duration::ZERO, cancel);
            over = end.map(|end| (end, Instant::now() + LINGER));
        }
        if let Some((end, until)) = &over
            && !from_guest
            && Instant::now() > *until
        {
            return Ok(end.clone());
        }
    }
}

/// Waits a moment; which side has something to say.
fn ready(stdin: Option<&std::io::Stdin>, socket: &UnixStream) -> Result<(bool, bool)> {
    let mut fds = vec![PollFd::new(socket, PollFlags::IN)];
    if let Some(stdin) = stdin {
        fds.push(PollFd::new(stdin, PollFlags::IN));
    }
    let wait = Timespec { tv_sec: 0, tv_nsec: GLANCE.subsec_nanos().into() };
    match poll(&mut fds, Some(&wait)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error).context("waiting for the terminal"),
    }
    let some = |at: usize| fds.get(at).is_some_and(|fd: &PollFd<'_>| !fd.revents().is_empty());
    Ok((some(1), some(0)))
}

/// False at the end of the console.
fn to_user(socket: &mut UnixStream) -> Result<bool> {
    let mut bytes = [0; 4096];
    let count = match socket.read(&mut bytes) {
        Ok(0) | Err(_) => return Ok(false),
        Ok(count) => count,
    };
    let mut out = std::io::stdout().lock();
    out.write_all(&bytes[..count]).and_then(|()| out.flush()).context("writing to the terminal")?;
    Ok(true)
}

enum Input {
    More,
    Over,
    Leave,
}

fn to_guest(stdin: &std::io::Stdin, socket: &mut UnixStream) -> Result<Input> {
    let mut bytes = [0; PIECE];
    // Not through std's buffer: poll would not see what is in it.
    let count = rustix::io::read(stdin.as_fd(), &mut bytes).unwrap_or(0);
    if count == 0 {
        // A pipe is at its end: so is what the shell reads.
        let _ = socket.write_all(&[END]);
        return Ok(Input::Over);
    }
    let typed = &bytes[..count];
    let leave = typed.iter().position(|byte| *byte == LEAVE);
    // A machine that is gone is noticed where its console is read.
    let _ = socket.write_all(&typed[..leave.unwrap_or(count)]);
    Ok(if leave.is_some() { Input::Leave } else { Input::More })
}
