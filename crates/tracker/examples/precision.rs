// SPDX-License-Identifier: MIT OR Apache-2.0

//! Prints the table of precision in the tracker's README.

use tracker::{
    Table,
    cells::Cells,
    precision::{Load, needless},
    rivals::Flat,
};

fn main() {
    const GB: u64 = 1 << 21;
    println!("| device | writes in flight | ranges | cells | chunks alone |");
    println!("|---|---|---|---|---|");
    for (device, name) in
        [(GB / 16, "64 MB"), (GB, "1 GB"), (1000 * GB, "1 TB"), (100_000 * GB, "100 TB")]
    {
        for (writes, write, what) in [
            (32, 8, "32 × 4 KiB"),
            (32, 256, "32 × 128 KiB"),
            (32, 2048, "32 × 1 MiB"),
            (4, 1 << 18, "4 × 128 MiB"),
            (128, 8, "128 × 4 KiB"),
            (256, 8, "256 × 4 KiB"),
            (1024, 8, "1024 × 4 KiB"),
        ] {
            if u64::from(write) * 2 > device {
                continue;
            }
            let load = Load { device, writes, write, read: 8 };
            println!(
                "| {name} | {what} | {:.2} % | {:.2} % | {:.2} % |",
                100.0 * needless(&Table::new(), load, 1),
                100.0 * needless(&Cells::new(), load, 1),
                100.0 * needless(&Flat::new(device), load, 1),
            );
        }
    }
}
