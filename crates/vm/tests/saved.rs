// SPDX-License-Identifier: MIT OR Apache-2.0
//! Saved guests, and disks that change under them.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod guest;

use guest::{LONG, call, config};
use proc::Cancel;
use std::fs::File;
use std::os::unix::fs::FileExt;
use vm::{Backend, CallError, Vm, VmDisk, VmError};
use wire::{Answer, Content, Device, Op, Stamp};

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_restored_guest_sees_the_disk_as_it_is_now() {
    let cancel = Cancel::new();
    let (mut config, dir) = config();
    let disk = dir.path().join("disk");
    let file = File::create(&disk).unwrap();
    file.set_len(16 << 20).unwrap();
    config.disks.push(VmDisk::new("ssd", Backend::File(disk.clone())));
    let state = dir.path().join("state");

    let vm = Vm::boot(&config, &cancel).unwrap();
    let release = vm.greeting().unwrap().release.clone();
    call(&vm, Op::WriteFile { path: "/tmp/mark".into(), text: "from before".into() });
    // Read through the page cache, and held open, because the last close would
    // drop it: it must not be answered from the saved guest's memory.
    let hold = "exec 3</dev/vda; cat <&3 >/dev/null; echo >/tmp/held; exec sleep 600";
    let argv = ["sh", "-c", hold].map(str::to_owned).into();
    let _holding = vm.start(Op::Exec { argv, timeout_ms: 600_000 });
    call(&vm, Op::WaitPath { path: "/tmp/held".into(), timeout_ms: 60_000 });
    vm.save(&state, &cancel).unwrap();

    let mut sector = [0; wire::SECTOR];
    Stamp { run: 5, sector: 0, seq: 1, writer: 1 }.write_to(&mut sector);
    file.write_all_at(&sector, 0).unwrap();

    // Twice: a state is not used up.
    for boot in ["one", "two"] {
        config.work_dir = dir.path().join(boot);
        let vm = Vm::restore(&config, &state, &cancel).unwrap();
        assert_eq!(vm.greeting().unwrap().release, release);
        let mark = call(&vm, Op::ReadFile { path: "/tmp/mark".into() });
        assert_eq!(mark, Answer::Text("from before".into()));
        let sweep = Op::Sweep { device: Device::Ssd, first: 0, sectors: 2, stamp_shift: 0 };
        let Answer::Runs(runs) = call(&vm, sweep) else { panic!() };
        assert_eq!(runs[0].content, Content::Stamped { run: 5, seq: 1, writer: 1 });
        let dd = "dd if=/dev/vda bs=512 count=1 of=/tmp/first".split(' ').map(str::to_owned);
        call(&vm, Op::Exec { argv: dd.collect(), timeout_ms: 60_000 });
        let first = call(&vm, Op::ReadFile { path: "/tmp/first".into() });
        assert!(matches!(first, Answer::Text(text) if text.starts_with("bcachlab")));
        // It is watched like any other.
        let end = vm.call(Op::Panic, LONG, &cancel);
        assert!(matches!(end, Err(CallError::Vm(VmError::Panicked { .. }))), "{end:?}");
    }
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_state_of_another_machine_is_refused() {
    let cancel = Cancel::new();
    let (mut config, dir) = config();
    // A name that QEMU cannot take as a file goes through a shell, as every
    // name does with a QEMU before 8.2.
    let state = dir.path().join("a 'state', saved");
    Vm::boot(&config, &cancel).unwrap().save(&state, &cancel).unwrap();
    Vm::restore(&config, &state, &cancel).unwrap();
    config.memory_mib += 128;
    let error = Vm::restore(&config, &state, &cancel).err().unwrap();
    assert!(matches!(error, VmError::BadState { .. }), "{error}");
    config.memory_mib -= 128;
    // Cut short, as by a full disk.
    let length = state.metadata().unwrap().len();
    File::options().write(true).open(&state).unwrap().set_len(length / 2).unwrap();
    config.boot_deadline = std::time::Duration::from_secs(20);
    let error = Vm::restore(&config, &state, &cancel).err().unwrap();
    assert!(matches!(&error, VmError::BadState { why, .. } if !why.is_empty()), "{error}");
    let error = Vm::restore(&config, &dir.path().join("none"), &cancel).err().unwrap();
    assert!(error.to_string().contains("none.json"), "{error}");
}
