// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads, and what the sectors hold.

use crate::devices;
use crate::direct::{self, Buffer};
use crate::failure::Failure;
use crate::stream::Stream;
use wire::{Device, Extent, Run, SECTOR, volume};

/// One request per extent, in order; runs are not joined across extents.
///
/// # Errors
/// The first read that failed.
pub fn extents(device: Device, extents: &[Extent], shift: u64) -> Result<Vec<Run>, Failure> {
    let files = devices::Opened::all(device, extents, false)?;
    let mut runs = Vec::new();
    for extent in extents {
        let mut buffer = Buffer::sectors(extent.sectors);
        let (file, sector) = files.at(extent.sector)?;
        direct::read(file, sector, &mut buffer).map_err(|failure| on(device, failure))?;
        let mut own = Vec::new();
        append_runs(&mut own, buffer.bytes(), extent.sector, shift);
        runs.append(&mut own);
    }
    Ok(runs)
}

/// One long range in large requests.
///
/// # Errors
/// The first read that failed.
pub fn sweep(device: Device, first: u64, sectors: u64, shift: u64) -> Result<Vec<Run>, Failure> {
    let stream = stream(device, first, sectors)?;
    let mut runs = Vec::new();
    while let Some(piece) = stream.next().map_err(|failure| on(device, failure))? {
        let at = volume::of(volume::number(first), piece.first);
        append_runs(&mut runs, piece.data.bytes(), at, shift);
        stream.recycle(piece);
    }
    Ok(runs)
}

/// Sectors of bcache that differ from the backing device's.
///
/// # Errors
/// The first read that failed, on either.
pub fn compare(first: u64, sectors: u64, data_offset: u64) -> Result<Vec<Extent>, Failure> {
    let (upper, lower) = (Device::Bcache, Device::Hdd);
    let above = stream(upper, first, sectors)?;
    let below = stream(lower, first + data_offset, sectors)?;
    let mut differing = Vec::new();
    loop {
        let a = above.next().map_err(|failure| on(upper, failure))?;
        let b = below.next().map_err(|failure| on(lower, failure))?;
        let (Some(a), Some(b)) = (a, b) else { return Ok(differing) };
        let at = volume::of(volume::number(first), a.first);
        append_differences(&mut differing, a.data.bytes(), b.data.bytes(), at);
        above.recycle(a);
        below.recycle(b);
    }
}

/// Reads a range of the device that `first` is of; its pieces count as that does.
fn stream(device: Device, first: u64, sectors: u64) -> Result<Stream, Failure> {
    let file = devices::open(device, volume::number(first), false)?;
    Stream::start(file, volume::within(first), sectors)
}

fn on(device: Device, failure: Failure) -> Failure {
    failure.told(|words| format!("{device:?}: {words}"))
}

/// Classifies what was read at `first`, where a stamp for bcache sector `n`
/// belongs at `n + shift`, and joins it to the runs before it.
fn append_runs(runs: &mut Vec<Run>, bytes: &[u8], first: u64, shift: u64) {
    // Below the shift (bcache's own superblock) no stamp can be at home; an
    // address that no stamp names keeps the arithmetic away from zero.
    const NOBODY: u64 = 1 << 62;
    let below = shift.saturating_sub(first).min((bytes.len() / SECTOR) as u64);
    let (head, tail) = bytes.split_at(below as usize * SECTOR);
    for (part, at, home) in
        [(head, first, NOBODY + first), (tail, first + below, (first + below).wrapping_sub(shift))]
    {
        for mut run in wire::classify_all(part, if part.is_empty() { 0 } else { home }) {
            run.first = run.first - home + at;
            match runs.last_mut() {
                Some(last) if last.continues_with(&run.content, run.first) => {
                    last.sectors += run.sectors;
                }
                _ => runs.push(run),
            }
        }
    }
}

/// Adds the sectors in which `a` and `b` differ; both were read at `first`.
fn append_differences(differing: &mut Vec<Extent>, a: &[u8], b: &[u8], first: u64) {
    // Nearly everything is equal: look at whole pages before at sectors.
    const PAGE: usize = 4096;
    let per_page = (PAGE / SECTOR) as u64;
    for ((a, b), page) in a.chunks(PAGE).zip(b.chunks(PAGE)).zip(0..) {
        if a == b {
            continue;
        }
        let start = first + page * per_page;
        for ((a, b), sector) in a.chunks(SECTOR).zip(b.chunks(SECTOR)).zip(start..) {
            if a == b {
                continue;
            }
            match differing.last_mut() {
                Some(last) if last.range().end == sector => last.sectors += 1,
                _ => differing.push(Extent { sector, sectors: 1 }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{Content, Stamp};

    fn stamps(sectors: std::ops::Range<u64>, seq: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for sector in sectors {
            let mut one = [0; SECTOR];
            Stamp { run: 1, sector, seq, writer: 2 }.write_to(&mut one);
            bytes.extend_from_slice(&one);
        }
        bytes
    }

    #[test]
    fn runs_join_across_pieces_and_shift_back() {
        let mut runs = Vec::new();
        append_runs(&mut runs, &stamps(100..108, 5), 116, 16);
        append_runs(&mut runs, &stamps(108..110, 5), 124, 16);
        let content = Content::Stamped { run: 1, seq: 5, writer: 2 };
        assert_eq!(runs, [Run { first: 116, sectors: 10, content }]);
    }

    #[test]
    fn without_the_shift_the_same_stamps_are_misplaced() {
        let mut runs = Vec::new();
        append_runs(&mut runs, &stamps(100..108, 5), 116, 0);
        assert_eq!(runs.len(), 1);
        assert!(matches!(runs[0].content, Content::Misplaced { sector: 100, .. }), "{runs:?}");
    }

    #[test]
    fn the_range_below_the_shift_has_no_home() {
        let mut bytes = vec![0; 16 * SECTOR];
        bytes.extend_from_slice(&stamps(0..2, 9));
        let mut runs = Vec::new();
        append_runs(&mut runs, &bytes, 0, 16);
        assert_eq!(runs.len(), 2);
        assert_eq!((runs[0].first, runs[0].sectors, runs[0].content), (0, 16, Content::Blank));
        assert_eq!((runs[1].first, runs[1].sectors), (16, 2));
        assert!(matches!(runs[1].content, Content::Stamped { seq: 9, .. }));
    }

    #[test]
    fn differences_are_joined_into_ranges() {
        let a = vec![0; SECTOR * 40];
        let mut b = a.clone();
        for sector in [7, 8, 9, 30] {
            b[sector * SECTOR + 511] = 1;
        }
        let mut differing = Vec::new();
        append_differences(&mut differing, &a, &b, 1000);
        let expected = [(1007, 3), (1030, 1)].map(|(sector, sectors)| Extent { sector, sectors });
        assert_eq!(differing, expected);
    }
}
