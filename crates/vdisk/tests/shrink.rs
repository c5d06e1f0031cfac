// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shrinking a bad state, equal states at different instants, and torn writes.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use proptest::prelude::*;
use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use support::client::Client;
use support::{MIB, rig};
use vdisk::crash::{CrashState, How, Plan, States};
use vdisk::log::Log;

const SECTORS: u64 = 4;
const WRITES: u64 = 10;

/// Writes of four sectors each, none flushed, of which the state that loses
/// them all is looked at.
fn with_all_lost<T>(use_it: impl FnOnce(CrashState) -> T) -> T {
    let (dir, rig) = rig(MIB, true);
    let path = dir.path().join("log");
    rig.log_to(&path).unwrap();
    let mut client = Client::connect(&rig, "ssd");
    for write in 0..WRITES {
        client.write_done(0, write * SECTORS, &[write as u8 + 1; SECTORS as usize * 512]);
    }
    rig.flush_log().unwrap();
    let log = Log::open(&path).unwrap();
    let states = States::new(&log, &log.lives[0], Plan::default()).unwrap().map(Result::unwrap);
    let mut of_last = states.filter(|s| s.how == How::DropAll).collect::<Vec<_>>();
    let all = of_last.pop().unwrap();
    assert_eq!(all.lost().len() as u64, WRITES);
    use_it(all)
}

/// The writes of which something is gone.
fn lost(state: &CrashState) -> BTreeSet<u64> {
    state.lost().iter().map(|lost| lost.change.range().start / SECTORS).collect()
}

fn is_there(state: &CrashState, write: u64) -> bool {
    let first = write * SECTORS;
    state.images[0].read(first..first + SECTORS) == vec![write as u8 + 1; SECTORS as usize * 512]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Bad is a state that lacks all of some writes (`needed`), or all of
    /// others: the shrunk one lacks exactly one of the two sets.
    #[test]
    fn what_is_left_is_needed(
        needed in prop::collection::btree_set(0..WRITES, 1..5),
        others in prop::collection::btree_set(0..WRITES, 1..5),
    ) {
        with_all_lost(|state| {
            let mut asked = Vec::new();
            let gone = |state: &CrashState, of: &BTreeSet<u64>| {
                of.iter().all(|write| !is_there(state, *write))
            };
            let number = state.number;
            let shrunk = state.shrink(|state| {
                asked.push(state.fingerprint);
                Ok::<_, Infallible>(gone(state, &needed) || gone(state, &others))
            });
            let shrunk = shrunk.unwrap();
            let left = lost(&shrunk);
            prop_assert!(left == needed || left == others, "{left:?}");
            // Giving back any one of them makes it good.
            for write in &left {
                let fewer: BTreeSet<u64> = left.iter().filter(|w| *w != write).copied().collect();
                prop_assert!(!needed.is_subset(&fewer) && !others.is_subset(&fewer));
            }
            // The content is what the list of losses says.
            for write in 0..WRITES {
                prop_assert_eq!(is_there(&shrunk, write), !left.contains(&write));
            }
            prop_assert_eq!(shrunk.number, number);
            prop_assert!(asked.len() < 60, "{} machines", asked.len());
            Ok(())
        })?;
    }
}

#[test]
fn a_state_that_is_bad_whatever_is_lost_shrinks_to_nothing_lost() {
    with_all_lost(|state| {
        let shrunk = state.shrink(|_| Ok::<_, Infallible>(true)).unwrap();
        assert!(shrunk.lost().is_empty());
    });
}

#[test]
fn an_error_ends_the_shrinking() {
    with_all_lost(|state| {
        let mut asked = 0;
        let end = state.shrink(|_| {
            asked += 1;
            if asked == 3 { Err("no machine") } else { Ok(false) }
        });
        assert_eq!((end.err(), asked), (Some("no machine"), 3));
    });
}

/// A torn write: gone sector by sector, and only as far as needed.
#[test]
fn a_torn_write_is_told_by_its_sectors() {
    let (dir, rig) = rig(MIB, true);
    let path = dir.path().join("log");
    rig.log_to(&path).unwrap();
    let mut client = Client::connect(&rig, "ssd");
    client.write_done(0, 0, &[7; 8 * 512]);
    rig.flush_log().unwrap();
    let log = Log::open(&path).unwrap();
    let plan = Plan { torn: 512, ..Plan::default() };
    let states = States::new(&log, &log.lives[0], plan).unwrap().map(Result::unwrap);
    let mut shapes = BTreeSet::new();
    for state in states.filter(|state| matches!(state.how, How::Torn(_))) {
        let whole = state.images[0].read(0..8);
        let kept: Vec<bool> = whole.chunks(512).map(|sector| sector == [7; 512]).collect();
        assert!(whole.chunks(512).all(|sector| sector == [7; 512] || sector == [0; 512]));
        let told: Vec<u64> =
            state.lost().iter().flat_map(|l| l.lost.iter().cloned().flatten()).collect();
        let gone: Vec<u64> = (0..8).filter(|sector| !kept[*sector as usize]).collect();
        assert_eq!(told, gone);
        shapes.insert(kept);
    }
    assert!(shapes.len() > 20, "only {} shapes", shapes.len());
    assert!(shapes.iter().any(|kept| !kept[0] && kept[7]), "the end alone can survive");
}

/// A content that was possible before and after a flush is given at both
/// instants, each time with its own number, and once without duplicates.
#[test]
fn equal_states_are_given_at_every_instant() {
    let (dir, rig) = rig(MIB, true);
    let path = dir.path().join("log");
    rig.log_to(&path).unwrap();
    let mut client = Client::connect(&rig, "ssd");
    for round in 1..=3u8 {
        client.write_done(0, 0, &[round; 512]);
        client.flush();
        client.write_done(0, 0, &[1; 512]);
        client.flush();
    }
    rig.flush_log().unwrap();
    let log = Log::open(&path).unwrap();
    let new = || States::new(&log, &log.lives[0], Plan::default()).unwrap();
    let all: Vec<CrashState> = new().with_duplicates().map(Result::unwrap).collect();
    let once: Vec<CrashState> = new().map(Result::unwrap).collect();
    let mut instants: HashMap<u128, BTreeSet<u64>> = HashMap::new();
    for (number, state) in all.iter().enumerate() {
        assert_eq!(state.number, number as u64, "numbers have no gaps");
        instants.entry(state.fingerprint).or_default().insert(state.before());
    }
    assert_eq!(once.len(), instants.len());
    for state in &once {
        let same = &all[usize::try_from(state.number).unwrap()];
        assert_eq!((same.fingerprint, same.how), (state.fingerprint, state.how));
    }
    let ones = once.iter().find(|s| s.images[0].read(0..1) == [1; 512]).unwrap();
    assert!(instants[&ones.fingerprint].len() >= 3, "after each flush: {instants:?}");
}
