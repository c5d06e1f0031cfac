// SPDX-License-Identifier: MIT OR Apache-2.0

//! Prints the table of precision in the tracker's README.

use tracker::{
    Table,
    empty::empty,
    precision::{GB, LOADS, Load, needless},
    rivals::{Bloom, Cells, First, Flat, Larger},
};

fn main() {
    println!(
        "| device | writes in flight | table | first | first, 63 KB | cells | bloom | chunks |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let table: Table = empty();
    for (device, name) in
        [(GB / 16, "64 MB"), (GB, "1 GB"), (1000 * GB, "1 TB"), (100_000 * GB, "100 TB")]
    {
        for &(writes, write, what) in LOADS {
            if u64::from(write) * 2 > device {
                continue;
            }
            let load = Load { device, writes, write, read: 8 };
            let figures = [
                needless(&table, load, 1),
                needless(&First::default(), load, 1),
                needless(&Larger::default(), load, 1),
                needless(&Cells::new(Cells::LARGE), load, 1),
                needless(&Bloom::default(), load, 1),
                needless(&Flat::new(device), load, 1),
            ];
            let cells = figures.map(|share| format!("{:.2} %", 100.0 * share)).join(" | ");
            println!("| {name} | {what} | {cells} |");
        }
    }
}
