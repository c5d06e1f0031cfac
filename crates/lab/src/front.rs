// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is read through bcache when the oracle asks.

use crate::guest::{Guest, GuestError};
use scenario::Volume;
use wire::{Content, Device, Extent, Run, volume};

/// Reads ranges of bcache devices, in their order. What is beyond the end of a device, which
/// may have been made smaller, or not larger yet, is as if it had never been written.
///
/// # Errors
/// The guest's errno, or its failure.
pub fn read(
    guest: &Guest<'_>,
    volumes: &[Volume],
    ranges: &[Extent],
) -> Result<Vec<Run>, GuestError> {
    // A device has the size that its disk had; only one without a disk can change.
    let changes = volumes.iter().find(|of| of.backing().is_none());
    let end = changes.map(|of| {
        let size = guest.size(Device::Bcache, of.number())?;
        Ok::<_, GuestError>((of.number(), volume::of(of.number(), size)))
    });
    let end = end.transpose()?;
    let (mut there, mut beyond) = (Vec::new(), Vec::new());
    for range in ranges {
        let ours = end.filter(|(number, _)| *number == volume::number(range.sector));
        let (within, rest) = ours.map_or((Some(*range), None), |(_, end)| split(*range, end));
        there.extend(within);
        beyond.extend(rest);
    }
    let mut runs = guest.read(Device::Bcache, there, 0)?;
    let blank = |range: Extent| Run {
        first: range.sector,
        sectors: range.sectors.into(),
        content: Content::Blank,
    };
    runs.extend(beyond.into_iter().map(blank));
    runs.sort_by_key(|run| run.first);
    Ok(runs)
}

/// The parts of a range before and behind the end of its device.
fn split(range: Extent, end: u64) -> (Option<Extent>, Option<Extent>) {
    let fits = end.saturating_sub(range.sector).min(range.sectors.into()) as u32;
    let (first, rest) = (range.sector + u64::from(fits), range.sectors - fits);
    let within = Extent { sectors: fits, ..range };
    let behind = Extent { sector: first, sectors: rest };
    ((fits > 0).then_some(within), (rest > 0).then_some(behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_parted_at_the_end_of_its_device() {
        let extent = |sector, sectors| Extent { sector, sectors };
        let parts = |end| split(extent(100, 8), end);
        assert_eq!(parts(108), (Some(extent(100, 8)), None));
        assert_eq!(parts(103), (Some(extent(100, 3)), Some(extent(103, 5))));
        for end in [0, 99, 100] {
            assert_eq!(parts(end), (None, Some(extent(100, 8))), "{end}");
        }
    }
}
