// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask shell` at a terminal, and that nothing stays behind.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{self, LocalModes};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A terminal with the tool in it.
struct Terminal {
    tool: Child,
    /// The tool's end, to look at its modes.
    near: File,
    keys: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
    temporary: tempfile::TempDir,
}

impl Terminal {
    fn open(more: &[&str]) -> Self {
        let far: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&far).unwrap();
        unlockpt(&far).unwrap();
        let name = ptsname(&far, Vec::new()).unwrap().into_string().unwrap();
        let near = File::options().read(true).write(true).open(name).unwrap();
        let temporary = tempfile::tempdir().unwrap();
        let tool = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .args(["shell", "base"])
            .args(more)
            .env("TMPDIR", temporary.path())
            .stdin(near.try_clone().unwrap())
            .stdout(near.try_clone().unwrap())
            .stderr(near.try_clone().unwrap())
            .spawn()
            .unwrap();
        let keys = File::from(far);
        let mut output = keys.try_clone().unwrap();
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { tool, near, keys, screen, seen: String::new(), temporary }
    }

    /// Waits for a word on the screen, after all that was waited for before.
    fn wait(&mut self, word: &str) {
        let deadline = Instant::now() + Duration::from_secs(180);
        loop {
            if let Some(at) = self.seen.find(word) {
                self.seen.drain(..at + word.len());
                return;
            }
            assert!(Instant::now() < deadline, "no {word:?} on the screen: {}", self.seen);
            if let Ok(bytes) = self.screen.recv_timeout(Duration::from_millis(200)) {
                self.seen.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
    }

    fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
    }

    fn echoes(&self) -> bool {
        termios::tcgetattr(&self.near).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    /// The tool's exit code; no machine, no folder, and the terminal as before.
    fn nothing_is_left(mut self) -> Option<i32> {
        let code = self.tool.wait().unwrap().code();
        assert!(self.echoes(), "the terminal is still raw");
        let left: Vec<_> = std::fs::read_dir(self.temporary.path()).unwrap().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
        let folder = self.temporary.path().to_str().unwrap().to_owned();
        let deadline = Instant::now() + Duration::from_secs(10);
        while machines(&folder) > 0 {
            assert!(Instant::now() < deadline, "QEMU is still there");
            std::thread::sleep(Duration::from_millis(50));
        }
        code
    }
}

/// QEMUs with the folder in their command line.
fn machines(folder: &str) -> usize {
    let lines = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let line = std::fs::read(entry.ok()?.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).into_owned())
    });
    lines.filter(|line| line.starts_with("qemu") && line.contains(folder)).count()
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_shell_has_bcache_and_fio_and_ctrl_c_and_ends_with_exit() {
    let mut terminal = Terminal::open(&[]);
    terminal.wait("base # ");
    assert!(!terminal.echoes(), "every key should go to the guest");
    terminal.press(b"echo state: $(cat /sys/block/bcache0/bcache/state)\r");
    terminal.wait("state: clean");
    terminal.press(b"fio --version\r");
    terminal.wait("fio-3");
    terminal.press(b"sleep 1000\r");
    terminal.wait("sleep 1000");
    std::thread::sleep(Duration::from_secs(1));
    terminal.press(b"\x03");
    terminal.wait("base # ");
    terminal.press(b"exit\r");
    terminal.wait("forgotten");
    assert_eq!(terminal.nothing_is_left(), Some(0));
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn ctrl_bracket_leaves_whatever_the_guest_does() {
    let mut terminal = Terminal::open(&[]);
    terminal.wait("base # ");
    terminal.press(b"cat /dev/zero >/dev/null\r");
    terminal.press(b"\x1d");
    terminal.wait("forgotten");
    assert_eq!(terminal.nothing_is_left(), Some(0));
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_guest_that_panics_is_said_and_is_four() {
    let mut terminal = Terminal::open(&[]);
    terminal.wait("base # ");
    terminal.press(b"echo c > /proc/sysrq-trigger\r");
    terminal.wait("ended by itself");
    assert_eq!(terminal.nothing_is_left(), Some(4));
}

/// Its end comes while the guest's terminal does not listen.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn commands_from_a_pipe_are_run_and_their_end_is_the_shell_s() {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .args(["shell", "base"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let commands = b"sleep 2\ncat /sys/block/bcache0/bcache/state\nsleep 2\n";
    tool.stdin.take().unwrap().write_all(commands).unwrap();
    let ended = tool.wait_with_output().unwrap();
    let screen = String::from_utf8_lossy(&ended.stdout);
    assert!(screen.contains("clean"), "{screen}");
    assert_eq!(ended.status.code(), Some(0));
}

/// gdb on the kernel of a running shell reaches a function of bcache; leaving
/// leaves nothing.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn gdb_stops_in_bcache_and_leaving_leaves_nothing() {
    if Command::new("gdb").arg("--version").output().is_err() {
        eprintln!("not run: gdb is not installed");
        return;
    }
    // A free port, as far as one can know.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut terminal = Terminal::open(&["--gdb", &port.to_string()]);
    terminal.wait("gdb ");
    terminal.wait("vmlinux");
    terminal.wait("base # ");
    let kernel = String::from_utf8(
        Command::new(env!("CARGO_BIN_EXE_xtask"))
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .args(["build", "base"])
            .output()
            .unwrap()
            .stdout,
    );
    let kernel = kernel.unwrap().trim().split('\t').nth(1).unwrap().to_owned();
    let target = format!("target remote 127.0.0.1:{port}");
    let mut gdb = Command::new("gdb");
    gdb.args(["-batch", "-ex", &target, "-ex", "hbreak cached_dev_submit_bio"]);
    gdb.args([
        "-ex",
        "echo waiting\\n",
        "-ex",
        "continue",
        "-ex",
        "bt 3",
        "-ex",
        "detach",
        &kernel,
    ]);
    let mut gdb = gdb.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(gdb.stdout.take().unwrap()).lines().map_while(Result::ok);
    lines.find(|line| line.contains("waiting")).unwrap();
    terminal.press(b"dd if=/dev/bcache0 of=/dev/null bs=4k count=1 iflag=direct\r");
    let stack: Vec<String> = lines.collect();
    gdb.wait().unwrap();
    let stack = stack.join("\n");
    assert!(stack.contains("#0") && stack.contains("cached_dev_submit_bio"), "{stack}");
    assert!(stack.contains("__submit_bio"), "{stack}");
    terminal.press(b"\x1d");
    terminal.wait("forgotten");
    assert_eq!(terminal.nothing_is_left(), Some(0));
}
