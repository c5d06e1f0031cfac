// SPDX-License-Identifier: MIT OR Apache-2.0

//! The table against a list of what is in flight: it never misses one, says "exact" only when it
//! is, is as precise as it has to be, and is empty again when all are gone.

use proptest::prelude::*;
use tracker::{
    empty::empty,
    inflight_table::{
        check::Overlap,
        level::Level,
        place::{Half, Place},
        range::{CHUNK_SHIFT, Range},
        table,
    },
    precision::Random,
};

type Table = tracker::Table;

const SMALL: u32 = 1 << Level::Small.shift();
const MEDIUM: u32 = 1 << Level::Medium.shift();
const LARGE: u32 = 1 << Level::Large.shift();
const CHUNK: u32 = 1 << CHUNK_SHIFT;
const WIDE: u32 = 1 << Level::Wide.shift();
/// The longest bio: its length in bytes has 32 bits.
const LONGEST: u32 = u32::MAX >> 9;
/// One of each level, and one that has none.
const LENGTHS: [u32; 6] = [8, 256, 2048, 20_000, LONGEST, WIDE + 8];

fn range(sector: u64, sectors: u32) -> Range {
    Range::new(sector, sectors).expect("not empty")
}

/// Two granules of every level on either side of a border of all levels, and of the device's start.
const BORDER: u64 = 4 << 23;

fn overlap(a: (u64, u32), b: (u64, u32)) -> bool {
    a.0 < b.0 + u64::from(b.1) && b.0 < a.0 + u64::from(a.1)
}

/// Records, checks all around the edges, clears.
fn edges(sector: u64, sectors: u32) {
    let table: Table = empty();
    let own = range(sector, sectors);
    let place = table.record(own);
    let end = sector + u64::from(sectors);
    let found = if sectors <= CHUNK { Overlap::Exact } else { Overlap::Possible };
    for at in [sector, end - 1, sector + u64::from(sectors) / 2] {
        assert_eq!(table.check(range(at, 1)), found, "{sector}+{sectors} at {at}");
    }
    // By the last sector of the read, and by its first.
    for long in [2, SMALL, MEDIUM, LARGE, CHUNK] {
        let before = u64::from(long) - 1;
        if sector >= before {
            assert_eq!(table.check(range(sector - before, long)), found, "{sector}+{sectors}");
        }
        assert_eq!(table.check(range(end - 1, long)), found, "{sector}+{sectors}");
    }
    // Just outside: exactly nothing up to a chunk's length, nothing beyond the chunk after that.
    let slack = if sectors <= CHUNK { 1 } else { u64::from(CHUNK) };
    if sector >= slack {
        assert_eq!(table.check(range(sector - slack, 1)), Overlap::None, "{sector}+{sectors}");
    }
    assert_eq!(table.check(range(end + slack - 1, 1)), Overlap::None, "{sector}+{sectors}");
    assert_eq!(table.in_flight(), 1);
    table.clear(own, place);
    assert!(table.is_empty());
    assert_eq!(table.check(own), Overlap::None);
}

#[test]
fn borders() {
    let around = |len: u32| [len - 1, len, len + 1];
    let lengths = [SMALL, MEDIUM, LARGE, CHUNK].into_iter().flat_map(around);
    let lengths: Vec<u32> = lengths.chain([1, 2, 7, 8, 257, 2049, LONGEST]).collect();
    let borders = [SMALL, MEDIUM, LARGE, CHUNK].map(u64::from);
    for border in borders.into_iter().chain([0, BORDER, 100 << 31, (1 << 45) - (1 << 24)]) {
        for &sectors in &lengths {
            for before in [0, 1, 8, u64::from(sectors) - 1, u64::from(sectors)] {
                if before <= border {
                    edges(border - before, sectors);
                }
            }
        }
    }
}

/// Each level up to its own length, and the lowest two are always looked at.
#[test]
fn levels() {
    use Level::{Huge, Large, Medium, Small, Wide};

    let bounds = [(Small, SMALL), (Medium, MEDIUM), (Large, LARGE), (Huge, CHUNK), (Wide, WIDE)];
    let next = bounds.iter().skip(1).map(|&(level, _)| Some(level)).chain([None]);
    for ((level, most), next) in bounds.into_iter().zip(next) {
        assert_eq!(Level::of(range(7, most)), Some(level));
        assert_eq!(Level::of(range(7, most + 1)), next);
        let near = level <= Medium;
        assert_eq!((level.is_near(), Level::near(range(7, most)).is_some()), (near, near));
    }
}

#[test]
fn no_length_is_no_range() {
    assert_eq!(Range::new(0, 0), None);
    assert_eq!(Range::new(u64::MAX, 0), None);
    assert_eq!(range(5, 1).sectors(), 1);
    assert_eq!(range(u64::MAX, 9).sectors(), 1, "as far as there are numbers");
}

#[test]
fn a_sector_beyond_what_a_slot_holds_is_counted() {
    assert_eq!(edge_of_words((1 << 45) - 8), Overlap::Exact);
    for sector in [1 << 45, 1 << 60, u64::MAX - 8] {
        assert_eq!(edge_of_words(sector), Overlap::Possible);
    }
}

fn edge_of_words(sector: u64) -> Overlap {
    let table: Table = empty();
    let own = range(sector, 8);
    let place = table.record(own);
    let found = table.check(own);
    assert_eq!(table.check_others(own, place), Overlap::None);
    assert_eq!(table.in_flight(), 1);
    table.clear(own, place);
    assert!(table.is_empty());
    found
}

/// More writes than 16 bits count, all in one chunk, then all of one range.
#[test]
fn more_than_65535_in_flight() {
    for spread in [8, 0] {
        let table: Table = empty();
        let at = |n: u64| range(n % 1000 * spread, 8);
        let places: Vec<Place> = (0..200_000).map(|n| table.record(at(n))).collect();
        assert_eq!(table.in_flight(), 200_000);
        for (n, place) in places.into_iter().enumerate() {
            assert_ne!(table.check(at(n as u64)), Overlap::None, "write {n} is in flight");
            table.clear(at(n as u64), place);
        }
        assert!(table.is_empty());
        assert_eq!(table.check(range(0, 8)), Overlap::None);
    }
}

/// More writes of one length than there are slots for, all around one border: whatever finds no slot
/// is found all the same, by its first and by its last sector, also by a read that overlaps it in
/// the last granule that it touches, and nothing else is found a granule or more away.
#[test]
fn more_of_a_length_than_slots() {
    for sectors in LENGTHS {
        let table: Table = empty();
        // They cross the border, end there, begin there.
        let starts = [sectors / 2, sectors, 0].map(|before| BORDER - u64::from(before));
        let mut all = Vec::new();
        for n in 0..300 {
            let own = range(starts[n % 3], sectors);
            all.push((own, table.record(own)));
        }
        assert_eq!(table.in_flight(), 300);
        while let Some((own, place)) = all.pop() {
            let (first, last) = own.units(0);
            assert_ne!(table.check(range(first, 1)), Overlap::None, "{sectors}");
            assert_ne!(table.check(range(last, 1)), Overlap::None, "{sectors}");
            for long in [SMALL, MEDIUM, LARGE, CHUNK] {
                let before = u64::from(long) - 1;
                assert_ne!(table.check(range(first - before, long)), Overlap::None, "{sectors}");
                assert_ne!(table.check(range(last, long)), Overlap::None, "{sectors}");
            }
            table.clear(own, place);
            assert_eq!(table.in_flight(), all.len() as u64);
        }
        assert!(table.is_empty(), "{sectors}");
    }
}

/// What clearing twice would do: why C's side makes sure of once.
#[test]
fn clearing_twice_loses_somebody_else() {
    let table: Table = empty();
    let first = table.record(range(0, 8));
    table.clear(range(0, 8), first);
    let second = table.record(range(8, 8));
    table.clear(range(0, 8), first);
    assert_eq!(first, second, "the slot was reused");
    assert_eq!(table.check(range(8, 8)), Overlap::None, "and its new owner forgotten");
}

/// Writes of one granule, of which only one is at home, and then so many that they spill: each is
/// exact, whoever goes first.
#[test]
fn those_away_from_home_are_exact_whoever_goes_first() {
    for (count, sectors) in [(4, 2), (30, 1), (30, 17), (30, 300), (12, 600_000)] {
        // With 20 those go last who have spilled, and nobody is left in their home's bucket.
        for skip in [0, 1, 3, 20] {
            let table: Table = empty();
            // Twice that apart, so that the gaps can be seen; more granules for the longer ones.
            let at = |n: u64| range(n * 2 * u64::from(sectors), sectors);
            let mut own: Vec<_> = (0..count).map(|n| (n, table.record(at(n)))).collect();
            own.rotate_left(skip % count as usize);
            let exact = if sectors <= CHUNK { Overlap::Exact } else { Overlap::Possible };
            while let Some((gone, place)) = own.pop() {
                table.clear(at(gone), place);
                if sectors <= CHUNK {
                    assert_eq!(table.check(at(gone)), Overlap::None, "{gone} of {sectors} is gone");
                }
                for &(n, place) in &own {
                    assert_eq!(table.check(at(n)), exact, "{n} of {sectors} is in flight");
                    if sectors <= CHUNK {
                        assert_eq!(table.check_others(at(n), place), Overlap::None);
                        let behind = range(at(n).units(0).1 + 1, 1);
                        assert_eq!(table.check(behind), Overlap::None, "behind {n} of {sectors}");
                    }
                }
                assert_eq!(table.in_flight(), own.len() as u64);
            }
            assert!(table.is_empty());
        }
    }
}

#[test]
fn others_than_oneself() {
    for sectors in LENGTHS {
        for start in [0, BORDER - u64::from(sectors) / 2] {
            let table: Table = empty();
            let own_range = range(start, sectors);
            let own = table.record(own_range);
            assert_eq!(table.check_others(own_range, own), Overlap::None, "{sectors}");
            let other_range = range(start + 4, 8);
            let other = table.record(other_range);
            assert_eq!(table.check_others(own_range, own), Overlap::Exact, "{sectors}");
            table.clear(other_range, other);
            let full: Vec<_> = (0..1000).map(|_| table.record(own_range)).collect();
            assert_ne!(table.check_others(own_range, own), Overlap::None, "{sectors}");
            let last = full[999];
            assert_ne!(table.check_others(own_range, last), Overlap::None, "{sectors}");
            full[..999].iter().for_each(|&place| table.clear(own_range, place));
            table.clear(own_range, own);
            assert_eq!(table.check_others(own_range, last), Overlap::None, "{sectors}");
            table.clear(own_range, last);
            assert!(table.is_empty());
        }
    }
}

/// A check of a very long range goes over the whole table at once.
#[test]
fn long_checks() {
    for sectors in LENGTHS {
        for long in [WIDE / 512, WIDE / 256, LONGEST, u32::MAX] {
            let table: Table = empty();
            let at = 3 << 23;
            let own = range(at + 5, sectors);
            let place = table.record(own);
            let wanted = if sectors <= CHUNK { Overlap::Exact } else { Overlap::Possible };
            let chunk = u64::from(CHUNK);
            assert_eq!(table.check(range(at, long)), wanted, "{sectors} in {long}");
            let last = own.units(0).1;
            assert_eq!(table.check(range(last, long)), wanted, "{sectors} in {long}");
            assert_eq!(table.check_others(range(at, long), place), Overlap::None);
            if sectors <= WIDE {
                assert_eq!(table.check(range(last + chunk, long)), Overlap::None, "{sectors}");
            }
            if u64::from(long) < at - chunk {
                let before = range(at - chunk - u64::from(long), long);
                let far = if sectors <= WIDE { Overlap::None } else { wanted };
                assert_eq!(table.check(before), far, "{sectors}");
            }
            // Something exact is said before something possible, wherever the two are.
            let exact = table.record(range(at + 8, 8));
            assert_eq!(table.check(range(at, long)), Overlap::Exact, "{sectors} in {long}");
            table.clear(range(at + 8, 8), exact);
            table.clear(own, place);
            assert_eq!(table.check(range(at, long)), Overlap::None, "{sectors} in {long}");
        }
    }
}

/// What has found no slot is found by checks of any length, in each chunk that it touches.
#[test]
fn long_checks_of_a_full_table() {
    for sectors in LENGTHS.into_iter().chain([CHUNK]) {
        for before in [0, sectors / 2] {
            let table = empty::<1, 64>();
            let at = BORDER - u64::from(before);
            let own = range(at, sectors);
            let end = own.units(0).1;
            let places: Vec<_> = (0..20).map(|_| table.record(own)).collect();
            // The last to come has found no slot: it is alone at last.
            places[..19].iter().for_each(|&place| table.clear(own, place));
            for long in [1, SMALL, LARGE, CHUNK, LONGEST] {
                assert_eq!(table.check(range(at, long)), Overlap::Possible, "{sectors} in {long}");
                assert_eq!(table.check(range(end, long)), Overlap::Possible, "{sectors} in {long}");
                let others = table.check_others(range(at, long), places[19]);
                assert_eq!(others, Overlap::None, "{sectors}");
            }
            // By its last chunk, too.
            let across = range(at - u64::from(CHUNK), CHUNK + 1);
            assert_eq!(table.check(across), Overlap::Possible, "{sectors}");
            // Up to a chunk's length it counts for its own chunks only, as far as counters go.
            let free = |n| table.check(range(at + n * u64::from(CHUNK), 1)) == Overlap::None;
            assert_eq!((200..240).any(free), sectors <= CHUNK, "{sectors}");
            table.clear(own, places[19]);
            assert!(table.is_empty());
        }
    }
}

/// What a check and a clear cost hangs on it: each slot is some granule's home.
#[test]
fn most_writes_are_at_home() {
    let table: Table = empty();
    let record = |n| table.record(range(n * u64::from(SMALL), 8));
    let at_home = (0..3000).filter(|&n| record(n).only_home().is_some()).count();
    assert!(at_home > 2000, "{at_home}");
}

/// A home is cleared at once, all else with what belongs to it.
#[test]
fn places() {
    assert_eq!(Place::home(9).only_home(), Some(9));
    for half in [Half::Home(9), Half::Stray(9), Half::Spilled(9), Half::Counted(9)] {
        for other in [Half::Nowhere, Half::Home(7), Half::Everywhere] {
            assert_eq!(Place::new(half, other).halves(), [half, other]);
            assert_eq!(Place::new(half, other).only_home(), None);
        }
    }
    assert_eq!(Place::NOWHERE.only_home(), None);
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Record(u64, u32),
    Clear(usize),
    Check(u64, u32),
}

fn span() -> impl Strategy<Value = (u64, u32)> {
    let sectors = prop_oneof![
        8 => 1..2 * SMALL,
        4 => SMALL..2 * MEDIUM,
        2 => MEDIUM..2 * CHUNK,
        1 => CHUNK..=LONGEST,
    ];
    // Few places, so that much collides; one far away.
    let sector = prop_oneof![
        4 => 0..4 * u64::from(SMALL),
        4 => 0..4 * u64::from(MEDIUM),
        4 => 0..4 * u64::from(CHUNK),
        1 => BORDER - u64::from(CHUNK)..BORDER + u64::from(CHUNK),
        1 => (1u64 << 44)..(1 << 46),
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
fn follow<const B: usize, const C: usize>(table: &table::Table<B, C>, ops: &[Op]) {
    let mut list: Vec<((u64, u32), Place)> = Vec::new();
    let real = |list: &[((u64, u32), Place)], s, n| list.iter().any(|&(o, _)| overlap(o, (s, n)));
    for &op in ops {
        match op {
            Op::Record(s, n) => {
                let place = table.record(range(s, n));
                let others = table.check_others(range(s, n), place) != Overlap::None;
                assert!(others || !real(&list, s, n), "missed beside {s}+{n}");
                assert!(!others || !list.is_empty(), "{s}+{n} found itself");
                list.push(((s, n), place));
            }
            Op::Clear(at) if !list.is_empty() => {
                let ((s, n), place) = list.swap_remove(at % list.len());
                table.clear(range(s, n), place);
            }
            Op::Clear(_) => {}
            Op::Check(s, n) => {
                let real = real(&list, s, n);
                match table.check(range(s, n)) {
                    Overlap::None => assert!(!real, "missed {s}+{n}"),
                    Overlap::Exact => assert!(real, "invented {s}+{n}"),
                    Overlap::Possible => assert!(!list.is_empty(), "found {s}+{n} in nothing"),
                }
            }
        }
        assert_eq!(table.in_flight(), list.len() as u64);
    }
    for ((s, n), place) in list {
        table.clear(range(s, n), place);
    }
    assert!(table.is_empty());
    assert_eq!(table.in_flight(), 0);
    assert_eq!(table.check(range(0, u32::MAX)), Overlap::None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, failure_persistence: None, ..Default::default() })]

    #[test]
    fn like_a_list(ops in ops()) {
        follow::<960, 256>(&empty(), &ops);
    }

    /// So small that nearly everything is full.
    #[test]
    fn like_a_list_when_full(ops in ops()) {
        follow::<1, 1>(&empty(), &ops);
        follow::<3, 4>(&empty(), &ops);
    }
}

/// Threads that record, check their own and clear, all in a few granules.
#[test]
fn threads_always_find_their_own() {
    let table = empty::<4, 2>();
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
                    table.clear(own, place);
                }
            });
        }
    });
    assert!(table.is_empty());
    assert_eq!(table.check(range(0, u32::MAX)), Overlap::None);
}
