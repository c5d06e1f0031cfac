// SPDX-License-Identifier: MIT OR Apache-2.0
//! Event logs from somebody else: whole frames with right sums, wrong inside.
//! `VDISK_FUZZ=1000000` asks for as many inputs; a failure names its seed, and
//! `VDISK_FUZZ_SEED` begins there.

use super::reader::Log;
use super::{MAGIC, encoding};
use crate::rng::Rng;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64_with_seed;

fn seeds() -> impl Iterator<Item = u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("VDISK_FUZZ_SEED").unwrap_or(0);
    first..first + number("VDISK_FUZZ").unwrap_or(20_000)
}

/// A number, often at an edge.
fn number(rng: &mut Rng, out: &mut Vec<u8>) {
    let value = match rng.below(60) {
        0 => rng.next(),
        1 => u64::MAX - rng.below(3),
        2 => u64::from(u32::MAX) + rng.below(3),
        _ => rng.below(300),
    };
    encoding::put(out, value);
}

/// Records in any order, most of them well formed.
fn batch(rng: &mut Rng) -> Vec<u8> {
    let mut out = Vec::new();
    if rng.below(8) != 0 {
        // A sound beginning, so that what follows is looked at.
        out.extend([encoding::DISK, 1]);
        encoding::put(&mut out, 4096);
        encoding::put(&mut out, 1 << 20);
        encoding::put_bytes(&mut out, b"ssd");
        out.push(encoding::CONTENT);
        out.extend(1_u128.to_le_bytes());
        encoding::put_bytes(&mut out, &[7; 4096]);
        out.push(encoding::LIFE);
    }
    for _ in 0..1 + rng.below(12) {
        match rng.below(12) {
            0 => {
                out.extend([encoding::DISK, rng.below(3) as u8]);
                number(rng, &mut out);
                number(rng, &mut out);
                encoding::put_bytes(&mut out, if rng.below(4) == 0 { b"\xff" } else { b"ssd" });
            }
            1 => {
                out.push(encoding::CONTENT);
                out.extend(u128::from(rng.below(3)).to_le_bytes());
                let length = [0, 1, 511, 512, 4096, 4097][rng.below(6) as usize];
                encoding::put_bytes(&mut out, &vec![7; length]);
            }
            2 => out.push(encoding::LIFE),
            3 => {
                out.push(encoding::PAGE);
                number(rng, &mut out);
                number(rng, &mut out);
                out.extend(u128::from(rng.below(3)).to_le_bytes());
            }
            _ => {
                out.push(encoding::EVENT);
                (0..2).for_each(|_| number(rng, &mut out));
                encoding::put(&mut out, rng.below(2));
                let kinds = if rng.below(9) == 0 { 14 } else { 11 };
                out.push(1 + rng.below(kinds) as u8);
                encoding::put(&mut out, rng.below(4));
                number(rng, &mut out);
                out.push(rng.below(6) as u8);
                (0..2).for_each(|_| number(rng, &mut out));
                let flags = rng.below(4) as u8;
                out.push(flags);
                encoding::put(&mut out, rng.below(40));
                if flags & 2 != 0 {
                    out.extend(u128::from(rng.below(3)).to_le_bytes());
                }
            }
        }
    }
    for _ in 0..rng.below(3) {
        if !out.is_empty() && rng.below(2) == 0 {
            let at = rng.below(out.len() as u64) as usize;
            out[at] = rng.next() as u8;
        }
    }
    out
}

fn log(rng: &mut Rng) -> Vec<u8> {
    let mut log = MAGIC.to_vec();
    for _ in 0..1 + rng.below(3) {
        let batch = batch(rng);
        let sum = xxh3_64_with_seed(&batch, log.len() as u64) as u32;
        log.extend((batch.len() as u32).to_le_bytes());
        log.extend(sum.to_le_bytes());
        log.extend(batch);
    }
    if rng.below(8) == 0 {
        log.truncate(rng.below(log.len() as u64 + 1) as usize);
    }
    log
}

/// Everything that a reader of the log can ask of it.
fn ask(path: &Path) -> (usize, bool) {
    let Ok(log) = Log::open(path) else { return (0, true) };
    let mut events = 0;
    for life in &log.lives {
        let _ = log.beginning(life);
        for event in &life.events {
            // What every consumer computes.
            assert!(event.sector.checked_add(event.sectors).is_some(), "{event:?}");
            let _ = log.payload(life, event.request);
            events += 1;
        }
    }
    (events, log.stop.is_some())
}

#[test]
fn no_log_of_somebody_elses_brings_the_reader_down() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let file = File::create(&path).unwrap();
    let (mut events, mut torn, mut whole) = (0, 0, 0);
    for seed in seeds() {
        let bytes = log(&mut Rng::new(seed));
        file.set_len(bytes.len() as u64).unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        let asked = std::panic::catch_unwind(|| ask(&path));
        let (found, cut) = asked.unwrap_or_else(|_| panic!("seed {seed}"));
        events += found;
        *(if cut { &mut torn } else { &mut whole }) += 1;
    }
    eprintln!("{whole} whole logs, {torn} torn, {events} events");
    assert!(whole > 100 && torn > 100 && events > 1000);
}
