// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kills what the tool leaves behind when the tool is killed.
//!
//! `PR_SET_PDEATHSIG` reaches only direct children, and `make` has many
//! grandchildren. So one small shell reads the numbers of our process groups
//! from a pipe that only we hold open. When we die, however we die, the kernel
//! closes the pipe, the shell's `read` ends, and it kills the groups.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{LazyLock, Mutex};

/// `+ N` adds group N, `- N` forgets it; at end of file all known ones die.
const SCRIPT: &str = r#"
groups=' '
while read -r verb group; do
    case $verb in
    +) groups="$groups$group " ;;
    -) groups="${groups%% $group *} ${groups#* $group }" ;;
    esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
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
fn say(verb: char, group: u32) {
    if let Ok(mut pipe) = PIPE.lock()
        && let Some(pipe) = pipe.as_mut()
    {
        let _ = writeln!(pipe, "{verb} {group}");
    }
}

pub(crate) fn watch(group: u32) {
    say('+', group);
}

pub(crate) fn forget(group: u32) {
    say('-', group);
}
