// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a client sees of a profile. The models are tested in their own time
//! (`src/timing/tests.rs`); here the rig has to keep it on a real clock. Times
//! are stretched so that a busy machine's delays are small beside them, and
//! the quickest of some rounds counts, because a machine can only add time.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use std::time::{Duration, Instant};
use support::client::Client;
use vdisk::{DiskSpec, Profile, Rig};

const SECTORS: u64 = 1 << 31;

fn rig(profile: &str, time_scale: f64) -> (tempfile::TempDir, Rig, Profile) {
    let dir = tempfile::tempdir().unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../workloads/disks/");
    let mut profile = Profile::load(format!("{folder}{profile}").as_ref()).unwrap();
    profile.time_scale = time_scale;
    let volatile_cache = profile.volatile_cache;
    let spec = DiskSpec {
        name: "disk".into(),
        sectors: SECTORS,
        volatile_cache,
        profile: profile.clone(),
    };
    let rig = Rig::new(dir.path(), vec![spec]).unwrap();
    (dir, rig, profile)
}

/// The quickest of some rounds.
fn quickest(mut round: impl FnMut()) -> Duration {
    let one = |_| {
        let start = Instant::now();
        round();
        start.elapsed()
    };
    (0..7).map(one).min().unwrap()
}

/// Some round takes as long as expected, and none less. On a busy machine many
/// take longer: only a disk that is too slow by itself runs out of tries.
fn near(mut round: impl FnMut(), expected_us: f64, what: &str) {
    let mut quickest_us = f64::MAX;
    for tried in 1..=100 {
        let start = Instant::now();
        round();
        quickest_us = quickest_us.min(start.elapsed().as_secs_f64() * 1e6);
        if tried >= 7 && quickest_us <= 1.1 * expected_us {
            break;
        }
    }
    let off = quickest_us / expected_us - 1.0;
    assert!(off.abs() <= 0.1, "{what}: {quickest_us:.0} µs instead of {expected_us:.0}");
}

#[test]
fn an_ssds_latency_and_channels_reach_the_client() {
    let (_dir, rig, profile) = rig("ssd-plp.toml", 500.0);
    let ssd = profile.ssd.unwrap();
    let mut client = Client::connect(&rig, "disk");
    near(|| drop(client.read(0, 1)), 500.0 * ssd.read_us, "a read");
    near(|| client.write_done(0, 8, &[1; 512]), 500.0 * ssd.write_us, "a write");
    // Twice as many as there are channels take twice as long.
    let many = || {
        let cookies: Vec<u64> =
            (0..2 * ssd.channels as u64).map(|at| client.write(0, at * 8, &[1; 512])).collect();
        cookies.iter().for_each(|_| assert_eq!(client.answer().unwrap().0, 0));
    };
    near(many, 2.0 * 500.0 * ssd.write_us, "two rounds of all channels");
}

#[test]
fn an_hdds_way_is_longer_than_its_next_sector() {
    let (_dir, rig, profile) = rig("hdd-7200.toml", 10.0);
    let hdd = profile.hdd.unwrap();
    let mut client = Client::connect(&rig, "disk");
    client.read(0, 8);
    let mut at = 8;
    let next = quickest(|| {
        client.read(at, 8);
        at += 8;
    });
    // From end to end and back: two full strokes and at most two turns.
    let far = quickest(|| {
        client.read(SECTORS - 8, 8);
        client.read(0, 8);
    });
    let least = 10.0 * 2.0 * hdd.full_stroke_ms * 1e3;
    let most = least + 10.0 * 2.0 * (60e6 / hdd.rpm + hdd.command_us);
    let far = far.as_secs_f64() * 1e6;
    assert!((0.99 * least..1.1 * most).contains(&far), "{far} µs, not {least} to {most}");
    assert!(far > 20.0 * next.as_secs_f64() * 1e6, "{far} µs against {next:?}");
}

#[test]
#[should_panic = "instead of 1000"]
fn a_disk_that_is_always_too_slow_is_seen() {
    near(|| std::thread::sleep(Duration::from_micros(1200)), 1000.0, "slow");
}

#[test]
#[should_panic = "instead of 1000"]
fn a_disk_that_is_too_quick_once_is_seen() {
    let mut times = [1000, 1000, 500].into_iter().cycle();
    near(|| std::thread::sleep(Duration::from_micros(times.next().unwrap())), 1000.0, "quick");
}
