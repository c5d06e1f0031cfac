// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kills what the tool leaves behind when the tool is killed.
//!
//! `PR_SET_PDEATHSIG` reaches only direct children, and `make` has many
//! grandchildren. So one small shell reads the numbers of our process groups
//! from a pipe that only we hold open. When we die, however we die, the kernel
//! closes the pipe, the shell's `read` ends, it kills the groups and removes
//! our temporary folders.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{LazyLock, Mutex};

/// `+ N` adds group N, `- N` forgets it; `d PATH` and `f PATH` do so with a
/// folder. At end of file all known ones die. The folders are the shell's
/// positional parameters: a list that survives blanks.
const SCRIPT: &str = r#"
groups=' '
while read -r verb what; do
    case $verb in
    +) groups="$groups$what " ;;
    -) groups="${groups%% $what *} ${groups#* $what }" ;;
    d) set -- "$@" "$what" ;;
    f)
        count=$#
        while [ "$count" -gt 0 ]; do
            dir=$1
            shift
            [ "$dir" = "$what" ] || set -- "$@" "$dir"
            count=$((count - 1))
        done
        ;;
    esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
for dir in "$@"; do rm -rf -- "$dir"; done
"#;

static PIPE: LazyLock<Mutex<Option<ChildStdin>>> = LazyLock::new(|| Mutex::new(start()));

fn start() -> Option<ChildStdin> {
    Command::new("/bin/sh")
        .args(["-c", SCRIPT, "bcache-lab-watchdog"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Its own group: a Ctrl-C at the terminal must not take it first.
        .process_group(0)
        .spawn()
        .ok()?
        .stdin
        .take()
}

/// Without a shell there is no watchdog; the guards still work, only a
/// SIGKILL of the tool would leak, so a failure here is not worth an error.
fn say(verb: char, what: &str) {
    if let Ok(mut pipe) = PIPE.lock()
        && let Some(pipe) = pipe.as_mut()
    {
        let _ = writeln!(pipe, "{verb} {what}");
    }
}

pub(crate) fn watch(group: u32) {
    say('+', &group.to_string());
}

pub(crate) fn forget(group: u32) {
    say('-', &group.to_string());
}

/// A path that a line cannot hold is not watched.
fn line(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| path.is_absolute() && !text.contains(['\n', '\r']))
}

pub(crate) fn watch_dir(path: &Path) {
    if let Some(path) = line(path) {
        say('d', path);
    }
}

pub(crate) fn forget_dir(path: &Path) {
    if let Some(path) = line(path) {
        say('f', path);
    }
}
