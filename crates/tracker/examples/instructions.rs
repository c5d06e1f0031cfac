// SPDX-License-Identifier: MIT OR Apache-2.0

//! One operation of one design, so often: to be counted where time is too noisy.
//!
//! `valgrind --tool=callgrind` counts instructions and is not disturbed by what else the machine
//! does. The difference between two runs, divided by the difference in rounds, is the cost of one:
//!
//! ```text
//! instructions table pair 0      the start of the program
//! instructions table pair 10000  and ten thousand times record and clear
//! ```

use std::{env, hint::black_box, process::ExitCode};

use tracker::{
    Table,
    empty::empty,
    inflight_table::range::Range,
    rivals::{Bloom, Cells, First, Flat, Lists, Pages, Tracker, Tree},
};

/// 1 TB.
const SECTORS: u64 = 1 << 31;

fn range(sector: u64) -> Range {
    Range::new(sector, 8).expect("not empty")
}

/// `pair` is a record and its clear; `idle` and `busy` are checks, with nothing in flight and with
/// a write beside.
fn work<T: Tracker>(tracker: &T, what: &str, rounds: u32) -> bool {
    match what {
        "pair" => {
            for _ in 0..rounds {
                let range = black_box(range(12_345_672));
                let token = black_box(tracker.record(range));
                tracker.clear(range, token);
            }
        }
        "idle" | "busy" => {
            let beside = range(12_345_680);
            let token = (what == "busy").then(|| tracker.record(beside));
            for _ in 0..rounds {
                black_box(tracker.check(black_box(range(12_345_672))));
            }
            if let Some(token) = token {
                tracker.clear(beside, token);
            }
        }
        _ => return false,
    }
    true
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [design, what, rounds] = args.as_slice() else {
        eprintln!("usage: instructions DESIGN pair|idle|busy ROUNDS");
        return ExitCode::from(2);
    };
    let Ok(rounds) = rounds.parse() else {
        eprintln!("{rounds:?} is not a number of rounds");
        return ExitCode::from(2);
    };
    let known = match design.as_str() {
        "table" => work::<Table>(&empty(), what, rounds),
        "first" => work(&First::default(), what, rounds),
        "cells" => work(&Cells::new(Cells::LARGE), what, rounds),
        "bloom" => work(&Bloom::default(), what, rounds),
        "flat" => work(&Flat::new(SECTORS), what, rounds),
        "pages" => work(&Pages::new(SECTORS), what, rounds),
        "tree" => work(&Tree::default(), what, rounds),
        "lists" => work(&Lists::default(), what, rounds),
        _ => false,
    };
    if !known {
        eprintln!("no design {design:?}, or nothing called {what:?} to do");
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}
