// SPDX-License-Identifier: MIT OR Apache-2.0
//! Coherence without stamps: what bcache returns against what its backing
//! device holds, byte by byte.

use super::counters;
use crate::bcache;
use crate::session::Session;
use crate::trouble::{Stop, Trouble};
use evidence::HarnessFailure;
use scenario::Volume;
use scenario::layout::DATA_OFFSET;
use std::time::{Duration, Instant};
use wire::{Answer, Device, Extent, Op};

/// Longest time for writing back what is dirty, and for one sweep.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a sweep found.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    /// Where the two differ, in 512 B sectors of the bcache device.
    pub differing: Vec<Extent>,
    /// Sectors compared.
    pub sectors: u64,
    /// What it took.
    pub took: Duration,
}

impl Sweep {
    /// 4 KiB blocks in which anything differs.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        const BLOCK: u64 = 8;
        let mut next = 0;
        let mut blocks = 0;
        for extent in &self.differing {
            let first = (extent.sector / BLOCK).max(next);
            let end = extent.range().end.div_ceil(BLOCK);
            blocks += end.saturating_sub(first);
            next = next.max(end);
        }
        blocks
    }

    /// 512 B sectors that differ.
    #[must_use]
    pub fn bad_sectors(&self) -> u64 {
        self.differing.iter().map(|extent| u64::from(extent.sectors)).sum()
    }
}

impl Session<'_> {
    /// Compares `sectors` sectors from `first` on; the whole device without a
    /// range. Nothing may be written meanwhile. Dirty data are written back
    /// first; the cache mode is the scenario's again afterwards.
    pub fn sweep(&self, range: Option<(u64, u64)>) -> Result<Sweep, Stop> {
        let guest = self.guest()?;
        let state = counters::drain(&guest, PATIENCE)?;
        // What has no cache has nothing that could differ.
        if !["clean", "no cache"].contains(&state.as_str()) {
            let text = format!("the backing device's state is {state:?}, nothing can be compared");
            return Err(Trouble::new(HarnessFailure::NotClean, text, "see the console log").into());
        }
        let (first, sectors) = match range {
            Some(range) => range,
            None => (0, guest.size(Device::Bcache, 0)?),
        };
        let began = Instant::now();
        let op = Op::Compare { first, sectors, data_offset: DATA_OFFSET };
        let pending = self.vm()?.start(op);
        let differing = match pending.wait(PATIENCE, self.cancel)? {
            Answer::Extents(extents) => extents,
            other => {
                let text = format!("unexpected answer {other:?}");
                return Err(
                    Trouble::new(HarnessFailure::GuestRefused, text, "a bug of the lab").into()
                );
            }
        };
        let took = began.elapsed();
        bcache::set_cache_mode(&guest, &[Volume::Hdd], self.scenario.bcache.cache_mode)?;
        Ok(Sweep { differing, sectors, took })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_counted_once() {
        let extent = |sector, sectors| Extent { sector, sectors };
        let blocks = |differing| Sweep { differing, ..Sweep::default() }.blocks();
        assert_eq!(blocks(vec![]), 0);
        assert_eq!(blocks(vec![extent(8, 8)]), 1);
        assert_eq!(blocks(vec![extent(8, 1), extent(10, 1), extent(15, 2)]), 2);
        assert_eq!(blocks(vec![extent(0, 1), extent(80, 17)]), 4);
    }
}
