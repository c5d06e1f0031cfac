// SPDX-License-Identifier: MIT OR Apache-2.0
//! Block devices by their role.

use crate::failure::{Doing, Failure};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::ioctl;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use wire::{Device, Extent, SECTOR, volume};

/// The node of a device, the first or another one of its kind.
///
/// # Errors
/// It is not there; says what is.
pub fn path(device: Device, number: u64) -> Result<PathBuf, Failure> {
    match (device, number) {
        (Device::Bcache, _) => {
            let path = format!("/dev/bcache{number}");
            if Path::new(&path).exists() {
                return Ok(path.into());
            }
            let why = format!("{path} is not there: is the backing device registered?");
            Err(Failure::with(why, Errno::NXIO))
        }
        (Device::Ssd, _) => by_serial("ssd"),
        (Device::Hdd, 0) => by_serial("hdd"),
        (Device::Hdd, _) => by_serial(&format!("hdd{}", number + 1)),
    }
}

fn by_serial(wanted: &str) -> Result<PathBuf, Failure> {
    let mut seen = Vec::new();
    for entry in fs::read_dir("/sys/block").doing(|| "listing /sys/block".into())?.flatten() {
        let serial = fs::read_to_string(entry.path().join("serial")).unwrap_or_default();
        let name = entry.file_name();
        if serial.trim_end() == wanted {
            return Ok(Path::new("/dev").join(name));
        }
        seen.push(format!("{}={:?}", name.to_string_lossy(), serial.trim_end()));
    }
    seen.sort();
    Err(Failure::new(format!(
        "no disk with the virtio serial {wanted:?} (there are: {})",
        seen.join(", ")
    )))
}

/// Opened for O_DIRECT. Not kept open between requests: a scenario may stop
/// the bcache device, which waits for its last user.
///
/// # Errors
/// As [`path`], or `open(2)`.
pub fn open(device: Device, number: u64, write: bool) -> Result<File, Failure> {
    let path = path(device, number)?;
    File::options()
        .read(true)
        .write(write)
        .custom_flags(OFlags::DIRECT.bits().cast_signed())
        .open(&path)
        .doing(|| format!("opening {}", path.display()))
}

/// The devices of a kind that some requests go to, open.
pub struct Opened(Vec<(u64, File)>);

impl Opened {
    /// Those that `extents` are of.
    ///
    /// # Errors
    /// As [`open`].
    pub fn all(device: Device, extents: &[Extent], write: bool) -> Result<Self, Failure> {
        let mut numbers: Vec<u64> =
            extents.iter().map(|extent| volume::number(extent.sector)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let each = numbers.into_iter().map(|n| open(device, n, write).map(|file| (n, file)));
        each.collect::<Result<_, _>>().map(Self)
    }

    /// The device that `sector` is of, and the sector as it counts.
    ///
    /// # Errors
    /// It was not opened.
    pub fn at(&self, sector: u64) -> Result<(&File, u64), Failure> {
        let number = volume::number(sector);
        let found = self.0.iter().find(|(other, _)| *other == number);
        let (_, file) = found.ok_or_else(|| Failure::new(format!("device {number} is closed")))?;
        Ok((file, volume::within(sector)))
    }
}

/// `fdatasync(2)`.
///
/// # Errors
/// As [`open`], or the flush.
pub fn flush(device: Device, number: u64) -> Result<(), Failure> {
    let file = open(device, number, true)?;
    file.sync_data().doing(|| format!("flushing {device:?}"))
}

/// Size in sectors.
///
/// # Errors
/// As [`open`].
pub fn size(device: Device, number: u64) -> Result<u64, Failure> {
    let mut file = open(device, number, false)?;
    let bytes =
        file.seek(SeekFrom::End(0)).doing(|| format!("asking for the size of {device:?}"))?;
    Ok(bytes / SECTOR as u64)
}

const BLKDISCARD: ioctl::Opcode = ioctl::opcode::none(0x12, 119);

/// `BLKDISCARD`.
///
/// # Errors
/// As [`open`], or the discard: EOPNOTSUPP where the device cannot.
pub fn discard(device: Device, extent: Extent) -> Result<(), Failure> {
    let file = open(device, volume::number(extent.sector), true)?;
    let sector = SECTOR as u64;
    let range = [volume::within(extent.sector) * sector, u64::from(extent.sectors) * sector];
    // SAFETY: BLKDISCARD reads two u64 (start and length in bytes) from its
    // argument and writes nothing.
    let result = unsafe { ioctl::ioctl(&file, ioctl::Setter::<BLKDISCARD, [u64; 2]>::new(range)) };
    result.doing(|| {
        format!("discarding {} sectors at {} of {device:?}", extent.sectors, extent.sector)
    })
}

const BLKFLSBUF: ioctl::Opcode = ioctl::opcode::none(0x12, 97);

/// Writes back and forgets the page cache of every virtual disk. Not through
/// `drop_caches`: a kernel without CONFIG_SYSCTL has none.
///
/// # Errors
/// A disk cannot be opened, or refuses.
pub fn drop_caches() -> Result<(), Failure> {
    for entry in fs::read_dir("/sys/block").doing(|| "listing /sys/block".into())?.flatten() {
        let name = entry.file_name();
        if !name.to_string_lossy().starts_with("vd") {
            continue;
        }
        let path = Path::new("/dev").join(name);
        let file = File::open(&path).doing(|| format!("opening {}", path.display()))?;
        // SAFETY: BLKFLSBUF takes no argument.
        let result = unsafe { ioctl::ioctl(&file, ioctl::NoArg::<BLKFLSBUF>::new()) };
        result.doing(|| format!("dropping the cache of {}", path.display()))?;
    }
    Ok(())
}
