// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tracker against other designs: a record with its clear, a check, and two threads at once.
//!
//! Locks are those of user space: the kernel's also switch interrupts off.

use std::{hint::black_box, sync::Barrier, thread, time::Instant};

use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use tracker::{
    Table,
    empty::empty,
    inflight_table::range::Range,
    rivals::{Bloom, Cells, First, Flat, Lists, Pages, Tracker, Tree},
};

/// 1 TB.
const SECTORS: u64 = 1 << 31;
/// 32 MB.
const CHUNK: u64 = 1 << 16;

fn range(sector: u64) -> Range {
    Range::new(sector, 8).expect("not empty")
}

fn one_thread(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, tracker: &impl Tracker) {
    group.bench_function(format!("{name}/record+clear"), |b| {
        b.iter(|| {
            let range = black_box(range(12_345_672));
            let token = tracker.record(range);
            tracker.clear(range, token);
        });
    });
    group.bench_function(format!("{name}/check, idle"), |b| {
        b.iter(|| tracker.check(black_box(range(12_345_672))));
    });
    let busy = range(12_345_680);
    let token = tracker.record(busy);
    group.bench_function(format!("{name}/check, busy"), |b| {
        b.iter(|| tracker.check(black_box(range(12_345_672))));
    });
    tracker.clear(busy, token);
}

/// Time per pair of each thread, both at work.
fn two_threads(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    tracker: &impl Tracker,
    apart: u64,
) {
    group.bench_function(format!("{name}/two threads, {} apart", apart / CHUNK), |b| {
        b.iter_custom(|rounds| {
            let start = Barrier::new(2);
            let work = |sector| {
                start.wait();
                let begin = Instant::now();
                for _ in 0..rounds {
                    let range = black_box(range(sector));
                    let token = tracker.record(range);
                    tracker.clear(range, token);
                }
                begin.elapsed()
            };
            thread::scope(|scope| {
                let other = scope.spawn(|| work(CHUNK / 2));
                let mine = work(CHUNK / 2 + 8 + apart);
                mine.max(other.join().expect("the other thread is fine"))
            })
        });
    });
}

fn all<T: Tracker>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, tracker: &T) {
    one_thread(group, name, tracker);
    two_threads(group, name, tracker, 0);
    two_threads(group, name, tracker, 5 * CHUNK);
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("tracker");
    all::<Table>(&mut group, "table", &empty());
    all(&mut group, "first", &First::default());
    all(&mut group, "cells", &Cells::new(Cells::LARGE));
    all(&mut group, "bloom", &Bloom::default());
    all(&mut group, "flat", &Flat::new(SECTORS));
    all(&mut group, "pages", &Pages::new(SECTORS));
    all(&mut group, "tree", &Tree::default());
    all(&mut group, "lists", &Lists::default());
    group.finish();
}
