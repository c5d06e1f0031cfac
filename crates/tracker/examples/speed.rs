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
    empty::empty,
    inflight_table::range::Range,
    rivals::{Bloom, Cells, First, Flat, Lists, Pages, Tracker, Tree},
};

/// 1 TB.
const SECTORS: u64 = 1 << 31;
/// 32 MB.
const CHUNK: u64 = 1 << 16;
/// Where the first thread writes.
const HERE: u64 = 12_345_672;

/// Turns that the table and the first one take.
const ROUNDS: usize = 5;
/// Samples of two threads.
const SAMPLES: usize = 1000;
/// Of these, such as are good enough.
const ENOUGH: usize = 3;
/// Records with their clears in a sample of two threads, for each of them.
const PAIRS: u32 = 2000;

fn range(sector: u64) -> Range {
    Range::new(sector, 8).expect("not empty")
}

fn pair(tracker: &impl Tracker, sector: u64, sectors: u32) {
    let range = black_box(Range::new(sector, sectors).expect("not empty"));
    let token = black_box(tracker.record(range));
    tracker.clear(range, token);
}

/// Operations in a sample of one thread.
const BATCH: u32 = 500;

fn sample(work: &mut dyn FnMut()) -> f64 {
    let begin = Instant::now();
    for _ in 0..BATCH {
        work();
    }
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH)
}

fn least(mut work: impl FnMut()) -> f64 {
    (0..4000).map(|_| sample(&mut work)).fold(f64::MAX, f64::min)
}

/// Nanoseconds of a record with its clear, of a check with nothing in flight, and of one beside a
/// write.
fn alone(tracker: &impl Tracker, write: u32) -> [f64; 3] {
    let pair = least(|| pair(tracker, HERE, write));
    let check = || {
        black_box(tracker.check(black_box(range(HERE))));
    };
    let idle = least(check);
    let beside = range(HERE + 8);
    let token = tracker.record(beside);
    let busy = least(check);
    tracker.clear(beside, token);
    [pair, idle, busy]
}

/// The table, then the first one, then the table as a multiple of that: samples of the two take
/// turns, so that what else the machine does is the same for both.
fn compare(what: &str, write: u32) {
    let (table, first) = (empty_table(), First::default());
    let mut least = [[f64::MAX; 3]; 2];
    for _ in 0..ROUNDS {
        let figures = [alone(&table, write), alone(&first, write)];
        for (least, figures) in least.iter_mut().zip(figures) {
            least.iter_mut().zip(figures).for_each(|(least, new)| *least = least.min(new));
        }
    }
    let [table, first] = least;
    let ratios: Vec<String> = table
        .iter()
        .zip(first)
        .map(|(table, first)| format!("{table:.2} : {first:.2} = {:.2}", table / first))
        .collect();
    println!("| {what} | {} |", ratios.join(" | "));
}

fn row(name: &str, tracker: &impl Tracker) {
    let [pair, idle, busy] = alone(tracker, 8);
    println!("| {name} | {pair:.1} | {idle:.1} | {busy:.1} |");
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
                    pair(tracker, sector, 8);
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
    let alone = least(|| pair(trackers[0], HERE, 8));
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

fn empty_table() -> Table {
    empty()
}

fn main() {
    println!(
        "| the table : the first = ratio | record + clear, ns | check, idle | beside a write |"
    );
    println!("|---|---|---|---|");
    compare("4 KiB", 8);
    compare("128 KiB", 256);
    println!();
    println!("| design | record + clear, ns | check, idle, ns | check beside a write, ns |");
    println!("|---|---|---|---|");
    row("table", &empty_table());
    row("first", &First::default());
    row("cells", &Cells::new(Cells::LARGE));
    row("bloom", &Bloom::default());
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
    two_threads("a table each", [&empty_table(), &empty_table()]);
    shared("table", &empty_table());
    shared("first", &First::default());
    shared("cells", &Cells::new(Cells::LARGE));
    shared("bloom", &Bloom::default());
    shared("flat", &Flat::new(SECTORS));
    shared("pages", &Pages::new(SECTORS));
    shared("tree", &Tree::default());
    shared("lists", &Lists::default());
}
