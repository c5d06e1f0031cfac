// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which bar goes where: requests of one disk that overlap stand side by side.

use super::model::{Bar, Lane, Timeline};

/// Columns of every lane.
pub(super) struct Layout {
    /// Column of each bar, counted from 0 over all lanes.
    pub column: Vec<usize>,
    /// First column and number of columns of each of [`Lane::DRAWN`].
    pub lanes: [(usize, usize); 3],
}

impl Layout {
    pub fn columns(&self) -> usize {
        self.lanes.iter().map(|(_, width)| width).sum()
    }
}

/// More at once than this share the last column.
const WIDEST: usize = 6;

pub(super) fn layout(line: &Timeline) -> Layout {
    let mut column = vec![0; line.bars.len()];
    let mut lanes = [(0, 0); 3];
    let mut first = 0;
    for (number, lane) in Lane::DRAWN.into_iter().enumerate() {
        // Row after the last one that a column is taken in.
        let mut free: Vec<usize> = Vec::new();
        let mut of_lane: Vec<(usize, &Bar)> =
            line.bars.iter().enumerate().filter(|(_, bar)| bar.lane == lane).collect();
        of_lane.sort_by_key(|(_, bar)| bar.from);
        for (at, bar) in of_lane {
            let open = free.iter().position(|&row| row <= bar.from);
            let place = open.unwrap_or_else(|| {
                if free.len() < WIDEST {
                    free.push(0);
                }
                free.len() - 1
            });
            free[place] = bar.to + 1;
            column[at] = first + place;
        }
        let width = free.len().max(1);
        lanes[number] = (first, width);
        first += width;
    }
    Layout { column, lanes }
}

#[cfg(test)]
mod tests {
    use super::super::model::Tone;
    use super::*;

    fn bar(lane: Lane, from: usize, to: usize) -> Bar {
        let label = String::new();
        Bar { lane, tone: Tone::Read, from, to, ended: true, held: None, label }
    }

    #[test]
    fn what_overlaps_stands_side_by_side_and_columns_are_used_again() {
        let bars = vec![
            bar(Lane::Hdd, 0, 9),
            bar(Lane::Hdd, 3, 5),
            bar(Lane::Hdd, 6, 7),
            bar(Lane::Ssd, 1, 2),
        ];
        let found = layout(&Timeline { bars, ..Timeline::default() });
        assert_eq!(found.lanes, [(0, 1), (1, 1), (2, 2)]);
        assert_eq!(found.column, [2, 3, 3, 1]);
    }
}
