// SPDX-License-Identifier: MIT OR Apache-2.0

//! Nanoseconds of one thread and of two, the least of many short batches: a figure that a busy
//! machine spoils less than a mean. `cargo bench -p tracker` has the means.

use std::{
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use tracker::{
    Table,
    cells::Cells,
    inflight_range::Range,
    rivals::{Flat, Lists, Pages, Tracker, Tree},
};

/// 1 TB.
const SECTORS: u64 = 1 << 31;
/// 32 MB.
const CHUNK: u64 = 1 << 16;
/// Where the first thread writes.
const HERE: u64 = 12_345_672;

/// Samples of two threads.
const SAMPLES: usize = 1000;
/// Of these, such as are good enough.
const ENOUGH: usize = 3;
/// Records with their clears in a sample of two threads, for each of them.
const PAIRS: u32 = 2000;

fn range(sector: u64) -> Range {
    Range::new(sector, 8).expect("not empty")
}

fn pair(tracker: &impl Tracker, sector: u64) {
    let range = black_box(range(sector));
    let token = black_box(tracker.record(range));
    tracker.clear(range, token);
}

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
    let alone = least(|| pair(tracker, HERE));
    let check = || {
        black_box(tracker.check(black_box(range(HERE))));
    };
    let idle = least(check);
    let beside = range(HERE + 8);
    let token = tracker.record(beside);
    let busy = least(check);
    tracker.clear(beside, token);
    println!("| {name} | {alone:.1} | {idle:.1} | {busy:.1} |");
}

/// When a thread was at work.
type Span = (Instant, Instant);

/// Runs both threads `SAMPLES` times, each time from a common start. They may share a tracker.
fn spans<T: Tracker>(trackers: [&T; 2], sectors: [u64; 2]) -> [Vec<Span>; 2] {
    let arrived = AtomicUsize::new(0);
    let work = |tracker: &T, sector| {
        (0..SAMPLES)
            .map(|sample| {
                arrived.fetch_add(1, SeqCst);
                while arrived.load(SeqCst) < 2 * (sample + 1) {
                    // The other one may need this processor.
                    thread::yield_now();
                }
                let begin = Instant::now();
                for _ in 0..PAIRS {
                    pair(tracker, sector);
                }
                (begin, Instant::now())
            })
            .collect()
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| work(trackers[1], sectors[1]));
        [work(trackers[0], sectors[0]), other.join().expect("the other thread is fine")]
    })
}

/// Nanoseconds in which both threads get one record and its clear done, the least of the samples in
/// which they really ran side by side; `None` when there were too few of those.
fn together<T: Tracker>(trackers: [&T; 2], apart: u64) -> Option<f64> {
    let mut beside: Vec<Duration> = Vec::new();
    // On a busy machine most samples are of one thread after the other.
    for _ in 0..5 {
        let [one, two] = spans(trackers, [HERE, HERE + apart]);
        beside.extend(one.into_iter().zip(two).filter_map(
            |((begin, end), (other_begin, other_end))| {
                let all = end.max(other_end) - begin.min(other_begin);
                let both = end.min(other_end).saturating_duration_since(begin.max(other_begin));
                (both.as_secs_f64() > 0.9 * all.as_secs_f64()).then_some(all)
            },
        ));
        if beside.len() >= ENOUGH {
            return beside.iter().min().map(|time| time.as_secs_f64() * 1e9 / f64::from(PAIRS));
        }
    }
    None
}

fn two_threads<T: Tracker>(name: &str, trackers: [&T; 2]) {
    let alone = least(|| pair(trackers[0], HERE));
    // Neighbours in a granule, granules in a chunk, chunks.
    let cells: Vec<String> = [8, CHUNK / 4, 5 * CHUNK]
        .into_iter()
        .map(|apart| match together(trackers, apart) {
            Some(time) => format!("{time:.1} ({:.2})", 2.0 * alone / time),
            None => "not side by side".to_owned(),
        })
        .collect();
    println!("| {name} | {alone:.1} | {} |", cells.join(" | "));
}

fn shared(name: &str, tracker: &impl Tracker) {
    two_threads(name, [tracker, tracker]);
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
    println!();
    println!(
        "Record + clear by two threads at once, ns for one of each (times the throughput of one):"
    );
    println!("| design | one thread | neighbours | same chunk | other chunks |");
    println!("|---|---|---|---|---|");
    // What this machine's two processors can do at best.
    two_threads("a table each", [&Table::new(), &Table::new()]);
    shared("ranges", &Table::new());
    shared("cells", &Cells::new());
    shared("flat", &Flat::new(SECTORS));
    shared("pages", &Pages::new(SECTORS));
    shared("tree", &Tree::default());
    shared("lists", &Lists::default());
}
