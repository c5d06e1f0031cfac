// SPDX-License-Identifier: MIT OR Apache-2.0
//! The store against the crash model read literally: the whole history is
//! kept, and what a cut may leave is worked out from it sector by sector.

use super::*;

const SECTORS: u64 = 6;

/// One write or flush, with the moments of its life.
#[derive(Clone, Debug)]
struct Past {
    change: Option<Change>,
    issued: u64,
    applied: Option<u64>,
    completed: Option<u64>,
}

#[derive(Default)]
struct Naive {
    past: Vec<Past>,
    clock: u64,
    volatile: bool,
}

fn value(change: &Change) -> u8 {
    if matches!(change.body, Body::Zero) { 0 } else { change.request as u8 }
}

impl Naive {
    fn promised(&self, write: &Past) -> bool {
        let (Some(change), Some(completed)) = (&write.change, write.completed) else {
            return false;
        };
        let flushes = self.past.iter().filter(|p| p.change.is_none() && p.completed.is_some());
        let flushed = flushes.into_iter().any(|flush| completed < flush.issued);
        change.fua || !self.volatile || flushed
    }

    /// Applied changes of a sector, oldest first.
    fn applied(&self, sector: u64) -> Vec<(u64, &Past)> {
        let mut all: Vec<_> = self
            .past
            .iter()
            .filter(|p| p.change.as_ref().is_some_and(|c| c.range.contains(&sector)))
            .filter_map(|p| p.applied.map(|at| (at, p)))
            .collect();
        all.sort_by_key(|(at, _)| *at);
        all
    }

    fn current(&self, sector: u64) -> u8 {
        self.applied(sector).last().map_or(0, |(_, p)| value(p.change.as_ref().unwrap()))
    }

    /// What must be there, and what may be there instead.
    fn after_cut(&self, sector: u64) -> (u8, Vec<u8>) {
        let applied = self.applied(sector);
        let last = applied.iter().rposition(|(_, p)| self.promised(p));
        let of = |p: &Past| value(p.change.as_ref().unwrap());
        let sure = last.map_or(0, |at| of(applied[at].1));
        let mut may: Vec<u8> =
            applied[last.map_or(0, |at| at + 1)..].iter().map(|(_, p)| of(p)).collect();
        let on_the_way = self.past.iter().filter(|p| p.applied.is_none());
        may.extend(
            on_the_way
                .filter_map(|p| p.change.as_ref())
                .filter(|c| c.range.contains(&sector))
                .map(value),
        );
        (sure, may)
    }

    fn in_flight(&self) -> Vec<Change> {
        self.past.iter().filter(|p| p.applied.is_none()).filter_map(|p| p.change.clone()).collect()
    }
}

fn byte(media: &Media, sector: u64) -> u8 {
    media.read(sector..sector + 1)[0]
}

/// One random step in the life of both.
fn step(naive: &mut Naive, store: &mut Store, rng: &mut Rng) {
    naive.clock += 1;
    let now = naive.clock;
    let pick = |rng: &mut Rng, of: Vec<usize>| {
        (!of.is_empty()).then(|| of[rng.below(of.len() as u64) as usize])
    };
    let these = |naive: &Naive, test: fn(&Past) -> bool| {
        (0..naive.past.len()).filter(|&at| test(&naive.past[at])).collect::<Vec<_>>()
    };
    match rng.below(8) {
        0 | 1 => {
            let start = rng.below(SECTORS);
            let range = start..start + 1 + rng.below(SECTORS - start);
            let request = naive.past.len() as u64 + 1;
            let bytes = vec![request as u8; (range.end - range.start) as usize * SECTOR];
            let zero = rng.below(6) == 0;
            let body = if zero { Body::Zero } else { Body::Data(Arc::new(bytes)) };
            let change = Change { request, range, body, fua: rng.below(5) == 0 };
            naive.past.push(Past {
                change: Some(change),
                issued: now,
                applied: None,
                completed: None,
            });
        }
        2 => {
            naive.past.push(Past { change: None, issued: now, applied: Some(now), completed: None })
        }
        3..5 => {
            if let Some(at) = pick(rng, these(naive, |p| p.applied.is_none())) {
                naive.past[at].applied = Some(now);
                store.apply(naive.past[at].change.clone().unwrap());
            }
        }
        _ => {
            let waiting = these(naive, |p| p.applied.is_some() && p.completed.is_none());
            if let Some(at) = pick(rng, waiting) {
                naive.past[at].completed = Some(now);
                match &naive.past[at].change {
                    Some(change) => store.complete(change.request, now, true),
                    None => store.flushed(naive.past[at].issued),
                }
            }
        }
    }
}

fn compare(naive: &Naive, store: &Store, rng: &mut Rng) -> Result<(), String> {
    for sector in 0..SECTORS {
        let (sure, may) = naive.after_cut(sector);
        let (current, durable) = (byte(store.current(), sector), byte(store.durable(), sector));
        if current != naive.current(sector) {
            return Err(format!("sector {sector} reads {current}, not {}", naive.current(sector)));
        }
        if durable != sure {
            return Err(format!("sector {sector} is durable as {durable}, not {sure}"));
        }
        let but = Policy::KeepBut { disk: 0, first: 1, end: 3 };
        let plain = [Policy::DropAll, Policy::KeepAll, Policy::KeepInFlight];
        for policy in plain.into_iter().chain([but, Policy::Torn, Policy::Seeded(1)]) {
            let mut after = store.clone();
            after.cut(policy, &naive.in_flight(), &mut Rng::new(rng.next()));
            let left = byte(after.current(), sector);
            if left != sure && !may.contains(&left) {
                return Err(format!("{policy:?} leaves {left} at {sector}: not {sure} or {may:?}"));
            }
            if policy == Policy::KeepAll && left != current
                || policy == Policy::DropAll && left != sure
                || policy == but && left != if (1..3).contains(&sector) { sure } else { current }
            {
                return Err(format!("{policy:?} leaves {left} at {sector}"));
            }
            if byte(after.durable(), sector) != left {
                return Err(format!("after a cut, sector {sector} is not settled"));
            }
        }
    }
    Ok(())
}

/// A random history of about `steps` steps.
fn live(seed: u64, bug: Bug, steps: u32) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let volatile = rng.below(3) != 0;
    let mut naive = Naive { volatile, ..Naive::default() };
    let mut store = Store::new(volatile, u64::MAX);
    store.bug = bug;
    for _ in 0..steps {
        step(&mut naive, &mut store, &mut rng);
        compare(&naive, &store, &mut rng).map_err(|why| format!("seed {seed}: {why}"))?;
    }
    Ok(())
}

#[test]
fn the_durable_set_is_that_of_the_crash_model() {
    for seed in 0..400 {
        live(seed, Bug::None, 40).unwrap();
    }
}

#[test]
fn every_deliberate_fault_of_the_model_is_caught() {
    for bug in [
        Bug::FlushCoversInFlight,
        Bug::FlushCoversLater,
        Bug::FlushForgets,
        Bug::FuaIgnored,
        Bug::CacheOffForgets,
        Bug::OldOverNew,
        Bug::ReadsDurable,
    ] {
        let caught = (0..400).find_map(|seed| live(seed, bug, 40).err());
        assert!(caught.is_some(), "{bug:?} goes unnoticed");
    }
}

/// The very case that a replay by order of submission gets wrong: a write
/// that was issued before the flush, but completed after the flush's issue.
#[test]
fn a_write_still_under_way_is_not_covered_by_a_flush() {
    let write = |request| Change {
        request,
        range: 0..1,
        body: Body::Data(Arc::new(vec![7; SECTOR])),
        fua: false,
    };
    let mut store = Store::new(true, u64::MAX);
    store.apply(write(1));
    store.complete(1, 11, true);
    store.flushed(10);
    assert_eq!(byte(store.durable(), 0), 0);
    store.flushed(12);
    assert_eq!(byte(store.durable(), 0), 7);
}

#[test]
fn a_full_cache_writes_its_oldest_out() {
    let mut store = Store::new(true, 8 * SECTOR as u64);
    for request in 1..=20u64 {
        let body = Body::Data(Arc::new(vec![request as u8; SECTOR]));
        store.apply(Change { request, range: request..request + 1, body, fua: false });
        store.complete(request, request, true);
        assert!(store.pending_bytes <= 8 * SECTOR as u64);
    }
    assert_eq!((byte(store.durable(), 1), byte(store.durable(), 20)), (1, 0));
    store.flushed(100);
    assert_eq!((byte(store.durable(), 20), store.pending_bytes), (20, 0));
}

#[test]
fn a_reset_loses_no_cached_write_and_a_later_flush_covers_it() {
    let mut store = Store::new(true, u64::MAX);
    let body = Body::Data(Arc::new(vec![3; SECTOR]));
    store.apply(Change { request: 1, range: 0..1, body, fua: false });
    store.reset(Policy::KeepAll, &[], 5);
    assert_eq!((byte(store.current(), 0), byte(store.durable(), 0)), (3, 0));
    store.flushed(6);
    assert_eq!(byte(store.durable(), 0), 3);
}
