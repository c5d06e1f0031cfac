// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is worked out from a recorded log, with a real log of virtual disks.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

#[path = "../../vdisk/tests/support/mod.rs"]
mod support;

use judge::ledger::{Ledger, Mismatch};
use scenario::Cause;
use support::client::Client;
use support::{MIB, rig};
use vdisk::log::Log;
use vdisk::{CutKind, CutReport, Media};

/// The disk's content before the log, before the ledger's beginning and since.
#[test]
fn a_ledger_of_a_log_knows_what_came_before_its_beginning() {
    let (dir, rig) = rig(MIB, true);
    rig.poke("hdd", 200, &[9; 512]);
    let path = dir.path().join("log");
    rig.log_to(&path).unwrap();
    let (mut hdd, mut ssd) = (Client::connect(&rig, "hdd"), Client::connect(&rig, "ssd"));
    hdd.write_done(0, 100, &[1; 512]);
    let since = rig.now() + 1;
    ssd.write_done(0, 800, &[5; 512]);
    hdd.write_done(0, 100, &[2; 512]);
    hdd.write_done(0, 200, &[3; 512]);
    rig.flush_log().unwrap();
    let ledger = Ledger::of_log(&Log::open(&path).unwrap(), since).unwrap();
    assert_eq!((ledger.since(), ledger.missed), (since, 0));
    let (kind, none) = (CutKind::Power, Vec::new);
    let cut = CutReport { at_event: rig.now(), kind, lost: none(), kept: none() };
    let why = |sector, front: u8, back: u8| {
        let (front, back) = ([front; 512], [back; 512]);
        let mismatch = Mismatch { sector, place: Some(800), front: &front, back: &back };
        ledger.explain(mismatch, &cut, &Media::default(), 1)
    };
    assert_eq!(why(100, 1, 2), Cause::Unjournaled);
    assert_eq!(why(200, 9, 3), Cause::Unjournaled);
    assert_eq!(why(100, 3, 2), Cause::Unknown, "only elsewhere");
}
