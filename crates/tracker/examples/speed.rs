// SPDX-License-Identifier: MIT OR Apache-2.0

//! Nanoseconds of one thread, the least of many short batches: a figure that a busy machine
//! spoils less than a mean. `cargo bench -p tracker` has the means, and two threads.

use std::{hint::black_box, time::Instant};

use tracker::{
    Table,
    cells::Cells,
    ranges::Range,
    rivals::{Flat, Lists, Pages, Tracker, Tree},
};

/// 1 TB.
const SECTORS: u64 = 1 << 31;

fn least(mut work: impl FnMut()) -> f64 {
    const BATCH: u32 = 500;
    let batch = |work: &mut dyn FnMut()| {
        let begin = Instant::now();
        for _ in 0..BATCH {
            work();
        }
        begin.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH)
    };
    (0..4000).map(|_| batch(&mut work)).fold(f64::MAX, f64::min)
}

fn row(name: &str, tracker: &impl Tracker) {
    let range = |sector| Range::new(sector, 8).expect("not empty");
    let pair = least(|| {
        let range = black_box(range(12_345_672));
        let token = black_box(tracker.record(range));
        tracker.clear(range, token);
    });
    let idle = least(|| {
        black_box(tracker.check(black_box(range(12_345_672))));
    });
    let token = tracker.record(range(12_345_680));
    let busy = least(|| {
        black_box(tracker.check(black_box(range(12_345_672))));
    });
    tracker.clear(range(12_345_680), token);
    println!("| {name} | {pair:.1} | {idle:.1} | {busy:.1} |");
}

fn main() {
    println!("| design | record + clear, ns | check, idle, ns | check beside a write, ns |");
    println!("|---|---|---|---|");
    row("ranges", &Table::new());
    row("cells", &Cells::new());
    row("flat", &Flat::new(SECTORS));
    row("pages", &Pages::new(SECTORS));
    row("tree", &Tree::default());
    row("lists", &Lists::default());
}
