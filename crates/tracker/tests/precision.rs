// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the table promises: how few misses it keeps out of the cache in vain, and its size.

use tracker::{
    Table,
    empty::empty,
    inflight_table::{
        bucket::Bucket,
        check::Overlap,
        level::{Granule, Level, WAYS, scale},
        range::Range,
    },
    precision::{GB, LOADS, Load, Random, needless},
    rivals::Flat,
};

/// 63 KB, which with a counter for each of 128 processors is less than 64 KiB.
#[test]
fn memory() {
    assert!(size_of::<Table>() + 128 * 8 <= 64 << 10, "{}", size_of::<Table>());
    assert_eq!((size_of::<Bucket>(), align_of::<Bucket>()), (64, 64), "a cache line");
}

/// The rows of the README.
#[test]
fn at_any_depth_one_percent_or_less_and_never_worse_than_chunks() {
    let table: Table = empty();
    for device in [GB / 16, GB, 1000 * GB, 100_000 * GB] {
        for &(writes, write, what) in LOADS {
            if u64::from(write) * 2 > device {
                continue;
            }
            let load = Load { device, writes, write, read: 8 };
            let (own, chunks) = (needless(&table, load, 2), needless(&Flat::new(device), load, 2));
            // Longer than a chunk is as coarse as chunks are.
            let most = if write > 1 << 16 { chunks } else { 0.01 };
            assert!(own <= most && own <= chunks, "{what}, {device}: {own}, chunks {chunks}");
        }
    }
    assert!(table.is_empty());
}

/// Sequential writers, from sectors to megabytes: their writes lie in a few granules.
#[test]
fn beside_writes_in_a_row() {
    for (count, write, apart) in [
        (32, 8, 8),
        (1024, 8, 8),
        (32, 1, 1),
        (32, 8, 32),
        (256, 8, 2048),
        (64, 256, 256),
        (64, 256, 300),
        (64, 33, 33),
        (16, 2048, 2048),
        (16, 513, 600),
        (8, 10_000, 10_000),
    ] {
        let table: Table = empty();
        let at = |n| Range::new(n * apart, write).expect("not empty");
        let places: Vec<_> = (0..count).map(|n| table.record(at(n))).collect();
        let end = (count - 1) * apart + u64::from(write);
        let read = |sector| table.check(Range::new(sector, 8).expect("not empty"));
        assert_eq!(read(end - 1), Overlap::Exact, "{count} × {write}, {apart} apart");
        for sector in (end..end + 65_536).step_by(8) {
            assert_eq!(read(sector), Overlap::None, "{count} × {write}, {apart} apart, {sector}");
        }
        (0..count).zip(places).for_each(|(n, place)| table.clear(at(n), place));
        assert!(table.is_empty());
    }
}

/// Neighbours have different homes, whatever they are called.
#[test]
fn neighbours_are_spread() {
    for level in Level::NEAR.into_iter().chain(Level::FAR) {
        for from in [0, 12_345, 1 << 33] {
            let home = |number| scale(Granule { number, level }.hash(), 960 * 7).0;
            let mut homes: Vec<usize> = (from..from + 2000).map(home).collect();
            homes.sort_unstable();
            homes.dedup();
            assert!(homes.len() >= 1900, "{level:?}, {from}: {}", homes.len());
        }
    }
    // What shares a number has a home of its own at each level.
    let same = |level| scale(Granule { number: 7, level }.hash(), 960).0;
    assert_ne!(same(Level::Small), same(Level::Medium));
}

/// Granules that share a home share few of the other buckets, and each has as many as there are.
#[test]
fn who_spills_goes_to_different_buckets() {
    let buckets = |number| -> Vec<usize> {
        let granule = Granule { number, level: Level::Small };
        let home = scale(granule.hash(), 960).0;
        let others = (1..WAYS).map(|way| scale(granule.rehash(way), 960).0);
        std::iter::once(home).chain(others).collect()
    };
    let (mut shared, mut own, mut pairs) = (0, 0, 0);
    for number in 0..4000 {
        let mine = buckets(number);
        let mut different = mine.clone();
        different.sort_unstable();
        different.dedup();
        own += different.len();
        for other in number + 1..4000 {
            let theirs = buckets(other);
            if theirs[0] == mine[0] {
                pairs += 1;
                shared += (1..WAYS).filter(|&way| mine[way] == theirs[way]).count();
            }
        }
    }
    assert!(pairs > 1000, "{pairs}");
    assert!(shared * 100 < pairs * WAYS, "{shared} of {pairs} pairs");
    assert!(own > 4000 * WAYS * 98 / 100, "{own}");
    // Ways differ for what differs in its upper bits only, too.
    let mut random = Random(1);
    let homes: Vec<_> = (0..1000).map(|_| buckets(random.below(1 << 40) << 12)).collect();
    for way in 0..WAYS {
        let mut different: Vec<_> = homes.iter().map(|home| home[way]).collect();
        different.sort_unstable();
        different.dedup();
        assert!(different.len() > 500, "way {way}: {}", different.len());
    }
}

/// A hash that is cut down to a place keeps what tells those apart who share it.
#[test]
fn what_scaling_leaves_is_spread() {
    let mut left = [0; 7];
    for number in 0..70_000 {
        let (place, rest) = scale(Granule { number, level: Level::Small }.hash(), 960);
        assert!(place < 960);
        left[scale(rest, 7).0] += 1;
    }
    assert!(left.into_iter().all(|count| (9_000..11_000).contains(&count)), "{left:?}");
}
