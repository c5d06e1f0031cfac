// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the guest's console says about its end.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// How much of the log is looked at, in bytes: an oops with its registers and
/// trace, and what led to it.
const LOOK_BACK: u64 = 256 << 10;

/// How many lines an error shows.
const TAIL_LINES: usize = 25;

/// What ended the kernel, as it put it.
#[derive(Debug, PartialEq, Eq)]
pub enum Finding {
    /// A panic without an oops before it.
    Panic(String),
    /// An oops, with or without the panic that `oops=panic` makes of it.
    Oops(String),
}

const PANIC: &str = "Kernel panic - not syncing: ";

/// First lines of reports that the kernel does not survive here. A report of
/// KASAN or lockdep is not among them: the kernel lives on, and whoever runs
/// such a configuration reads the log.
const OOPS: &[&str] = &[
    "BUG: kernel NULL pointer dereference",
    "BUG: unable to handle ",
    "kernel BUG at ",
    "Oops: ",
    "general protection fault",
    "stack segment: ",
    "divide error: ",
    "invalid opcode: ",
    "traps: PANIC: double fault",
];

/// The end of a log file, lossy.
pub fn read_end(path: &Path) -> String {
    let mut bytes = Vec::new();
    if let Ok(mut file) = File::open(path) {
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let _ = file.seek(SeekFrom::Start(length.saturating_sub(LOOK_BACK)));
        let _ = file.take(LOOK_BACK).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).replace('\r', "")
}

pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// Looks for a panic or an oops; the first oops tells more than the last.
pub fn finding(text: &str) -> Option<Finding> {
    let message = |line: &str| without_time(line).trim().to_owned();
    if let Some(line) = text.lines().find(|line| OOPS.iter().any(|start| starts(line, start))) {
        return Some(Finding::Oops(message(line)));
    }
    let line = text.lines().find(|line| line.contains(PANIC))?;
    let reason = line.split_once(PANIC).map_or(line, |(_, reason)| reason);
    Some(Finding::Panic(reason.trim().to_owned()))
}

fn starts(line: &str, start: &str) -> bool {
    without_time(line).starts_with(start)
}

/// Takes `[    0.123456] ` or, with CONFIG_PRINTK_CALLER, `[ 0.1][   T1] ` off.
fn without_time(mut line: &str) -> &str {
    while let Some(rest) = line.strip_prefix('[') {
        match rest.split_once(']') {
            Some((_, rest)) => line = rest.trim_start(),
            None => break,
        }
    }
    line
}

/// Moves what `log` has after its first `bytes` to another file, where it has more.
pub fn split(log: &Path, bytes: u64, rest: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(log)?;
    file.seek(SeekFrom::Start(bytes))?;
    let mut more = Vec::new();
    file.read_to_end(&mut more)?;
    if more.is_empty() {
        return Ok(());
    }
    std::fs::write(rest, more)?;
    file.set_len(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_found_with_its_reason() {
        let text = "[    0.1] a\n[    0.8] Kernel panic - not syncing: sysrq triggered crash\n";
        assert_eq!(finding(text), Some(Finding::Panic("sysrq triggered crash".into())));
        assert_eq!(finding("[ 0.1] all is well\n"), None);
    }

    #[test]
    fn the_oops_before_a_panic_is_the_finding() {
        let text = "[    1.0][   T33] BUG: kernel NULL pointer dereference, address: 8\n\
                    [    1.1][   T33] Oops: Oops: 0002 [#1] SMP\n\
                    [    1.2][   T33] Kernel panic - not syncing: Fatal exception\n";
        let reason = "BUG: kernel NULL pointer dereference, address: 8";
        assert_eq!(finding(text), Some(Finding::Oops(reason.into())));
    }

    #[test]
    fn a_program_that_quotes_an_oops_does_not_make_one() {
        assert_eq!(finding("sh: looking for Oops: in the log\n"), None);
    }

    #[test]
    fn the_tail_is_short_and_has_no_blank_lines() {
        let text: String = (0..100).map(|n| format!("line {n}\n\n")).collect();
        let tail = tail(&text);
        assert_eq!(tail.lines().count(), TAIL_LINES);
        assert!(tail.ends_with("line 99"));
    }

    #[test]
    fn what_was_said_after_the_cut_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let (log, rest) = (dir.path().join("console.log"), dir.path().join("rest"));
        std::fs::write(&log, "up\nI/O error\nkernel BUG\n").unwrap();
        split(&log, 3, &rest).unwrap();
        assert_eq!(std::fs::read(&log).unwrap(), b"up\n");
        assert_eq!(std::fs::read(&rest).unwrap(), b"I/O error\nkernel BUG\n");
        std::fs::remove_file(&rest).unwrap();
        split(&log, 3, &rest).unwrap();
        assert!(!rest.exists(), "nothing was said");
    }
}
