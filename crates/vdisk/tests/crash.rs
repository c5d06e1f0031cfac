// SPDX-License-Identifier: MIT OR Apache-2.0
//! The crash states from a log against the crash model read literally, and
//! against guests that do and do not flush before they acknowledge.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use proc::Cancel;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;
use support::client::{Client, FLUSH, FUA, WRITE, ZERO};
use support::{MIB, rig};
use vdisk::crash::{CrashState, How, Plan, States, estimate};
use vdisk::log::Log;
use vdisk::{CutKind, Event, Hold, HoldId, Kind, Matcher, Media, Op, OpMatch, Phase, Policy, Rig};

const DISKS: [&str; 2] = ["ssd", "hdd"];
const SECTORS: u64 = 3;
/// What all contested sectors hold.
type Content = Vec<u8>;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Disk, first sector, sectors, FUA, zeroes, and where to hold it.
    Write(usize, u64, u64, bool, bool, Option<Phase>),
    Flush(usize, Option<Phase>),
    Release(usize),
    Fail(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let phase = || {
        prop_oneof![
            3 => Just(None),
            2 => Just(Some(Phase::BeforeMedia)),
            2 => Just(Some(Phase::BeforeCompletion)),
        ]
    };
    let rare = || prop::bool::weighted(0.2);
    prop_oneof![
        6 => (0..2usize, 0..SECTORS, 1..=SECTORS, rare(), rare(), phase())
            .prop_map(|(d, at, n, fua, zero, p)| Step::Write(d, at, n.min(SECTORS - at), fua, zero, p)),
        3 => (0..2usize, phase()).prop_map(|(disk, phase)| Step::Flush(disk, phase)),
        3 => (0..8usize).prop_map(Step::Release),
        1 => (0..2usize).prop_map(Step::Fail),
    ]
}

/// A client on each disk that may leave requests held.
struct Guest<'a> {
    rig: &'a Rig,
    clients: Vec<Client>,
    held: Vec<(usize, HoldId)>,
}

impl Guest<'_> {
    fn run(&mut self, step: Step, value: u8) {
        match step {
            Step::Write(disk, at, sectors, fua, zero, phase) => {
                let data = vec![value; sectors as usize * 512];
                let (kind, data) =
                    if zero { (ZERO, Err(sectors as u32)) } else { (WRITE, Ok(&data[..])) };
                self.send(disk, phase, if fua { FUA } else { 0 }, kind, at, data);
            }
            Step::Flush(disk, phase) => self.send(disk, phase, 0, FLUSH, 0, Err(0)),
            Step::Release(which) if !self.held.is_empty() => {
                let (disk, id) = self.held.remove(which % self.held.len());
                self.rig.release(id);
                self.clients[disk].answer().unwrap();
            }
            Step::Release(_) => (),
            Step::Fail(disk) => {
                self.rig.fault(Matcher::any(DISKS[disk], OpMatch::Any), vdisk::Fault::Short);
            }
        }
    }

    fn send(
        &mut self,
        disk: usize,
        phase: Option<Phase>,
        flags: u16,
        kind: u16,
        at: u64,
        data: Result<&[u8], u32>,
    ) {
        let hold = phase.map(|phase| {
            let (disk, op) = (DISKS[disk].to_owned(), OpMatch::Any);
            self.rig.hold(Hold { disk, op, first: 0, sectors: u64::MAX, nth: 1, phase })
        });
        self.clients[disk].send(flags, kind, at, data);
        match hold {
            Some(id) => {
                self.rig.wait_held(id, Duration::from_secs(20), &Cancel::new()).unwrap();
                self.held.push((disk, id));
            }
            None => {
                self.clients[disk].answer().unwrap();
            }
        }
    }
}

/// A request as the events tell it.
#[derive(Clone, Debug)]
struct Acknowledged {
    disk: usize,
    change: bool,
    fua: bool,
    value: u8,
    asked: (u64, u64),
    reached: (u64, u64),
    issued: u64,
    media: u64,
    completed: u64,
    good: bool,
}

const NEVER: u64 = u64::MAX;

fn told(rig: &Rig, events: &[Event]) -> Vec<Acknowledged> {
    let mut all = BTreeMap::<u64, Acknowledged>::new();
    for event in events.iter().filter(|event| event.op.is_some()) {
        let disk = DISKS.iter().position(|name| *name == &*event.disk).unwrap();
        let range = (event.sector, event.sector + event.sectors);
        let entry = all.entry(event.request).or_insert_with(|| Acknowledged {
            disk,
            change: event.op != Some(Op::Flush),
            fua: event.fua,
            value: rig.payload(event.request).map_or(0, |data| data[0]),
            asked: range,
            reached: range,
            issued: event.seq,
            media: NEVER,
            completed: NEVER,
            good: false,
        });
        match event.kind {
            Kind::Media => (entry.media, entry.reached) = (event.seq, range),
            Kind::Complete => (entry.completed, entry.good) = (event.seq, event.error == 0),
            _ => (),
        }
    }
    all.into_values().collect()
}

/// What a sector may hold when the cut comes before event `cut`.
fn candidates(all: &[Acknowledged], volatile: bool, disk: usize, sector: u64, cut: u64) -> Vec<u8> {
    let here: Vec<_> = all.iter().filter(|t| t.disk == disk && t.issued < cut).collect();
    let covers = |(from, to): (u64, u64)| from <= sector && sector < to;
    let promised = |t: &Acknowledged| {
        let flushed =
            here.iter().any(|f| !f.change && f.good && f.completed < cut && t.completed < f.issued);
        t.completed < cut && (flushed || t.good && (t.fua || !volatile))
    };
    let mut applied: Vec<_> =
        here.iter().filter(|t| t.change && t.media < cut && covers(t.reached)).collect();
    applied.sort_by_key(|t| t.media);
    let sure = applied.iter().rposition(|t| promised(t));
    let mut values: Vec<u8> = vec![sure.map_or(0, |at| applied[at].value)];
    values.extend(applied[sure.map_or(0, |at| at + 1)..].iter().map(|t| t.value));
    let coming = here.iter().filter(|t| t.change && t.media >= cut && t.completed >= cut);
    values.extend(coming.filter(|t| covers(t.asked)).map(|t| t.value));
    values
}

/// All states that the model allows at any instant, and the promised ones.
fn naive(rig: &Rig, volatile: bool, from: u64) -> (BTreeSet<Content>, BTreeSet<Content>) {
    let all = told(rig, &rig.events_since(from));
    let (mut states, mut promised) = (BTreeSet::new(), BTreeSet::new());
    let mut last = Vec::new();
    for cut in from..=rig.now() + 1 {
        let places = (0..2).flat_map(|disk| (0..SECTORS).map(move |sector| (disk, sector)));
        let each: Vec<_> =
            places.map(|(disk, sector)| candidates(&all, volatile, disk, sector, cut)).collect();
        if each == last {
            continue;
        }
        promised.insert(each.iter().map(|values| values[0]).collect());
        let mut products = BTreeSet::from([Content::new()]);
        for values in &each {
            let longer = |start: &Content| {
                values.iter().map(|v| [&start[..], &[*v]].concat()).collect::<Vec<_>>()
            };
            products = products.iter().flat_map(longer).collect();
        }
        states.extend(products);
        last = each;
    }
    (states, promised)
}

fn content(images: &[Media]) -> Content {
    let of = |image: &Media| image.read(0..SECTORS).chunks(512).map(|s| s[0]).collect::<Vec<_>>();
    images.iter().flat_map(of).collect()
}

fn compare(volatile: bool, steps: &[Step]) -> Result<usize, TestCaseError> {
    let (dir, rig) = rig(MIB, volatile);
    let path = dir.path().join("log");
    let clients = DISKS.map(|disk| Client::connect(&rig, disk)).into();
    rig.log_to(&path).unwrap();
    let from = rig.now() + 1;
    let mut guest = Guest { rig: &rig, clients, held: Vec::new() };
    for (step, value) in steps.iter().zip(1..) {
        guest.run(*step, value);
    }
    rig.flush_log().unwrap();
    let log = Log::open(&path).unwrap();
    let (expected, promised) = naive(&rig, volatile, from);
    let states = |plan| -> Vec<CrashState> {
        States::new(&log, &log.lives[0], plan).unwrap().map(Result::unwrap).collect()
    };
    let all = Plan { exhaustive: u64::MAX, ..Plan::default() };
    let found: BTreeSet<Content> = states(all).iter().map(|s| content(&s.images)).collect();
    prop_assert_eq!(&found, &expected);
    let plan = Plan::default();
    let some = states(plan);
    let few: BTreeSet<Content> = some.iter().map(|s| content(&s.images)).collect();
    prop_assert_eq!(few.len(), some.len(), "equal images are given once");
    prop_assert!(few.is_subset(&expected));
    prop_assert!(promised.is_subset(&few), "what is promised at every boundary is among them");
    prop_assert!(estimate(&log, &log.lives[0], &plan).unwrap() >= some.len() as u64);
    for kept in some.iter().filter(|s| s.how == How::KeepAll) {
        prop_assert!(kept.lost().is_empty());
    }
    // A real cut now leaves one of them.
    rig.cut(CutKind::Power, Policy::Seeded(7));
    prop_assert!(expected.contains(&content(&DISKS.map(|disk| rig.image(disk)))));
    Ok(found.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]
    #[test]
    fn the_states_are_those_of_a_naive_model(
        volatile: bool,
        steps in prop::collection::vec(step(), 1..11),
    ) {
        compare(volatile, &steps)?;
    }
}

/// One history with everything in it, so that the property is not vacuous.
#[test]
fn a_history_with_all_kinds_of_open_changes_has_many_states() {
    use Phase::{BeforeCompletion, BeforeMedia};
    let steps = [
        Step::Write(0, 0, 3, false, false, None),
        Step::Flush(0, None),
        Step::Write(0, 0, 2, false, false, None),
        Step::Write(0, 1, 2, false, false, Some(BeforeMedia)),
        Step::Write(1, 0, 2, true, false, None),
        Step::Write(1, 0, 1, false, true, Some(BeforeCompletion)),
        Step::Flush(0, Some(BeforeCompletion)),
        Step::Write(0, 2, 1, false, false, None),
        Step::Release(1),
        Step::Release(0),
    ];
    assert!(compare(true, &steps).unwrap() > 30);
    assert!(compare(false, &steps).unwrap() > 5);
}

/// A flush covers what was complete when it was issued, not when it was done:
/// the write in between is lost beside a later one that is promised.
#[test]
fn a_flush_does_not_cover_what_completes_while_it_runs() {
    let steps = [
        Step::Flush(0, Some(Phase::BeforeCompletion)),
        Step::Write(0, 0, 1, false, false, None),
        Step::Release(0),
        Step::Write(0, 1, 1, true, false, None),
    ];
    assert_eq!(compare(true, &steps).unwrap(), 4);
}

/// A guest that keeps records: it writes one, and says when it is safe.
fn keep_records(rig: &Rig, flush: bool) {
    let mut client = Client::connect(rig, "ssd");
    for record in 0..4u8 {
        client.write_done(0, u64::from(record) * 8, &[record + 1; 4096]);
        if flush {
            client.flush();
        }
        rig.mark(&format!("safe {record}"));
    }
}

/// The records that were called safe before `seq` and are not in `state`.
fn broken(events: &[Event], state: &CrashState) -> Vec<u64> {
    let safe = events.iter().filter(|e| e.seq < state.before()).filter_map(|e| match &e.kind {
        Kind::Mark(_, text) => text.strip_prefix("safe ")?.parse::<u64>().ok(),
        _ => None,
    });
    safe.filter(|r| state.images[0].read(r * 8..r * 8 + 8) != [*r as u8 + 1; 4096]).collect()
}

#[test]
fn a_guest_that_does_not_flush_is_caught_and_one_that_does_is_not() {
    for flush in [false, true] {
        let (dir, rig) = rig(MIB, true);
        let path = dir.path().join("log");
        rig.log_to(&path).unwrap();
        keep_records(&rig, flush);
        rig.flush_log().unwrap();
        let log = Log::open(&path).unwrap();
        let life = &log.lives[0];
        let states = States::new(&log, life, Plan::default()).unwrap().map(Result::unwrap);
        let bad: Vec<_> = states.filter(|state| !broken(&life.events, state).is_empty()).collect();
        assert_eq!(bad.is_empty(), flush);
        let Some(worst) = bad.into_iter().max_by_key(|state| state.lost().len()) else { continue };
        assert!(worst.lost().len() > 1);
        let small = worst
            .shrink(|state| Ok::<_, Infallible>(!broken(&life.events, state).is_empty()))
            .unwrap();
        let lost = small.lost();
        assert_eq!(lost.len(), 1, "one lost write is enough");
        assert_eq!(&*lost[0].disk, "ssd");
        assert!(lost[0].change.completed.is_some());
        let record = broken(&life.events, &small)[0];
        assert_eq!(lost[0].change.range().start, record * 8);
        assert_eq!(lost[0].change.payload().unwrap()[0], record as u8 + 1);
        // The state goes back onto the disks as it is.
        rig.restore(&small.snapshot());
        assert_eq!(rig.image("ssd").fingerprint(), small.images[0].fingerprint());
    }
}
