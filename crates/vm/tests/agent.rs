// SPDX-License-Identifier: MIT OR Apache-2.0
//! The agent's operations in a real guest, on plain virtual disks.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod guest;

use guest::{LONG, call, config};
use proc::Cancel;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use vm::{Backend, CallError, Vm, VmDisk};
use wire::{Answer, Content, Device, Extent, Op, Run, SECTOR, volume};

const MIB: u64 = 2048;

/// A guest with an SSD and two HDDs of 64 MiB in files.
fn boot() -> (Vm, PathBuf, PathBuf, tempfile::TempDir) {
    let (mut config, dir) = config();
    let disk = |serial: &str| {
        let path = dir.path().join(serial);
        File::create(&path).unwrap().set_len(64 << 20).unwrap();
        path
    };
    let (ssd, hdd, hdd2) = (disk("ssd"), disk("hdd"), disk("hdd2"));
    for (serial, path) in [("ssd", &ssd), ("hdd", &hdd), ("hdd2", &hdd2)] {
        config.disks.push(VmDisk::new(serial, Backend::File(path.clone())));
    }
    (Vm::boot(&config, &Cancel::new()).unwrap(), ssd, hdd, dir)
}

fn refused(vm: &Vm, op: Op) -> String {
    match vm.call(op, LONG, &Cancel::new()) {
        Err(CallError::Guest(why)) => why.message,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn extent(sector: u64, sectors: u32) -> Extent {
    Extent { sector, sectors }
}

fn write(device: Device, extents: Vec<Extent>, first_seq: u64, depth: u32) -> Op {
    Op::Write { device, extents, run: 77, first_seq, writer: 3, fua: depth == 1, depth }
}

fn runs(answer: Answer) -> Vec<Run> {
    match answer {
        Answer::Runs(runs) => runs,
        other => panic!("{other:?}"),
    }
}

fn stamped(first: u64, sectors: u64, seq: u64) -> Run {
    Run { first, sectors, content: Content::Stamped { run: 77, seq, writer: 3 } }
}

fn blank(first: u64, sectors: u64) -> Run {
    Run { first, sectors, content: Content::Blank }
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn stamps_are_written_read_swept_and_told_apart() {
    let (vm, ssd, hdd, _dir) = boot();
    assert_eq!(call(&vm, Op::Size { device: Device::Ssd, volume: 0 }), Answer::Number(64 * MIB));

    // One after the other, with FUA; progress is complete with the answer.
    let pending =
        vm.start(write(Device::Ssd, vec![extent(8, 8), extent(4096, 256), extent(24, 1)], 1, 1));
    assert_eq!(pending.wait(LONG, &Cancel::new()).unwrap(), Answer::Done);
    let progress = pending.progress();
    assert_eq!((progress.issued, progress.acked), (3, vec![0, 1, 2]));

    // Many in flight: each is acknowledged once.
    let many: Vec<Extent> = (0..64).map(|n| extent(8192 + n * 16, 8)).collect();
    let pending = vm.start(write(Device::Ssd, many, 100, 8));
    pending.wait(LONG, &Cancel::new()).unwrap();
    let mut progress = pending.progress();
    progress.acked.sort_unstable();
    assert_eq!((progress.issued, progress.acked), (64, (0..64).collect()));

    let read = Op::Read {
        device: Device::Ssd,
        extents: vec![extent(4, 16), extent(24, 1), extent(8192 + 63 * 16, 9)],
        stamp_shift: 0,
    };
    let expected = [
        blank(4, 4),
        stamped(8, 8, 1),
        blank(16, 4),
        stamped(24, 1, 3),
        stamped(9200, 8, 163),
        blank(9208, 1),
    ];
    assert_eq!(runs(call(&vm, read)), expected);

    // A sweep joins across its own requests of 2048 sectors: 4096 is a border.
    let sweep = |device, first, sectors, stamp_shift| {
        runs(call(&vm, Op::Sweep { device, first, sectors, stamp_shift }))
    };
    let expected =
        [blank(0, 8), stamped(8, 8, 1), blank(16, 8), stamped(24, 1, 3), blank(25, 4071)];
    assert_eq!(sweep(Device::Ssd, 0, 4096, 0), expected);
    assert_eq!(sweep(Device::Ssd, 4000, 200, 0), [blank(4000, 96), stamped(4096, 104, 2)]);
    // Up to the last of the many: 5 runs, 2, then a gap before each but the first.
    assert_eq!(sweep(Device::Ssd, 0, 64 * MIB, 0).len(), 5 + 2 + 64 + 63 + 1);

    // Shifted, as on the backing device: copied by the host, 16 sectors up.
    let bytes = read_host(&ssd, 8, 8);
    write_host(&hdd, 8 + 16, &bytes);
    let expected = [blank(0, 24), stamped(24, 8, 1), blank(32, 8)];
    assert_eq!(sweep(Device::Hdd, 0, 40, 16), expected);
    let misplaced = sweep(Device::Hdd, 24, 8, 0);
    assert!(
        matches!(misplaced[..], [Run { content: Content::Misplaced { sector: 8, .. }, .. }]),
        "{misplaced:?}"
    );

    // Damage on the host's side is torn, and foreign bytes are not ours.
    let mut torn = bytes.clone();
    torn[300] ^= 1;
    write_host(&hdd, 24, &torn[..SECTOR]);
    write_host(&hdd, 25, &[0x5a; SECTOR]);
    let contents: Vec<Content> =
        sweep(Device::Hdd, 24, 3, 16).into_iter().map(|run| run.content).collect();
    assert_eq!(contents[..2], [Content::Torn, Content::Unstamped]);

    assert_eq!(call(&vm, Op::Flush { device: Device::Ssd, volume: 0 }), Answer::Done);
    call(&vm, Op::Discard { device: Device::Ssd, extent: extent(4096, 256) });
    assert_eq!(sweep(Device::Ssd, 4096, 256, 0), [blank(4096, 256)]);
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn one_request_goes_to_two_disks_whose_sectors_are_counted_in_one_row() {
    let (vm, _, hdd, dir) = boot();
    call(&vm, Op::Pin { cpu: 1 });
    let second = volume::of(1, 64);
    call(&vm, write(Device::Hdd, vec![extent(64, 8), extent(second, 8)], 1, 2));
    let sweep = |first| {
        runs(call(&vm, Op::Sweep { device: Device::Hdd, first, sectors: 9, stamp_shift: 0 }))
    };
    assert_eq!(sweep(64), [stamped(64, 8, 1), blank(72, 1)]);
    assert_eq!(sweep(second), [stamped(second, 8, 2), blank(second + 8, 1)]);
    let read = Op::Read {
        device: Device::Hdd,
        extents: vec![extent(second, 8), extent(64, 8)],
        stamp_shift: 0,
    };
    assert_eq!(runs(call(&vm, read)), [stamped(second, 8, 2), stamped(64, 8, 1)]);
    let discard = Op::Discard { device: Device::Hdd, extent: extent(second, 8) };
    assert_eq!(call(&vm, discard), Answer::Done);
    call(&vm, Op::Flush { device: Device::Hdd, volume: 1 });
    assert_eq!(read_host(&dir.path().join("hdd2"), 64, 8), vec![0; 8 * SECTOR]);
    assert_ne!(read_host(&hdd, 64, 8), vec![0; 8 * SECTOR]);
    let third = refused(&vm, Op::Size { device: Device::Hdd, volume: 2 });
    assert!(third.contains("\"hdd3\""), "{third}");
    let none = refused(&vm, Op::Pin { cpu: 63 });
    assert!(none.contains("EINVAL") && none.contains("processor 63"), "{none}");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn refusals_name_the_errno_and_what_was_done() {
    let (vm, ..) = boot();
    let missing = refused(&vm, Op::Size { device: Device::Bcache, volume: 0 });
    assert!(missing.contains("/dev/bcache0 is not there"), "{missing}");
    let beyond = refused(&vm, write(Device::Ssd, vec![extent(64 * MIB, 8)], 1, 1));
    assert!(beyond.contains("ENOSPC") && beyond.contains("writing 8 sectors"), "{beyond}");
    let odd = refused(&vm, write(Device::Ssd, vec![extent(0, 0)], 1, 1));
    assert!(odd.contains("extent 0 is empty"), "{odd}");
    let path = refused(&vm, Op::ReadFile { path: "/sys/no/such".into() });
    assert!(path.contains("ENOENT") && path.contains("/sys/no/such"), "{path}");
    let register =
        Op::WriteFile { path: "/sys/fs/bcache/register".into(), text: "/dev/vda".into() };
    let register = refused(&vm, register);
    assert!(register.contains("EINVAL") && register.contains("register"), "{register}");
    let late = Op::Exec { argv: vec!["sleep".into(), "100".into()], timeout_ms: 200 };
    let late = refused(&vm, late);
    assert!(late.contains("within 200 ms"), "{late}");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_guest_without_the_disk_says_which_it_has() {
    let (mut config, _dir) = config();
    config.disks.push(VmDisk::new("ssd", Backend::Null(1 << 20)));
    let vm = Vm::boot(&config, &Cancel::new()).unwrap();
    let error = refused(&vm, Op::Flush { device: Device::Hdd, volume: 0 });
    assert!(error.contains("\"hdd\"") && error.contains("vda=\"ssd\""), "{error}");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn programs_run_and_bcache_agrees_with_its_disk_until_it_does_not() {
    let (vm, _, hdd, _dir) = boot();
    let exec = |line: &str| {
        let argv = line.split(' ').map(str::to_owned).collect();
        match call(&vm, Op::Exec { argv, timeout_ms: 60_000 }) {
            Answer::Exec(output) => output,
            other => panic!("{other:?}"),
        }
    };
    let output = exec("make-bcache --bucket 64k --writeback -C /dev/vda -B /dev/vdb");
    assert_eq!(output.code, 0, "{output:?}");
    for disk in ["/dev/vdb", "/dev/vda"] {
        call(&vm, Op::WriteFile { path: "/sys/fs/bcache/register".into(), text: disk.into() });
    }
    call(&vm, Op::WaitPath { path: "/dev/bcache0".into(), timeout_ms: 20_000 });
    let mode = "/sys/block/b*0/bcache/cache_mode".to_owned();
    call(&vm, Op::WriteFile { path: mode.clone(), text: "writearound".into() });
    let Answer::Text(text) = call(&vm, Op::ReadFile { path: mode.clone() }) else { panic!() };
    assert!(text.contains("[writearound]"), "{text}");

    let fio = exec(
        "fio --name=t --filename=/dev/bcache0 --ioengine=libaio --direct=1 --rw=randrw --bs=4k \
         --size=4m --iodepth=4 --verify=crc32c",
    );
    assert_eq!(fio.code, 0, "{fio:?}");
    let count = 64 * MIB - 16;
    let compare = |first| Op::Compare { first, sectors: count - first, data_offset: 16 };
    assert_eq!(call(&vm, compare(0)), Answer::Extents(Vec::new()));
    // In writethrough the block is in the cache, too; then the host changes
    // three sectors of it on the backing disk behind bcache's back. Until the
    // allocator has a bucket ready, a write is not cached: again, then.
    call(&vm, Op::WriteFile { path: mode, text: "writethrough".into() });
    let seen = (2..100).any(|seq| {
        call(&vm, write(Device::Bcache, vec![extent(20_480, 64)], seq, 1));
        write_host(&hdd, 20_480 + 16 + 3, &[7; SECTOR * 3]);
        let window = Op::Compare { first: 20_480, sectors: 64, data_offset: 16 };
        call(&vm, window) != Answer::Extents(Vec::new())
    });
    assert!(seen, "bcache never cached a write");
    assert_eq!(call(&vm, compare(8192)), Answer::Extents(vec![extent(20_483, 3)]));
}

fn read_host(path: &PathBuf, sector: u64, sectors: usize) -> Vec<u8> {
    let mut bytes = vec![0; sectors * SECTOR];
    File::open(path).unwrap().read_exact_at(&mut bytes, sector * SECTOR as u64).unwrap();
    bytes
}

fn write_host(path: &PathBuf, sector: u64, bytes: &[u8]) {
    let file = File::options().write(true).open(path).unwrap();
    file.write_all_at(bytes, sector * SECTOR as u64).unwrap();
}

/// A race on one processor is half a race: with the firmware's table alone,
/// `-smp 2` without sockets brought up one.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn the_guest_has_all_its_processors() {
    let (vm, ..) = boot();
    let path = "/sys/devices/system/cpu/online".to_owned();
    assert_eq!(call(&vm, Op::ReadFile { path }), Answer::Text("0-1\n".into()));
}
