// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server against clients that we did not write.
//!
//! | client | what it shows |
//! |---|---|
//! | nbdinfo | what is offered: size, flags, block sizes, contexts, list of exports; map of a sparse disk |
//! | nbdcopy | data there and back, flush, several connections, holes |
//! | nbdsh | every command and flag with its answers, errors, block status; without structured replies; options before the transmission |
//! | qemu-io | writes, FUA, discard, zeroes, asynchronous writes, patterns read back |
//! | fio (nbd engine) | its own verify under load, trims, killed in mid-request |
//!
//! What no polite client sends is in `protocol.rs`, arbitrary bytes in
//! `src/nbd/fuzz.rs`.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::{MIB, nbdsh, rig, run, tool, uri};
use vdisk::{CutKind, Kind, Op, Policy};

#[test]
fn nbdinfo_sees_what_is_offered() {
    let (_dir, rig) = rig(8 * MIB, true);
    let out = run(Command::new(tool("nbdinfo")).arg("--json").arg(uri(&rig, "ssd")));
    let info: serde_json::Value = serde_json::from_str(&out).unwrap();
    let export = &info["exports"][0];
    assert_eq!(info["protocol"], "newstyle-fixed");
    assert_eq!(info["structured"], true);
    assert_eq!(export["export-size"], 8 * MIB);
    for can in ["flush", "fua", "trim", "zero", "multi_conn"] {
        assert_eq!(export[format!("can_{can}")], true, "{can}: {out}");
    }
    assert_eq!(export["is_read_only"], false);
    assert_eq!(export["block_size_minimum"], 512);
    assert_eq!(export["block_size_maximum"], 32 * MIB);
    assert_eq!(export["contexts"][0], "base:allocation");
    let list = run(Command::new(tool("nbdinfo")).args(["--list", "--json"]).arg(uri(&rig, "hdd")));
    assert!(list.contains("hdd"), "{list}");
}

#[test]
fn nbdinfo_maps_a_huge_sparse_disk() {
    let (_dir, rig) = rig(100 << 40, true);
    rig.poke("ssd", (50u64 << 40) / 512, &[9; 4096]);
    let map =
        Command::new(tool("nbdinfo")).args(["--map", "--json"]).arg(uri(&rig, "ssd")).output();
    let map: serde_json::Value = serde_json::from_slice(&map.unwrap().stdout).unwrap();
    let stored: Vec<_> = map.as_array().unwrap().iter().filter(|e| e["type"] == 0).collect();
    assert_eq!(stored.len(), 1, "{stored:?}");
    assert_eq!((&stored[0]["offset"], &stored[0]["length"]), (&(50u64 << 40).into(), &4096.into()));
}

#[test]
fn nbdcopy_carries_an_image_there_and_back() {
    let (dir, rig) = rig(8 * MIB, true);
    let image: Vec<u8> = (0..8 * MIB).map(|at| (at / 511 * 7) as u8).collect();
    let (there, back) = (dir.path().join("there"), dir.path().join("back"));
    fs::write(&there, &image).unwrap();
    run(Command::new(tool("nbdcopy")).arg("--flush").arg(&there).arg(uri(&rig, "ssd")));
    run(Command::new(tool("nbdcopy")).arg(uri(&rig, "ssd")).arg(&back));
    assert!(fs::read(&back).unwrap() == image);
    let mut durable = vec![0; image.len()];
    rig.cut(CutKind::Power, Policy::DropAll);
    rig.read("ssd", 0, &mut durable);
    assert!(durable == image, "nbdcopy --flush makes all of it durable");
}

/// What libnbd can do, with the answers that the protocol asks for.
#[test]
fn nbdsh_gets_the_answers_of_the_protocol() {
    let (_dir, rig) = rig(8 * MIB, true);
    nbdsh(
        &rig,
        "ssd",
        r#"
import nbd, errno
def fails(number, call):
    try:
        call()
    except nbd.Error as e:
        assert e.errnum == number, (e.errnum, number, e)
    else:
        raise AssertionError("no error")
h.set_strict_mode(0)
size = h.get_size()
h.pwrite(b"a" * 4096, 4096)
h.pwrite(b"b" * 512, 4608, nbd.CMD_FLAG_FUA)
assert h.pread(4096, 4096) == b"a" * 512 + b"b" * 512 + b"a" * 3072
h.trim(512, 4096)
assert h.pread(1024, 4096) == bytes(512) + b"b" * 512
h.zero(512, 4608)
h.zero(512, 8192, nbd.CMD_FLAG_NO_HOLE | nbd.CMD_FLAG_FAST_ZERO)
assert h.pread(1024, 4096) == bytes(1024)
h.flush()
h.pread(512, 0, nbd.CMD_FLAG_DF)
seen = []
h.block_status(size, 0, lambda name, at, entries, error: seen.append((name, entries)))
assert seen[0][0] == "base:allocation" and sum(seen[0][1][::2]) == size, seen
h.block_status(size, 0, lambda name, at, entries, error: seen.append((name, entries)), nbd.CMD_FLAG_REQ_ONE)
assert seen[1][1] == [4096, 3], seen
fails(errno.EINVAL, lambda: h.pread(100, 0))
fails(errno.EINVAL, lambda: h.pread(512, 1))
fails(errno.EINVAL, lambda: h.pread(512, size))
fails(errno.ENOSPC, lambda: h.pwrite(b"x" * 1024, size - 512))
fails(errno.ENOSPC, lambda: h.zero(1024, size - 512))
fails(errno.EINVAL, lambda: h.trim(1024, size - 512))
fails(errno.EINVAL, lambda: h.pwrite(b"x" * 512, 0, nbd.CMD_FLAG_DF))
fails(errno.EINVAL, lambda: h.cache(512, 0))
fails(errno.EINVAL, lambda: h.pread(33 << 20, 0))
fails(errno.EINVAL, lambda: h.pwrite(bytes(33 << 20), 0))
assert h.pread(512, 0) == bytes(512), "the connection survives all of this"
"#,
    );
}

#[test]
fn the_sequence_tells_what_a_client_did() {
    let (_dir, rig) = rig(8 * MIB, true);
    nbdsh(&rig, "hdd", "h.pwrite(b'a' * 1024, 512, nbd.CMD_FLAG_FUA)\nh.flush()");
    let events = rig.events_since(1);
    let told: Vec<_> = events
        .iter()
        .filter(|e| e.op.is_some())
        .map(|e| (e.kind.clone(), e.op, e.sector, e.sectors, e.fua))
        .collect();
    let (write, flush) = (Some(Op::Write), Some(Op::Flush));
    assert_eq!(
        told,
        [
            (Kind::Issue, write, 1, 2, true),
            (Kind::Media, write, 1, 2, true),
            (Kind::Complete, write, 1, 2, true),
            (Kind::Issue, flush, 0, 0, false),
            (Kind::Media, flush, 0, 0, false),
            (Kind::Complete, flush, 0, 0, false),
        ]
    );
    assert!(events.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq));
    assert!(events.iter().filter(|e| e.op.is_some()).all(|e| &*e.disk == "hdd"));
}

#[test]
fn qemu_io_reads_back_what_it_wrote() {
    let (_dir, rig) = rig(8 * MIB, true);
    let out = run(Command::new(tool("qemu-io"))
        .args(["-f", "raw", "-c", "write -P 5 0 64k"])
        .args(["-c", "aio_write -P 6 64k 1M", "-c", "aio_flush", "-c", "write -f -P 7 4k 512"])
        .args(["-c", "discard 128k 64k", "-c", "read -P 0 128k 64k", "-c", "write -z 0 1k"])
        .args([
            "-c",
            "read -P 7 4k 512",
            "-c",
            "read -P 5 1k 1k",
            "-c",
            "flush",
            "-c",
            "read -P 6 64k 64k",
        ])
        .arg(uri(&rig, "ssd")));
    assert!(!out.to_lowercase().contains("fail"), "{out}");
}

#[test]
fn fio_verifies_its_own_writes() {
    let (dir, rig) = rig(64 * MIB, true);
    let job = format!(
        "[global]\nioengine=nbd\nuri={}\nverify=crc32c\nbs=4k-64k\nbsrange=4k-64k\niodepth=16\n\
         size=16m\nfsync=32\nrandseed=7\n[a]\nrw=randrw\n",
        uri(&rig, "ssd")
    );
    let path = dir.path().join("job.fio");
    fs::write(&path, job).unwrap();
    run(Command::new(tool("fio")).arg(&path).current_dir(dir.path()));
}

/// Old clients ask for no structured replies; then there is no block status,
/// and reads come back plain.
#[test]
fn a_client_without_structured_replies_is_served() {
    let (_dir, rig) = rig(MIB, true);
    let script = format!(
        r#"
import nbd
h.set_request_structured_replies(False)
h.connect_uri({:?})
assert not h.get_structured_replies_negotiated()
h.pwrite(b"a" * 1024, 512)
assert h.pread(2048, 0) == bytes(512) + b"a" * 1024 + bytes(512)
h.set_strict_mode(0)
try:
    h.block_status(512, 0, lambda *a: 0)
except nbd.Error:
    pass
else:
    raise AssertionError("block status without structured replies")
assert h.pread(512, 512) == b"a" * 512
"#,
        uri(&rig, "ssd")
    );
    run(Command::new(tool("nbdsh")).args(["-c", &script]));
}

/// Options before the transmission: list, info, an unknown export, go, abort.
#[test]
fn a_client_may_look_around_before_it_begins() {
    let (_dir, rig) = rig(MIB, true);
    let script = format!(
        r#"
import nbd
def fresh():
    h = nbd.NBD()
    h.set_opt_mode(True)
    h.connect_unix({0:?})
    return h
h = fresh()
names = []
h.opt_list(lambda name, text: names.append(name))
assert sorted(names) == ["hdd", "ssd"] or names == ["ssd"], names
h.set_export_name("nonsense")
try:
    h.opt_info()
except nbd.Error:
    pass
else:
    raise AssertionError("an export that is not there")
h.set_export_name("ssd")
h.opt_info()
assert h.get_size() == {1}
h.opt_go()
assert h.pread(512, 0) == bytes(512)
h.shutdown()
h = fresh()
h.opt_abort()
"#,
        rig.socket("ssd").display().to_string(),
        MIB
    );
    run(Command::new(tool("nbdsh")).args(["-c", &script]));
}

#[test]
fn nbdcopy_copies_from_disk_to_disk_over_several_connections() {
    let (_dir, rig) = rig(16 * MIB, true);
    let data: Vec<u8> = (0..4 * MIB).map(|at| (at / 509 * 3) as u8).collect();
    rig.poke("ssd", 4096, &data);
    run(Command::new(tool("nbdcopy"))
        .args(["--connections=4", "--requests=32", "--flush"])
        .arg(uri(&rig, "ssd"))
        .arg(uri(&rig, "hdd")));
    let mut copy = vec![0; data.len()];
    rig.cut(CutKind::Power, Policy::DropAll);
    rig.read("hdd", 4096, &mut copy);
    assert!(copy == data);
    assert_eq!(rig.image("hdd").pages(), rig.image("ssd").pages(), "holes stay holes");
}

#[test]
fn fio_trims_and_writes() {
    let (dir, rig) = rig(16 * MIB, true);
    let job = format!(
        "[a]\nioengine=nbd\nuri={}\nrw=trimwrite\nbs=16k\niodepth=8\nsize=8m\nrandseed=3\n",
        uri(&rig, "ssd")
    );
    let path = dir.path().join("job.fio");
    fs::write(&path, job).unwrap();
    run(Command::new(tool("fio")).arg(&path).current_dir(dir.path()));
    let done = |op| {
        let events = rig.events_since(1);
        events.iter().filter(|e| e.kind == Kind::Complete && e.op == Some(op)).count()
    };
    assert_eq!((done(Op::Trim), done(Op::Write)), (512, 512));
}

/// SIGKILL in the middle of its requests: the disk goes on, and no write is
/// there in part.
#[test]
fn a_killed_client_takes_nothing_with_it() {
    let (dir, rig) = rig(16 * MIB, true);
    let job = format!(
        "[a]\nioengine=nbd\nuri={}\nrw=randwrite\nbs=64k\niodepth=32\nsize=16m\n\
         time_based=1\nruntime=60\nbuffer_pattern=0x5a\n",
        uri(&rig, "ssd")
    );
    let path = dir.path().join("job.fio");
    fs::write(&path, job).unwrap();
    let mut fio = Command::new(tool("fio"));
    fio.arg(&path).current_dir(dir.path()).stdout(Stdio::null()).stderr(Stdio::null());
    fio.process_group(0);
    for _ in 0..3 {
        let mut victim = fio.spawn().unwrap();
        let from = rig.now();
        let written = |event: &vdisk::Event, _: &[u8]| {
            event.seq > from && event.kind == Kind::Complete && event.op == Some(Op::Write)
        };
        let found = rig.wait_for(from, Duration::from_secs(60), &proc::Cancel::new(), written);
        // fio works in a child of its own.
        let group = rustix::process::Pid::from_child(&victim);
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
        victim.wait().unwrap();
        found.unwrap();
    }
    nbdsh(&rig, "ssd", "h.pwrite(b'x' * 512, 0)\nassert h.pread(512, 0) == b'x' * 512");
    let mut image = vec![0; 16 << 20];
    rig.read("ssd", 0, &mut image);
    for piece in image[64 << 10..].chunks(64 << 10) {
        assert!(piece.iter().all(|b| *b == piece[0]), "part of a write");
    }
}
