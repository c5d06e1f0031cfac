// SPDX-License-Identifier: MIT OR Apache-2.0

//! The table of ranges against a list of what is in flight: it never misses one, says "exact" only
//! when it is, and is empty again when all are gone.

use proptest::prelude::*;
use tracker::{
    Table,
    inflight_range::{CHUNK_SHIFT, Overlap, Range},
    precision::{Load, Random, needless},
    ranges::{FINE_SHIFT, Place, Ranges},
};

const FINE: u32 = 1 << FINE_SHIFT;
const CHUNK: u32 = 1 << CHUNK_SHIFT;
/// The longest bio: its length in bytes has 32 bits.
const LONGEST: u32 = u32::MAX >> 9;

fn range(sector: u64, sectors: u32) -> Range {
    Range::new(sector, sectors).expect("not empty")
}

fn overlap(a: (u64, u32), b: (u64, u32)) -> bool {
    a.0 < b.0 + u64::from(b.1) && b.0 < a.0 + u64::from(a.1)
}

/// Records, checks all around the edges, clears.
fn edges(sector: u64, sectors: u32) {
    let table = Table::new();
    let place = table.record(range(sector, sectors));
    let end = sector + u64::from(sectors);
    let chunk = u64::from(CHUNK);
    for (at, found) in [(sector, true), (end - 1, true), (sector + u64::from(sectors) / 2, true)] {
        assert_eq!(table.check(range(at, 1)) != Overlap::None, found, "{sector}+{sectors} at {at}");
    }
    // Just outside: exactly nothing up to a chunk's length, nothing beyond the chunk after that.
    let slack = if sectors <= CHUNK { 1 } else { chunk };
    if sector >= slack {
        assert_eq!(table.check(range(sector - slack, 1)), Overlap::None, "{sector}+{sectors}");
    }
    assert_eq!(table.check(range(end + slack - 1, 1)), Overlap::None, "{sector}+{sectors}");
    assert_eq!(table.in_flight(), 1);
    table.clear(place);
    assert_eq!(table.in_flight(), 0);
    assert_eq!(table.check(range(sector, sectors)), Overlap::None);
}

#[test]
fn borders() {
    let lengths = [1, 2, 7, 8, FINE - 1, FINE, FINE + 1, CHUNK - 1, CHUNK, CHUNK + 1, LONGEST];
    let hundred_tb = 100 << 31;
    for border in [0, u64::from(FINE), u64::from(CHUNK), hundred_tb] {
        for sectors in lengths {
            for before in [0, 1, 8, u64::from(sectors) - 1, u64::from(sectors)] {
                if before <= border {
                    edges(border - before, sectors);
                }
            }
        }
    }
}

#[test]
fn no_length_is_no_range() {
    assert_eq!(Range::new(0, 0), None);
    assert_eq!(Range::new(u64::MAX, 0), None);
}

#[test]
fn a_sector_beyond_what_a_slot_holds_is_counted() {
    for sector in [1 << 47, 1 << 60, u64::MAX - 8] {
        let table = Table::new();
        let place = table.record(range(sector, 8));
        assert_eq!(table.check(range(sector, 8)), Overlap::Possible);
        table.clear(place);
        assert_eq!(table.check(range(sector, 8)), Overlap::None);
    }
}

/// More writes than 16 bits count, all in one chunk, then all of one range.
#[test]
fn more_than_65535_in_flight() {
    for spread in [8, 0] {
        let table = Table::new();
        let at = |n: u64| range(n % 1000 * spread, 8);
        let places: Vec<Place> = (0..200_000).map(|n| table.record(at(n))).collect();
        assert_eq!(table.in_flight(), 200_000);
        for (n, place) in places.into_iter().enumerate() {
            assert_ne!(table.check(at(n as u64)), Overlap::None, "write {n} is in flight");
            table.clear(place);
        }
        assert!(table.is_empty());
        assert_eq!(table.in_flight(), 0);
        assert_eq!(table.check(range(0, 8)), Overlap::None);
    }
}

/// What clearing twice would do: why C's side makes sure of once.
#[test]
fn clearing_twice_loses_somebody_else() {
    let table = Table::new();
    let first = table.record(range(0, 8));
    table.clear(first);
    let second = table.record(range(8, 8));
    table.clear(first);
    assert_eq!(first, second, "the slot was reused");
    assert_eq!(table.check(range(8, 8)), Overlap::None, "and its new owner forgotten");
}

/// Writes of one granule, of which only one is at home: each is exact, whoever goes first.
#[test]
fn strays_are_exact_whoever_goes_first() {
    for skip in 0..4 {
        let table = Table::new();
        let at = |n: u64| range(n * 16, 8);
        let mut places: Vec<_> = (0..4).map(|n| (n, table.record(at(n)))).collect();
        places.rotate_left(skip);
        while let Some((gone, place)) = places.pop() {
            table.clear(place);
            assert_eq!(table.check(at(gone)), Overlap::None, "{gone} has gone");
            for &(n, _) in &places {
                assert_eq!(table.check(at(n)), Overlap::Exact, "{n} is in flight");
                assert_eq!(table.check(range(n * 16 + 8, 8)), Overlap::None, "behind {n}");
            }
            assert_eq!(table.in_flight(), places.len() as u64);
        }
    }
}

#[test]
fn others_than_oneself() {
    for sectors in [8, 2 * FINE, 2 * CHUNK] {
        let table = Table::new();
        let own = table.record(range(0, sectors));
        assert_eq!(table.check_others(range(0, sectors), own), Overlap::None);
        let other = table.record(range(4, 8));
        assert_eq!(table.check_others(range(0, sectors), own), Overlap::Exact);
        table.clear(other);
        let full: Vec<_> = (0..1000).map(|_| table.record(range(0, sectors))).collect();
        assert_ne!(table.check_others(range(0, sectors), own), Overlap::None);
        let last = full[999];
        full[..999].iter().for_each(|&place| table.clear(place));
        table.clear(own);
        assert_eq!(table.check_others(range(0, sectors), last), Overlap::None);
    }
}

#[test]
fn precise_enough() {
    const GB: u64 = 1 << 21;
    let load = Load { device: GB, writes: 32, write: 8, read: 8 };
    for seed in 0..5 {
        assert!(needless(&Table::new(), load, seed) <= 0.01);
        assert!(needless(&Table::new(), Load { write: 256, ..load }, seed) <= 0.01);
        // A hot region of 64 MB, as in the fio race.
        assert!(needless(&Table::new(), Load { device: GB / 16, ..load }, seed) <= 0.01);
        // Large writes there: as long as they overlap no read, they are exact.
        let large = Load { device: GB / 16, write: 2048, ..load };
        assert!(needless(&Table::new(), large, seed) <= 0.01);
    }
}

/// A sequential writer: all of its writes are in one or two granules.
#[test]
fn precise_beside_writes_in_a_row() {
    for sectors in [8, 32, 256, 2048] {
        let table = Table::new();
        let places: Vec<_> = (0..32).map(|n| table.record(range(n * sectors, 8))).collect();
        let end = 31 * sectors + 8;
        assert_eq!(table.check(range(end - 1, 8)), Overlap::Exact);
        for sector in (end..u64::from(CHUNK)).step_by(8) {
            assert_eq!(table.check(range(sector, 8)), Overlap::None, "{sectors} apart, {sector}");
        }
        places.into_iter().for_each(|place| table.clear(place));
    }
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Record(u64, u32),
    Clear(usize),
    Check(u64, u32),
}

fn span() -> impl Strategy<Value = (u64, u32)> {
    let sectors = prop_oneof![
        8 => 1..2 * FINE,
        2 => FINE..2 * CHUNK,
        1 => CHUNK..=LONGEST,
    ];
    // Few places, so that much collides; one far away.
    let sector = prop_oneof![
        4 => 0..4 * u64::from(FINE),
        4 => 0..4 * u64::from(CHUNK),
        1 => (1u64 << 46)..(1 << 48),
    ];
    (sector, sectors)
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => span().prop_map(|(s, n)| Op::Record(s, n)),
        2 => any::<usize>().prop_map(Op::Clear),
        4 => span().prop_map(|(s, n)| Op::Check(s, n)),
    ];
    proptest::collection::vec(op, 1..200)
}

/// Runs a history on a table of any size and on a list.
fn follow<const F: usize, const C: usize, const N: usize>(table: &Ranges<F, C, N>, ops: &[Op]) {
    let mut list: Vec<((u64, u32), Place)> = Vec::new();
    for &op in ops {
        match op {
            Op::Record(s, n) => list.push(((s, n), table.record(range(s, n)))),
            Op::Clear(at) if !list.is_empty() => {
                let (_, place) = list.swap_remove(at % list.len());
                table.clear(place);
            }
            Op::Clear(_) => {}
            Op::Check(s, n) => {
                let real = list.iter().any(|&(other, _)| overlap(other, (s, n)));
                match table.check(range(s, n)) {
                    Overlap::None => assert!(!real, "missed {s}+{n}"),
                    Overlap::Exact => assert!(real, "invented {s}+{n}"),
                    Overlap::Possible => assert!(!list.is_empty(), "found {s}+{n} in nothing"),
                }
            }
        }
        assert_eq!(table.in_flight(), list.len() as u64);
    }
    for (_, place) in list {
        table.clear(place);
    }
    assert!(table.is_empty());
    assert_eq!(table.in_flight(), 0);
    assert_eq!(table.check(range(0, u32::MAX)), Overlap::None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, failure_persistence: None, ..Default::default() })]

    #[test]
    fn like_a_list(ops in ops()) {
        follow(&Table::new(), &ops);
    }

    /// So small that nearly everything is full.
    #[test]
    fn like_a_list_when_full(ops in ops()) {
        follow(&Ranges::<1, 1, 1>::new(), &ops);
        follow(&Ranges::<2, 1, 4>::new(), &ops);
    }
}

/// Threads that record, check their own and clear, all in a few granules.
#[test]
fn threads_always_find_their_own() {
    let table = Ranges::<2, 2, 2>::new();
    let rounds = if cfg!(miri) { 50 } else { 20_000 };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let table = &table;
            scope.spawn(move || {
                let mut random = Random(thread);
                for _ in 0..rounds {
                    let own =
                        range(random.below(4 * u64::from(CHUNK)), random.below(2000) as u32 + 1);
                    let place = table.record(own);
                    assert_ne!(table.check(own), Overlap::None);
                    table.clear(place);
                }
            });
        }
    });
    assert!(table.is_empty());
    assert_eq!(table.in_flight(), 0);
    assert_eq!(table.check(range(0, u32::MAX)), Overlap::None);
}
