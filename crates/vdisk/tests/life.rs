// SPDX-License-Identifier: MIT OR Apache-2.0
//! Holds, cuts, faults and the disks' lives beyond their machines.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use proc::Cancel;
use std::time::{Duration, Instant};
use support::client::{Client, FLUSH, FUA, READ, TRIM, ZERO};
use support::{MIB, rig};
use vdisk::{
    CutKind, DiskSpec, Fault, Hold, HoldError, HoldId, Kind, Mark, Matcher, Op, OpMatch, Phase,
    Policy, Profile, Rig, WaitError,
};

const LONG: Duration = Duration::from_secs(20);

fn hold(rig: &Rig, op: OpMatch, first: u64, phase: Phase) -> HoldId {
    rig.hold(Hold { disk: "hdd".into(), op, first, sectors: 8, nth: 1, phase })
}

fn at(rig: &Rig, sector: u64) -> u8 {
    let mut bytes = [0; 512];
    rig.read("hdd", sector, &mut bytes);
    assert!(bytes.iter().all(|&b| b == bytes[0]));
    bytes[0]
}

fn held(rig: &Rig, id: HoldId) {
    rig.wait_held(id, LONG, &Cancel::new()).unwrap();
}

#[test]
fn a_hold_before_the_media_hides_the_write() {
    let (_dir, rig) = rig(MIB, false);
    let mut client = Client::connect(&rig, "hdd");
    client.write_done(0, 8, &[1; 4096]);
    let id = hold(&rig, OpMatch::Write, 8, Phase::BeforeMedia);
    let cookie = client.write(0, 8, &[2; 4096]);
    let request = rig.wait_held(id, LONG, &Cancel::new()).unwrap();
    assert_eq!((request.sector, request.sectors), (8, 8));
    assert!(rig.held(id));
    assert_eq!(client.read(8, 8), [1; 4096], "everything else goes on");
    client.write_done(0, 16, &[3; 4096]);
    rig.release(id);
    client.done(cookie);
    assert_eq!(client.read(8, 8), [2; 4096]);
    assert!(!rig.held(id));
}

#[test]
fn a_hold_before_completion_shows_the_write() {
    let (_dir, rig) = rig(MIB, false);
    let mut client = Client::connect(&rig, "hdd");
    let id = hold(&rig, OpMatch::Change, 8, Phase::BeforeCompletion);
    let cookie = client.send(0, ZERO, 8, Err(8));
    held(&rig, id);
    client.write_done(0, 16, &[3; 4096]);
    assert_eq!(client.read(8, 8), [0; 4096]);
    rig.release(id);
    client.done(cookie);
}

#[test]
fn the_nth_overlapping_request_is_held() {
    let (_dir, rig) = rig(MIB, false);
    let mut client = Client::connect(&rig, "hdd");
    let id = rig.hold(Hold {
        disk: "hdd".into(),
        op: OpMatch::Write,
        first: 10,
        sectors: 2,
        nth: 2,
        phase: Phase::BeforeMedia,
    });
    client.write_done(0, 9, &[1; 512]); // touches
    client.write_done(0, 12, &[1; 512]); // touches
    client.write_done(0, 11, &[1; 512]); // first
    client.read(10, 1); // no write
    let cookie = client.write(0, 8, &[2; 4096]); // second
    held(&rig, id);
    rig.release(id);
    client.done(cookie);
}

#[test]
fn a_hold_may_look_at_the_payload() {
    let (_dir, rig) = rig(MIB, false);
    let mut client = Client::connect(&rig, "hdd");
    let any = Hold {
        disk: "hdd".into(),
        op: OpMatch::Write,
        first: 0,
        sectors: u64::MAX,
        nth: 1,
        phase: Phase::BeforeCompletion,
    };
    let id = rig.hold_if(any, |data| data[0] == 7);
    client.write_done(0, 0, &[6; 512]);
    let cookie = client.write(0, 0, &[7; 512]);
    held(&rig, id);
    rig.release(id);
    client.done(cookie);
}

#[test]
fn waits_end_by_deadline_cancel_and_cut() {
    let (_dir, rig) = rig(MIB, false);
    let id = hold(&rig, OpMatch::Any, 0, Phase::BeforeMedia);
    let (go, stop) = (Cancel::new(), Cancel::new());
    stop.cancel();
    assert_eq!(rig.wait_held(id, Duration::ZERO, &go), Err(HoldError::Timeout));
    assert_eq!(rig.wait_held(id, LONG, &stop), Err(HoldError::Cancelled));
    let never = |_: &_, _: &[u8]| false;
    assert_eq!(rig.wait_for(1, Duration::ZERO, &go, never), Err(WaitError::Timeout));
    assert_eq!(rig.wait_for(1, LONG, &stop, never), Err(WaitError::Cancelled));
    rig.cut(CutKind::Power, Policy::KeepAll);
    assert_eq!(rig.wait_held(id, LONG, &go), Err(HoldError::Cut));
}

/// One cut with everything in it: what is lost is what may be lost.
#[test]
fn a_power_cut_leaves_what_the_policy_says() {
    for (policy, unflushed, unanswered, on_its_way) in
        [(Policy::DropAll, 0, 0, 0), (Policy::KeepAll, 3, 4, 0), (Policy::KeepInFlight, 3, 4, 5)]
    {
        let (_dir, rig) = rig(MIB, true);
        let mut client = Client::connect(&rig, "hdd");
        client.write_done(0, 0, &[1; 512]);
        client.flush();
        client.write_done(FUA, 1, &[2; 512]);
        client.write_done(0, 2, &[3; 512]);
        let after = hold(&rig, OpMatch::Write, 8, Phase::BeforeCompletion);
        client.write(0, 8, &[4; 512]);
        held(&rig, after);
        let before = hold(&rig, OpMatch::Write, 16, Phase::BeforeMedia);
        client.write(0, 16, &[5; 512]);
        held(&rig, before);
        let report = rig.cut(CutKind::Power, policy);
        assert!(client.answer().is_err(), "nothing is answered after the cut");
        assert_eq!(
            [0, 1, 2, 8, 16].map(|s| at(&rig, s)),
            [1, 2, unflushed, unanswered, on_its_way]
        );
        let kept = [unflushed, unanswered, on_its_way].iter().filter(|&&b| b != 0).count();
        assert_eq!((report.kept.len(), report.lost.len()), (kept, 3 - kept), "{report:?}");
        assert_eq!(
            report.at_event,
            rig.events_since(1).iter().find(|e| matches!(e.kind, Kind::Cut(_))).unwrap().seq
        );
        rig.release(before);
        rig.release(after);
        assert_eq!(at(&rig, 16), on_its_way, "a hold that was cut is gone");
    }
}

#[test]
fn a_torn_cut_leaves_the_first_half_of_each_write() {
    let (_dir, rig) = rig(MIB, true);
    let mut client = Client::connect(&rig, "hdd");
    client.write_done(0, 0, &[1; 3 * 512]);
    client.write_done(0, 8, &[2; 512]);
    let report = rig.cut(CutKind::Power, Policy::Torn);
    assert_eq!([0, 1, 2, 8].map(|s| at(&rig, s)), [1, 1, 0, 2]);
    assert_eq!((report.kept.len(), &report.lost[0].lost[0]), (1, &(2..3)));
}

#[test]
fn a_cut_that_loses_a_range_keeps_all_else() {
    for (further, after) in [(0, [1, 0, 0, 1]), (1, [1; 4])] {
        let (_dir, rig) = rig(MIB, true);
        let mut client = Client::connect(&rig, "hdd");
        client.write_done(0, 0, &[1; 4 * 512]);
        let disk = rig.index("hdd") + further;
        rig.cut(CutKind::Power, Policy::KeepBut { disk, first: 1, end: 3 });
        assert_eq!([0, 1, 2, 3].map(|s| at(&rig, s)), after);
    }
}

#[test]
fn a_reset_keeps_the_cache_but_a_later_cut_may_lose_it() {
    let (_dir, rig) = rig(MIB, true);
    let mut client = Client::connect(&rig, "hdd");
    client.write_done(0, 0, &[1; 512]);
    let before = hold(&rig, OpMatch::Write, 16, Phase::BeforeMedia);
    client.write(0, 16, &[5; 512]);
    held(&rig, before);
    rig.cut(CutKind::Reset, Policy::KeepAll);
    assert_eq!((at(&rig, 0), at(&rig, 16)), (1, 0));
    rig.cut(CutKind::Power, Policy::DropAll);
    assert_eq!(at(&rig, 0), 0);
}

#[test]
fn without_a_volatile_cache_completed_is_durable() {
    let (_dir, rig) = rig(MIB, false);
    let mut client = Client::connect(&rig, "hdd");
    client.write_done(0, 0, &[1; 4096]);
    let cookie = client.send(0, TRIM, 0, Err(1));
    client.done(cookie);
    client.flush();
    let report = rig.cut(CutKind::Power, Policy::DropAll);
    assert_eq!((at(&rig, 0), at(&rig, 1)), (0, 1));
    assert!(report.lost.is_empty() && report.kept.is_empty());
}

#[test]
fn the_disk_outlives_the_machine() {
    let (_dir, rig) = rig(MIB, false);
    for life in 1..4u8 {
        let mut client = Client::connect(&rig, "hdd");
        assert_eq!(client.read(0, 1), [life - 1; 512]);
        client.write_done(0, 0, &[life; 512]);
        rig.cut(CutKind::Power, Policy::DropAll);
        assert!(Client::try_connect(&rig, "hdd").is_err(), "the power is off");
        rig.power_on();
    }
}

#[test]
fn snapshots_are_of_one_instant_and_independent() {
    let (_dir, rig) = rig(MIB, true);
    let mut client = Client::connect(&rig, "hdd");
    client.write_done(0, 0, &[1; 512]);
    let early = rig.snapshot();
    client.write_done(0, 0, &[2; 512]);
    rig.restore(&early);
    assert!(client.answer().is_err());
    assert_eq!(at(&rig, 0), 1);
    rig.power_on();
    rig.cut(CutKind::Power, Policy::DropAll);
    assert_eq!(at(&rig, 0), 0, "what was open in the snapshot is open again");
}

#[test]
fn faults_spoil_the_requests_they_match() {
    let (_dir, rig) = rig(MIB, false);
    let mut client = Client::connect(&rig, "hdd");
    let on = |op, nth| Matcher { nth, ..Matcher::any("hdd", op) };
    rig.fault(on(OpMatch::Write, 1), Fault::Eio);
    rig.fault(on(OpMatch::Write, 2), Fault::Short);
    rig.fault(on(OpMatch::Flush, 1), Fault::Eio);
    rig.fault(on(OpMatch::Read, 1), Fault::Slow(Duration::from_millis(1)));
    for (error, first, second) in [(5, 0, 0), (5, 9, 0), (0, 9, 9)] {
        let cookie = client.write(0, 0, &[9; 1024]);
        assert_eq!(client.answer().unwrap(), (error, cookie));
        assert_eq!((at(&rig, 0), at(&rig, 1)), (first, second));
    }
    let cookie = client.send(0, FLUSH, 0, Err(0));
    assert_eq!(client.answer().unwrap(), (5, cookie));
    client.flush();
    assert_eq!(client.read(0, 1), [9; 512]);
    rig.fault(on(OpMatch::Read, 1), Fault::Disconnect);
    client.send(0, READ, 0, Err(1));
    assert!(client.answer().is_err());
    Client::connect(&rig, "hdd").read(0, 1);
}

#[test]
fn a_fault_waits_for_the_payload_it_is_meant_for() {
    let (_dir, rig) = rig(MIB, false);
    let mut client = Client::connect(&rig, "hdd");
    let meant = |payload: &[u8]| payload.first() == Some(&7);
    rig.fault_if(Matcher::any("hdd", OpMatch::Write), Fault::Eio, meant);
    for (fill, error) in [(6, 0), (7, 5), (7, 0)] {
        let cookie = client.write(0, 0, &[fill; 512]);
        assert_eq!(client.answer().unwrap(), (error, cookie), "{fill}");
    }
}

/// A cut brings a broken disk back broken; mending is a matter of each disk.
#[test]
fn a_disk_fails_until_it_is_mended() {
    let (_dir, rig) = rig(MIB, false);
    let every = |disk| Matcher { nth: 0, ..Matcher::any(disk, OpMatch::Any) };
    rig.fault(every("hdd"), Fault::Eio);
    rig.fault(every("ssd"), Fault::Eio);
    let mut client = Client::connect(&rig, "hdd");
    let errs = |client: &mut Client, error| {
        let cookie = client.write(0, 0, &[9; 512]);
        assert_eq!(client.answer().unwrap(), (error, cookie));
    };
    (0..3).for_each(|_| errs(&mut client, 5));
    rig.cut(CutKind::Power, Policy::DropAll);
    rig.power_on();
    let mut client = Client::connect(&rig, "hdd");
    assert_eq!(rig.mend("ssd"), 0);
    errs(&mut client, 5);
    assert_eq!(rig.mend("hdd"), 4);
    errs(&mut client, 0);
    errs(&mut Client::connect(&rig, "ssd"), 0);
}

/// The order of effects is the order of deadlines, whatever the machine's
/// load: the delayed write is overtaken by the one that is not.
#[test]
fn a_delay_lets_others_pass() {
    let (_dir, rig) = rig(MIB, false);
    let mut client = Client::connect(&rig, "hdd");
    rig.delay("hdd", OpMatch::Write, Duration::from_millis(300));
    let slow = client.write(0, 0, &[1; 512]);
    let asked = client.send(0, FLUSH, 0, Err(0));
    client.done(asked);
    client.done(slow);
    rig.delay("hdd", OpMatch::Write, Duration::ZERO);
    client.write_done(0, 0, &[2; 512]);
}

#[test]
fn the_lab_sees_events_marks_and_payloads() {
    let (_dir, rig) = rig(MIB, false);
    let mark = rig.mark("step one");
    let mut client = Client::connect(&rig, "ssd");
    client.write_done(0, 40, &[1; 512]);
    let from = rig.now();
    let later = std::thread::spawn(move || {
        client.write_done(FUA, 48, &[2; 1024]);
        client
    });
    let found = rig.wait_for(from + 1, LONG, &Cancel::new(), |event, payload| {
        event.kind == Kind::Complete && event.op == Some(Op::Write) && payload[0] == 2
    });
    let found = found.unwrap();
    assert_eq!((found.sector, found.sectors, found.fua, &*found.disk), (48, 2, true, "ssd"));
    assert_eq!(*rig.payload(found.request).unwrap(), [2; 1024]);
    let past = rig.wait_for(mark, LONG, &Cancel::new(), |event, payload| {
        event.op == Some(Op::Write) && payload[0] == 1
    });
    assert_eq!(past.unwrap().sector, 40, "past events count too");
    assert_eq!(rig.events_since(mark)[0].kind, Kind::Mark(Mark::Step, "step one".into()));
    drop(later.join().unwrap());
}

/// A profile's times are at least kept (at most is the machine's affair), and
/// what a cut finds in the arm's queue does not block the next life.
#[test]
fn a_profile_slows_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../workloads/disks/hdd-7200.toml");
    let profile = Profile::load(file.as_ref()).unwrap();
    let least = Duration::from_secs_f64(profile.hdd.as_ref().unwrap().track_to_track_ms / 1e3);
    let spec = DiskSpec { name: "hdd".into(), sectors: 1 << 31, volatile_cache: false, profile };
    let rig = Rig::new(dir.path(), vec![spec]).unwrap();
    for _ in 0..2 {
        let mut client = Client::connect(&rig, "hdd");
        let start = Instant::now();
        client.read(1 << 30, 8);
        client.read(1 << 20, 8);
        assert!(start.elapsed() >= 2 * least);
        for at in 0..8 {
            client.write(0, (at * 7 % 8) << 28, &[1; 512]);
        }
        rig.cut(CutKind::Power, Policy::KeepAll);
        rig.power_on();
    }
}

/// A seed gives the same cut again, and different seeds differ.
#[test]
fn seeded_cuts_repeat() {
    let cut = |seed| {
        let (_dir, rig) = rig(MIB, true);
        let mut client = Client::connect(&rig, "hdd");
        for sector in 0..64 {
            client.write_done(0, sector * 8, &[1; 4096]);
        }
        rig.cut(CutKind::Power, Policy::Seeded(seed));
        let mut image = vec![0; 64 * 4096];
        rig.read("hdd", 0, &mut image);
        image
    };
    assert!(cut(1) == cut(1));
    assert!(cut(1) != cut(2));
}

#[test]
fn a_poke_is_durable_and_seen() {
    let (_dir, rig) = rig(MIB, true);
    let mut client = Client::connect(&rig, "hdd");
    client.write_done(0, 0, &[1; 4096]);
    rig.poke("hdd", 1, &[9; 512]);
    assert_eq!(client.read(1, 1), [9; 512]);
    rig.cut(CutKind::Power, Policy::DropAll);
    assert_eq!((at(&rig, 0), at(&rig, 1)), (0, 9));
}
