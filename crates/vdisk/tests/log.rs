// SPDX-License-Identifier: MIT OR Apache-2.0
//! The log on disk says what happened, also after the tool was killed.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::client::{Client, FUA, TRIM};
use support::{MIB, rig};
use vdisk::log::{Log, LogError, MAGIC, Stop, Why};
use vdisk::{CutKind, Kind, Op, Policy, Rig};

fn some_work(rig: &Rig) {
    rig.mark("begin");
    let mut client = Client::connect(rig, "ssd");
    client.write_done(FUA, 8, &[1; 4096]);
    client.write_done(0, 3, &[2; 1024]);
    client.write_done(0, 16, &[1; 4096]);
    let trim = client.send(0, TRIM, 3, Err(1));
    client.done(trim);
    client.flush();
    assert_eq!(client.read(4, 1), [2; 512]);
}

#[test]
fn a_log_tells_all_events_and_contents() {
    let (dir, rig) = rig(MIB, true);
    rig.poke("hdd", 40, &[9; 512]);
    let path = dir.path().join("log");
    let before = rig.now();
    rig.log_to(&path).unwrap();
    some_work(&rig);
    rig.poke("ssd", 100, &[7; 512]);
    rig.cut(CutKind::Power, Policy::Seeded(3));
    rig.power_on();
    rig.mark("again");
    rig.flush_log().unwrap();
    let log = Log::open(&path).unwrap();
    assert_eq!(log.stop, None);
    assert_eq!((&*log.disks[0].name, log.disks[0].sectors), ("ssd", MIB / 512));
    let events: Vec<_> = log.lives.iter().flat_map(|life| life.events.clone()).collect();
    let told: Vec<_> = rig.events_since(before + 1);
    assert_eq!(events[..], told[..events.len()]);
    assert_eq!(told.len(), events.len());
    for event in &events {
        if matches!(event.kind, Kind::Issue) && event.op == Some(Op::Write) {
            let logged = log.payload(&log.lives[0], event.request).unwrap();
            assert_eq!(logged, rig.payload(event.request).unwrap());
        }
    }
    assert_eq!(log.lives.len(), 2);
    let start = log.beginning(&log.lives[0]).unwrap();
    assert_eq!(start[1].read(40..41), [9; 512]);
    assert_eq!(start[0].pages(), 0);
    let after = log.beginning(&log.lives[1]).unwrap();
    assert_eq!(after[0].fingerprint(), rig.image("ssd").fingerprint());
    assert_eq!(after[1].fingerprint(), rig.image("hdd").fingerprint());
    // The same 4 KiB were written twice and stored once.
    assert!(fs::metadata(&path).unwrap().len() < 20_000);
}

#[test]
fn a_log_is_read_as_far_as_it_is_whole() {
    let (dir, rig) = rig(MIB, true);
    let path = dir.path().join("log");
    rig.log_to(&path).unwrap();
    let mut ends = Vec::new();
    for round in 0..4 {
        rig.mark(&format!("round {round}"));
        some_work(&rig);
        rig.flush_log().unwrap();
        ends.push(fs::metadata(&path).unwrap().len() as usize);
    }
    drop(rig);
    let whole = fs::read(&path).unwrap();
    let all = Log::open(&path).unwrap().lives[0].events.clone();
    let cut = dir.path().join("cut");
    let read = |bytes: &[u8]| {
        fs::write(&cut, bytes).unwrap();
        let log = Log::open(&cut)?;
        Ok::<_, LogError>((
            log.lives.into_iter().flat_map(|l| l.events).collect::<Vec<_>>(),
            log.stop,
        ))
    };
    let mut whole_ends = Vec::new();
    let mut lengths: Vec<usize> = (0..whole.len()).step_by(7).chain(ends.iter().copied()).collect();
    lengths.sort_unstable();
    for length in lengths {
        match read(&whole[..length]) {
            Ok((events, stop)) => {
                assert_eq!(events[..], all[..events.len()]);
                match stop {
                    // Frames end where the log was flushed, and elsewhere.
                    None => whole_ends.push(length),
                    Some(Stop { offset, length: file, why }) => {
                        assert_eq!((file as usize, why), (length, Why::Short));
                        let last = whole_ends.last().map_or(MAGIC.len(), |end| *end);
                        assert!(offset as usize >= last && (offset as usize) < length);
                    }
                }
                if ends.contains(&length) {
                    assert_eq!(stop, None);
                }
            }
            Err(error) => assert!(matches!(error, LogError::Foreign(_)) && length < 16, "{error}"),
        }
    }
    for at in (16..whole.len()).step_by(97) {
        let mut spoiled = whole.clone();
        spoiled[at] ^= 0x10;
        let (events, stop) = read(&spoiled).unwrap();
        let Some(stop) = stop else { panic!("a flipped bit at {at} goes unnoticed") };
        assert!(stop.offset <= at as u64, "it stops behind the damage: {stop}");
        assert_eq!(events[..], all[..events.len()]);
    }
}

/// The test binary starts itself as the tool, and kills it with SIGKILL.
#[test]
fn a_killed_tool_leaves_a_readable_log() {
    if let Some(dir) = std::env::var_os("VDISK_TEST_VICTIM") {
        let (_dir, rig) = rig(MIB, true);
        rig.log_to(&Path::new(&dir).join("log")).unwrap();
        let mut client = Client::connect(&rig, "ssd");
        for round in 0u64.. {
            client.write_done(0, round % 2048, &[round as u8; 512]);
            if round == 2000 {
                eprintln!("GOING");
            }
        }
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_tool_leaves_a_readable_log", "--nocapture"])
        .env("VDISK_TEST_VICTIM", dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stderr.take().unwrap()).lines();
    let going = lines.map_while(Result::ok).any(|line| line == "GOING");
    victim.kill().unwrap();
    victim.wait().unwrap();
    assert!(going);
    let log = Log::open(&dir.path().join("log")).unwrap();
    let writes = log.lives[0].events.iter().filter(|e| e.kind == Kind::Complete).count();
    // A few milliseconds may be missing.
    assert!(writes > 500, "{writes} of more than 2000 writes");
    let last = log.lives[0].events.iter().rfind(|e| e.kind == Kind::Issue).unwrap();
    assert_eq!(log.payload(&log.lives[0], last.request).unwrap().len(), 512);
}

#[test]
fn a_log_that_cannot_be_written_is_told() {
    let (_dir, rig) = rig(MIB, true);
    let error = rig.log_to(Path::new("/nonexistent/log")).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/log"), "{error}");
    if Path::new("/dev/full").exists() {
        rig.log_to(Path::new("/dev/full")).unwrap_err();
    }
    // The disks do not mind.
    let start = Instant::now();
    some_work(&rig);
    assert!(start.elapsed() < Duration::from_secs(20));
}
