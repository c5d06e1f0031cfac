// SPDX-License-Identifier: MIT OR Apache-2.0
//! What begins and ends an epoch beside flushes: a reset, what the host puts on a
//! disk, a failure; and by what a crash state is chosen.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use proc::Cancel;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use support::client::{Client, FUA};
use support::{MIB, rig};
use vdisk::crash::{CrashState, How, Plan, States};
use vdisk::log::Log;
use vdisk::{CutKind, Fault, Hold, Kind, Matcher, OpMatch, Phase, Policy};

fn states(log: &Path, plan: Plan) -> Vec<CrashState> {
    let log = Log::open(log).unwrap();
    let states = States::new(&log, &log.lives[0], plan).unwrap().with_duplicates();
    states.map(Result::unwrap).collect()
}

/// The first byte of some sectors of the SSD, in every state.
fn contents<const N: usize>(log: &Path, sectors: [u64; N]) -> BTreeSet<[u8; N]> {
    let all = states(log, Plan { exhaustive: u64::MAX, ..Plan::default() });
    let at = |state: &CrashState, sector| state.images[0].read(sector..sector + 1)[0];
    all.iter().map(|state| sectors.map(|sector| at(state, sector))).collect()
}

/// What the host puts on a disk is there at once, and was not there before.
#[test]
fn what_is_poked_is_there_from_then_on() {
    let (dir, rig) = rig(MIB, true);
    let path = dir.path().join("log");
    rig.log_to(&path).unwrap();
    Client::connect(&rig, "ssd").write_done(0, 0, &[1; 512]);
    rig.poke("ssd", 8, &[9; 512]);
    rig.flush_log().unwrap();
    assert_eq!(contents(&path, [0, 8]), BTreeSet::from([[0, 0], [1, 0], [0, 9], [1, 9]]));
}

/// A reset leaves what is in the cache open, and ends what was on its way.
#[test]
fn what_a_reset_ends_cannot_land_beside_what_comes_later() {
    let (dir, rig) = rig(MIB, true);
    let path = dir.path().join("log");
    rig.log_to(&path).unwrap();
    let mut client = Client::connect(&rig, "ssd");
    client.write_done(0, 0, &[1; 512]);
    let (disk, op, phase) = ("ssd".to_owned(), OpMatch::Write, Phase::BeforeMedia);
    let hold = rig.hold(Hold { disk, op, first: 8, sectors: 1, nth: 1, phase });
    client.write(0, 8, &[2; 512]);
    rig.wait_held(hold, Duration::from_secs(20), &Cancel::new()).unwrap();
    rig.mark("no cut");
    rig.cut(CutKind::Reset, Policy::KeepAll);
    rig.power_on();
    Client::connect(&rig, "ssd").write_done(FUA, 16, &[3; 512]);
    rig.flush_log().unwrap();
    let before = [[0, 0, 0], [1, 0, 0], [0, 2, 0], [1, 2, 0]];
    let after = [[0, 0, 3], [1, 0, 3]];
    assert_eq!(contents(&path, [0, 8, 16]), before.into_iter().chain(after).collect());
}

/// Nor can a request land that has failed; until then it might have.
#[test]
fn what_has_failed_cannot_land_beside_what_comes_later() {
    let (dir, rig) = rig(MIB, true);
    let path = dir.path().join("log");
    rig.log_to(&path).unwrap();
    let mut client = Client::connect(&rig, "ssd");
    rig.fault(Matcher::any("ssd", OpMatch::Write), Fault::Eio);
    client.write(0, 8, &[2; 512]);
    assert_ne!(client.answer().unwrap().0, 0);
    client.write_done(FUA, 16, &[3; 512]);
    rig.flush_log().unwrap();
    assert_eq!(contents(&path, [8, 16]), BTreeSet::from([[0, 0], [2, 0], [0, 3]]));
}

/// Everything but one request, and nothing but one, by the number in its events.
#[test]
fn a_state_is_chosen_by_request() {
    let (dir, rig) = rig(MIB, true);
    let path = dir.path().join("log");
    rig.log_to(&path).unwrap();
    let mut client = Client::connect(&rig, "ssd");
    for value in 1..4 {
        client.write_done(0, u64::from(value), &[value; 512]);
    }
    rig.flush_log().unwrap();
    let log = Log::open(&path).unwrap();
    let issues = log.lives[0].events.iter().filter(|event| event.kind == Kind::Issue);
    let all: Vec<u64> = issues.map(|event| event.request).collect();
    let states = states(&path, Plan { subsets: 0, torn: 0, ..Plan::default() });
    assert_eq!((all.len(), states.len()), (3, 8));
    let last = log.lives[0].events.last().unwrap().seq;
    for state in states {
        assert_eq!(state.before(), last + 1);
        let lost: Vec<u64> = state.lost().iter().map(|lost| lost.change.request()).collect();
        let is_lost = |request: u64| match state.how {
            How::DropAll => true,
            How::DropOne(one) => request == one,
            How::KeepOne(one) => request != one,
            _ => false,
        };
        assert!(lost.iter().copied().eq(all.iter().copied().filter(|&r| is_lost(r))), "{state:?}");
    }
}

/// The states at a cut that was made are those right before it, and nothing is behind it.
#[test]
fn a_cut_ends_a_life_once() {
    let (dir, rig) = rig(MIB, true);
    let path = dir.path().join("log");
    rig.log_to(&path).unwrap();
    Client::connect(&rig, "ssd").write_done(0, 0, &[1; 512]);
    let cut = rig.cut(CutKind::Power, Policy::DropAll).at_event;
    rig.flush_log().unwrap();
    let instants =
        states(&path, Plan::default()).iter().map(CrashState::before).collect::<Vec<_>>();
    assert_eq!(instants, [cut; 4], "all, none, all but one, only one");
}
