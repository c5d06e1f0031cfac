// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ranges of sectors, as first sector and the one after the last.

use wire::Extent;

/// Ranges in ascending order, none overlapping another: those with at most `gap`
/// sectors between them become one.
pub fn joined(mut ranges: Vec<(u64, u64)>, gap: u64) -> Vec<(u64, u64)> {
    ranges.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (first, end) in ranges {
        match joined.last_mut() {
            Some(last) if first <= last.1 + gap => last.1 = last.1.max(end),
            _ => joined.push((first, end)),
        }
    }
    joined
}

/// Ranges cut into extents of at most `most` sectors.
pub fn pieces(ranges: Vec<(u64, u64)>, most: u64) -> Vec<Extent> {
    let cut = |(first, end): (u64, u64)| {
        (first..end).step_by(most as usize).map(move |sector| Extent {
            sector,
            sectors: u32::try_from((end - sector).min(most)).unwrap_or(u32::MAX),
        })
    };
    ranges.into_iter().flat_map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_becomes_one() {
        let ranges = vec![(20, 30), (0, 8), (8, 10), (22, 25), (33, 40), (44, 50)];
        assert_eq!(joined(ranges.clone(), 0), [(0, 10), (20, 30), (33, 40), (44, 50)]);
        assert_eq!(joined(ranges.clone(), 3), [(0, 10), (20, 40), (44, 50)]);
        assert_eq!(joined(ranges, 10), [(0, 50)]);
        assert_eq!(joined(vec![], 3), []);
    }

    #[test]
    fn pieces_are_as_long_as_they_may_be() {
        let extent = |sector, sectors| Extent { sector, sectors };
        let cut = pieces(vec![(10, 15), (100, 103), (7, 7)], 3);
        assert_eq!(cut, [extent(10, 3), extent(13, 2), extent(100, 3)]);
    }
}
