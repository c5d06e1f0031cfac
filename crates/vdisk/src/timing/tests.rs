// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each model against its own parameters, in its own time.

use super::*;
use crate::op::Op;
use crate::profile::Profile;
use crate::rng::Rng;
use std::path::PathBuf;

const SECTORS: u64 = 1 << 31; // 1 TiB

fn profile(name: &str) -> Profile {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../workloads/disks").join(name);
    Profile::load(&path).unwrap()
}

/// Keeps `depth` requests under way until `count` are done; the time taken
/// (ns) per request.
fn drive(model: &mut Model, depth: usize, count: u64, mut next: impl FnMut(u64) -> Work) -> f64 {
    let mut due: Vec<Due> = (0..depth as u64).filter_map(|id| model.arrive(0, next(id))).collect();
    let (mut issued, mut now) = (depth as u64, 0);
    for _ in 0..count {
        due.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
        let (id, at) = due.pop().expect("something is under way");
        assert!(at >= now, "time does not go back");
        now = at;
        due.extend(model.finished(id));
        due.extend(model.arrive(now, next(issued)));
        issued += 1;
    }
    now as f64 / count as f64
}

fn random(op: Op, seed: u64) -> impl FnMut(u64) -> Work {
    let mut rng = Rng::new(seed);
    move |id| {
        let at = rng.below(SECTORS / 8) * 8;
        Work { id, op, range: at..at + 8, fua: false }
    }
}

fn sequential(op: Op, sectors: u64) -> impl FnMut(u64) -> Work {
    move |id| Work { id, op, range: id * sectors..(id + 1) * sectors, fua: false }
}

fn near(seen: f64, expected: f64, what: &str) {
    let off = (seen / expected - 1.0).abs();
    assert!(off <= 0.1, "{what}: {seen:.0} instead of {expected:.0}");
}

fn mb_s(ns: f64, sectors: u64) -> f64 {
    sectors as f64 * 512.0 * 1e3 / ns
}

#[test]
fn an_hdd_seeks_and_turns() {
    let profile = profile("hdd-7200.toml");
    let hdd = profile.hdd.clone().unwrap();
    let new = || Model::new(&profile, SECTORS, false).unwrap();
    for op in [Op::Read, Op::Write] {
        // The mean of the root of the distance of two random places is 8/15.
        let way = (hdd.full_stroke_ms - hdd.track_to_track_ms) * 8.0 / 15.0;
        let turn = 60e3 / hdd.rpm;
        let expected = (hdd.track_to_track_ms + way + turn / 2.0) * 1e6 + hdd.command_us * 1e3;
        near(drive(&mut new(), 1, 4000, random(op, 1)), expected, "random access");
        let seen = mb_s(drive(&mut new(), 4, 4000, sequential(op, 128)), 128);
        near(seen, hdd.bandwidth_mb_s, "sequential bandwidth");
    }
    let (one, many) = (
        drive(&mut new(), 1, 4000, random(Op::Read, 2)),
        drive(&mut new(), 32, 4000, random(Op::Read, 2)),
    );
    assert!(many < 0.6 * one, "a queue shortens the way: {many:.0} against {one:.0}");
    let slow = drive(&mut new(), 1, 1000, random(Op::Read, 3));
    let quick = drive(&mut new(), 1, 1000, sequential(Op::Read, 8));
    assert!(slow > 100.0 * quick, "random {slow:.0} against sequential {quick:.0}");
}

#[test]
fn an_hdds_cache_takes_writes_until_a_flush() {
    let profile = profile("hdd-7200-cache.toml");
    let mut model = Model::new(&profile, SECTORS, true).unwrap();
    let mut writes = random(Op::Write, 4);
    for id in 0..100 {
        let (_, at) = model.arrive(0, writes(id)).unwrap();
        assert!(at < 1_000_000, "a cached write takes {at} ns");
    }
    let flush = Work { id: 100, op: Op::Flush, range: 0..0, fua: false };
    let (_, done) = model.arrive(0, flush).unwrap();
    let hdd = profile.hdd.clone().unwrap();
    let way = (hdd.full_stroke_ms - hdd.track_to_track_ms) * 8.0 / 15.0 + hdd.track_to_track_ms;
    let expected = 100.0 * (way + 30e3 / hdd.rpm) * 1e6 / hdd.sorting_gain;
    near(done as f64, expected, "flush after 100 random writes");
    // A cache that is full is as slow as what is behind it.
    let mut model = Model::new(&profile, SECTORS, true).unwrap();
    let pace = drive(&mut model, 4, 20_000, sequential(Op::Write, 128));
    near(mb_s(pace, 128), hdd.bandwidth_mb_s, "sequential writes into a full cache");
}

#[test]
fn an_ssd_has_latency_channels_and_a_link() {
    let profile = profile("ssd-plp.toml");
    let ssd = profile.ssd.clone().unwrap();
    let new = || Model::new(&profile, SECTORS, false).unwrap();
    for (op, us) in [(Op::Read, ssd.read_us), (Op::Write, ssd.write_us)] {
        near(drive(&mut new(), 1, 1000, random(op, 1)), us * 1e3, "latency");
        let all = us * 1e3 / ssd.channels as f64;
        let link = 4096.0 * 1e3 / ssd.bandwidth_mb_s;
        let seen = drive(&mut new(), 64, 10_000, random(op, 1));
        near(seen, all.max(link), "all channels at work");
        let seen = mb_s(drive(&mut new(), 64, 4000, sequential(op, 256)), 256);
        near(seen, ssd.bandwidth_mb_s, "bandwidth");
    }
    let hdd = Model::new(&self::profile("hdd-7200.toml"), SECTORS, false);
    let (slow, quick) = (
        drive(&mut hdd.unwrap(), 1, 1000, random(Op::Read, 1)),
        drive(&mut new(), 1, 1000, random(Op::Read, 1)),
    );
    assert!(slow > 50.0 * quick, "HDD {slow:.0} against SSD {quick:.0}");
}

#[test]
fn a_consumer_ssd_pays_when_it_flushes() {
    let profile = profile("ssd-consumer.toml");
    let ssd = profile.ssd.clone().unwrap();
    let mut model = Model::new(&profile, SECTORS, true).unwrap();
    let mut writes = sequential(Op::Write, 2048);
    for id in 0..64 {
        model.arrive(0, writes(id));
    }
    let flush = Work { id: 64, op: Op::Flush, range: 0..0, fua: false };
    let (_, done) = model.arrive(0, flush).unwrap();
    near(done as f64, 64.0 * 1048.576e6 / ssd.flash_mb_s.unwrap(), "flush after 64 MiB");
}

#[test]
fn the_time_scale_stretches_everything() {
    let mut profile = profile("hdd-7200.toml");
    let pace = |profile: &Profile| {
        drive(&mut Model::new(profile, SECTORS, false).unwrap(), 1, 500, random(Op::Read, 1))
    };
    let one = pace(&profile);
    profile.time_scale = 10.0;
    near(pace(&profile), 10.0 * one, "scale 10");
}

#[test]
fn wrong_profiles_are_told_with_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wrong.toml");
    let base = std::fs::read_to_string(
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../workloads/disks/ssd-plp.toml"),
    )
    .unwrap();
    for (from, to, says) in [
        ("read_us = 85", "read_us = 0", "ssd.read_us = 0 must be greater than 0"),
        ("read_us = 85", "raed_us = 85", "raed_us"),
        ("channels = 16", "", "channels"),
        ("channels = 16", "channels = 0", "from 1 to 1024"),
        ("volatile_cache = false", "volatile_cache = 7", "line 5"),
        ("[ssd]", "[[", "line"),
    ] {
        std::fs::write(&path, base.replace(from, to)).unwrap();
        let error = Profile::load(&path).unwrap_err().to_string();
        assert!(error.contains("wrong.toml") && error.contains(says), "{error}");
    }
}
