// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every end of a guest is called by its name.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod guest;

use guest::{LONG, alive, call, config};
use proc::Cancel;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;
use vm::{CallError, Pending, Vm, VmError};
use wire::{Answer, Op};

fn fate(pending: &Pending) -> VmError {
    match pending.wait(LONG, &Cancel::new()) {
        Err(CallError::Vm(fate)) => fate,
        other => panic!("expected the guest's end, got {other:?}"),
    }
}

/// A request that is on its way when the guest ends.
fn waiting(vm: &Vm) -> Pending {
    vm.start(Op::WaitPath { path: "/never".into(), timeout_ms: 600_000 })
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_guest_boots_answers_and_leaves_nothing_behind() {
    let (config, _dir) = config();
    let vm = Vm::boot(&config, &Cancel::new()).unwrap();
    assert_eq!(call(&vm, Op::Ping), Answer::Done);
    let pid = vm.pid();
    assert!(alive(pid));
    drop(vm);
    assert!(!alive(pid));
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_panic_is_told_with_its_reason() {
    let (config, _dir) = config();
    let vm = Vm::boot(&config, &Cancel::new()).unwrap();
    let waiting = waiting(&vm);
    let VmError::Panicked { reason, console_tail } = fate(&vm.start(Op::Panic)) else {
        panic!("{:?}", vm.fate())
    };
    assert!(!reason.is_empty());
    assert!(console_tail.contains("Kernel panic - not syncing"), "{console_tail}");
    assert!(matches!(fate(&waiting), VmError::Panicked { .. }));
    assert!(!alive(vm.pid()));
}

/// Sends a processor to an address where there is nothing, through QEMU's
/// debugger port: an oops that needs no test code in the kernel.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn an_oops_is_told_from_a_plain_panic() {
    let (mut config, dir) = config();
    let socket = dir.path().join("gdb");
    config.gdb = Some(format!("unix:{},server=on,wait=off", socket.display()));
    let vm = Vm::boot(&config, &Cancel::new()).unwrap();
    let waiting = waiting(&vm);
    let mut gdb = UnixStream::connect(&socket).unwrap();
    // Connecting stops the guest, perhaps in user mode, where a bad address
    // is only a dead program: on, until it stands in the kernel.
    while user_mode(&gdb_ask(&mut gdb, "g")) {
        gdb_say(&mut gdb, "c");
        thread::sleep(Duration::from_millis(20));
        gdb.write_all(&[3]).unwrap();
        gdb_answer(&mut gdb);
    }
    // Register 16 (rip), little endian; then on.
    assert_eq!(gdb_ask(&mut gdb, "P10=efbeadde00000000"), "OK");
    gdb_say(&mut gdb, "c");
    let fate = fate(&waiting);
    // Stopped on the way in, on the entry stack, the fault is a double one.
    let oops = |reason: &str| reason.contains("BUG") || reason.contains("double fault");
    assert!(matches!(&fate, VmError::Oops { reason, .. } if oops(reason)), "{fate}");
}

/// Sends a packet of gdb's remote protocol.
fn gdb_say(gdb: &mut UnixStream, packet: &str) {
    let sum = packet.bytes().fold(0u8, u8::wrapping_add);
    write!(gdb, "+${packet}#{sum:02x}").unwrap();
}

/// The next packet from QEMU, without its frame.
fn gdb_answer(gdb: &mut UnixStream) -> String {
    let mut text = String::new();
    let mut byte = [0];
    while !text.ends_with('#') {
        gdb.read_exact(&mut byte).unwrap();
        match byte[0] {
            b'$' => text.clear(),
            other => text.push(char::from(other)),
        }
    }
    // The checksum.
    gdb.read_exact(&mut [0; 2]).unwrap();
    text.trim_end_matches('#').to_owned()
}

fn gdb_ask(gdb: &mut UnixStream, packet: &str) -> String {
    gdb_say(gdb, packet);
    gdb_answer(gdb)
}

/// All registers in hex: 17 of 8 bytes, eflags of 4, then cs, whose low two
/// bits are the privilege level.
fn user_mode(registers: &str) -> bool {
    let at = (17 * 8 + 4) * 2;
    u8::from_str_radix(&registers[at..at + 2], 16).unwrap() & 3 != 0
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_triple_fault_is_told_from_a_panic() {
    let (mut config, _dir) = config();
    // The kernel restarts by a triple fault; the agent restarts to power off.
    config.cmdline_extra.push("reboot=triple".into());
    let vm = Vm::boot(&config, &Cancel::new()).unwrap();
    let waiting = waiting(&vm);
    call(&vm, Op::PowerOff);
    let fate = fate(&waiting);
    let VmError::TripleFault { evidence, .. } = &fate else { panic!("{fate}") };
    assert_eq!(evidence, "triple fault");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_silent_guest_is_hung() {
    let (mut config, _dir) = config();
    config.silence = Duration::from_secs(2);
    let vm = Vm::boot(&config, &Cancel::new()).unwrap();
    let fate = fate(&vm.start(Op::Hang));
    assert!(matches!(fate, VmError::Hung { .. }), "{fate}");
    assert!(!alive(vm.pid()));
    let registers = std::fs::read_to_string(config.work_dir.join("registers.txt")).unwrap();
    assert!(registers.contains("RIP"), "{registers}");
}

/// A program that prints without end beside a guest that is well otherwise.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_guest_that_floods_its_console_is_ended() {
    let (mut config, _dir) = config();
    config.console_limit = 200 << 10;
    let vm = Vm::boot(&config, &Cancel::new()).unwrap();
    let flood = "while :; do echo flooded; done >/dev/ttyS0";
    let argv = ["/bin/busybox", "sh", "-c", flood].map(str::to_owned).into();
    let fate = fate(&vm.start(Op::Exec { argv, timeout_ms: 600_000 }));
    let VmError::Flooded { bytes, console_tail } = &fate else { panic!("{fate}") };
    // A second of printing more than the limit, not the disk.
    assert!((200 << 10..32 << 20).contains(bytes), "{bytes}");
    assert!(console_tail.contains("flooded"), "{console_tail}");
    assert!(!alive(vm.pid()));
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_guest_that_is_busy_for_longer_than_the_silence_is_not_hung() {
    let (mut config, _dir) = config();
    config.silence = Duration::from_secs(2);
    let vm = Vm::boot(&config, &Cancel::new()).unwrap();
    let slow = Op::WaitPath { path: "/never".into(), timeout_ms: 5_000 };
    let error = vm.call(slow, LONG, &Cancel::new()).unwrap_err();
    assert!(matches!(error, CallError::Guest(_)), "{error}");
    assert!(vm.fate().is_none());
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_killed_qemu_has_exited() {
    let (config, _dir) = config();
    let vm = Vm::boot(&config, &Cancel::new()).unwrap();
    let waiting = waiting(&vm);
    let pid = rustix::process::Pid::from_raw(vm.pid().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let fate = fate(&waiting);
    assert!(matches!(&fate, VmError::Exited { status, .. } if status.contains('9')), "{fate}");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_closed_link_is_broken_while_qemu_lives() {
    let (config, _dir) = config();
    let vm = Vm::boot(&config, &Cancel::new()).unwrap();
    let waiting = waiting(&vm);
    // The port goes away under the agent, and its backend with it.
    let unplug = serde_json::json!({ "id": "lab-port" });
    drop(vm.qmp("device_del", unplug));
    let swap = serde_json::json!({
        "id": "link", "backend": { "type": "null", "data": {} }
    });
    vm.qmp("chardev-change", swap).unwrap();
    let fate = fate(&waiting);
    assert!(matches!(fate, VmError::LinkBroken { .. }), "{fate}");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_bad_option_and_a_missing_qemu_never_start() {
    let (mut config, _dir) = config();
    config.qemu_extra = vec!["-no-such-option".into()];
    let error = Vm::boot(&config, &Cancel::new()).err().unwrap();
    assert!(
        matches!(&error, VmError::NeverStarted { stderr } if stderr.contains("no-such-option")),
        "{error}"
    );
    config.qemu = "/no/such/qemu".into();
    let error = Vm::boot(&config, &Cancel::new()).err().unwrap();
    assert!(matches!(&error, VmError::NeverStarted { .. }), "{error}");
    assert!(error.to_string().contains("/no/such/qemu"), "{error}");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_kernel_that_is_none_does_not_pass_for_a_slow_boot() {
    let (mut config, dir) = config();
    config.kernel = dir.path().join("kernel");
    std::fs::write(&config.kernel, "not a kernel").unwrap();
    let error = Vm::boot(&config, &Cancel::new()).err().unwrap();
    assert!(matches!(error, VmError::NeverStarted { .. }), "{error}");
    config.kernel = dir.path().join("missing");
    let error = Vm::boot(&config, &Cancel::new()).err().unwrap();
    assert!(error.to_string().contains("missing"), "{error}");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_guest_without_an_agent_panics_or_times_out() {
    let (mut config, dir) = config();
    config.initramfs = dir.path().join("empty");
    std::fs::write(&config.initramfs, "").unwrap();
    let error = Vm::boot(&config, &Cancel::new()).err().unwrap();
    // No init: the kernel says so itself.
    assert!(matches!(error, VmError::Panicked { .. }), "{error}");

    let (mut config, _dir) = guest::config();
    config.cmdline_extra.push("rdinit=/bin/busybox".into());
    config.cmdline_extra.extend(["sleep".into(), "1000".into()]);
    config.boot_deadline = Duration::from_secs(8);
    let error = Vm::boot(&config, &Cancel::new()).err().unwrap();
    assert!(matches!(error, VmError::BootTimeout { .. }), "{error}");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn cancelling_a_boot_leaves_no_process() {
    let (config, _dir) = config();
    let cancel = Cancel::new();
    let later = cancel.clone();
    let canceller = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        later.cancel();
    });
    let error = Vm::boot(&config, &cancel).err().unwrap();
    canceller.join().unwrap();
    assert!(matches!(error, VmError::Cancelled), "{error}");
    let work = config.work_dir.to_str().unwrap().to_owned();
    let mut left = std::fs::read_dir("/proc").unwrap().flatten().filter(|entry| {
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(&work)
    });
    assert!(left.next().is_none());
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_power_cut_ends_every_call_and_is_nobodys_fault() {
    let (config, _dir) = config();
    let vm = Vm::boot(&config, &Cancel::new()).unwrap();
    let waiting = waiting(&vm);
    vm.power_off_abruptly().unwrap();
    assert!(!alive(vm.pid()));
    assert!(matches!(fate(&waiting), VmError::SwitchedOff));
    assert!(matches!(vm.power_off_abruptly(), Err(VmError::SwitchedOff)));
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_qemu_that_does_not_answer_is_cut_by_signal() {
    let (config, _dir) = config();
    let vm = Vm::boot(&config, &Cancel::new()).unwrap();
    let pid = rustix::process::Pid::from_raw(vm.pid().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let cut = vm.power_off_abruptly().unwrap();
    assert!(cut.by_signal);
    assert!(!alive(vm.pid()));
}
