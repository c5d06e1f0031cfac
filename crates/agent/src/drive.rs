// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests and nothing else: what is measured is theirs.

use crate::devices;
use crate::direct::{self, Buffer};
use crate::failure::Failure;
use wire::{Device, Extent};

/// One request per extent, in order, out of and into the same memory.
///
/// # Errors
/// The first request that failed.
pub fn run(device: Device, write: bool, extents: &[Extent]) -> Result<(), Failure> {
    let files = devices::Opened::all(device, extents, write)?;
    let longest = extents.iter().map(|extent| extent.sectors).max().unwrap_or(0);
    let mut buffer = Buffer::sectors(longest);
    for extent in extents {
        buffer.set_len(extent.sectors as usize * wire::SECTOR);
        let (file, sector) = files.at(extent.sector)?;
        if write {
            direct::write(file, sector, &mut buffer, false)?;
        } else {
            direct::read(file, sector, &mut buffer)?;
        }
    }
    Ok(())
}
