// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads a log back. Contents stay in the file until they are asked for.

use super::encoding::{self, Batch, Before, MAGIC};
use super::stop::{Stop, Why};
use crate::event::Event;
use crate::media::{Media, PAGE_SECTORS};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be read.
    #[error("cannot read the event log {path}: {source}")]
    Io {
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Not a log, or of another version.
    #[error("{0} is not an event log of this version")]
    Foreign(PathBuf),
}

/// A disk as the log describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedDisk {
    pub name: Arc<str>,
    /// Its size in sectors.
    pub sectors: u64,
    /// Whether it has a volatile cache.
    pub volatile_cache: bool,
    /// How many bytes that cache holds.
    pub cache_bytes: u64,
}

/// Larger disks (16 EiB) and more of them are not of this lab.
const MOST_SECTORS: u64 = 1 << 55;
const MOST_DISKS: usize = 64;
/// Bytes of a page's content.
const PAGE: u32 = PAGE_SECTORS as u32 * 512;

/// Where a content is in the file.
type Place = (u64, u32);

/// What happened from one settled state of the disks to the next: a power
/// cut, a reset, a restored snapshot, or the log's end.
#[derive(Clone, Debug, Default)]
pub struct Life {
    pages: Vec<(usize, u64, u128)>,
    /// The events, in order. A cut is the last event of the life it ends.
    pub events: Vec<Event>,
    contents: HashMap<u64, u128>,
}

/// A log in memory, but for the contents.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    /// The disks, in the order of the rig's specifications.
    pub disks: Vec<LoggedDisk>,
    /// The lives, in order.
    pub lives: Vec<Life>,
    /// Where and why reading ended before the file's end; `None` for a whole
    /// log.
    pub stop: Option<Stop>,
    contents: HashMap<u128, Place>,
}

impl Log {
    /// Reads a log as far as it is whole.
    ///
    /// # Errors
    /// [`LogError`]; a torn end is none, see [`Log::stop`].
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let fail = |source| LogError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(fail)?;
        let mut log = Self {
            path: path.to_owned(),
            file: file.try_clone().map_err(fail)?,
            disks: Vec::new(),
            lives: Vec::new(),
            stop: None,
            contents: HashMap::new(),
        };
        let mut input = BufReader::with_capacity(1 << 20, file);
        let mut magic = [0; MAGIC.len()];
        if input.read_exact(&mut magic).is_err() || magic != MAGIC {
            return Err(LogError::Foreign(path.to_owned()));
        }
        let mut parser =
            Parser { names: Vec::new(), nobody: Arc::from(""), before: Before::default() };
        let (mut offset, mut batch) = (MAGIC.len() as u64, Vec::new());
        let why = loop {
            match frame(&mut input, offset, &mut batch).map_err(fail)? {
                Frame::End => return Ok(log),
                Frame::Bad(why) => break why,
                Frame::Whole if parser.batch(&mut log, &batch, offset + 8).is_none() => {
                    break Why::Unknown;
                }
                Frame::Whole => offset += 8 + batch.len() as u64,
            }
        };
        let length = log.file.metadata().map_err(fail)?.len();
        log.stop = Some(Stop { offset, length, why });
        Ok(log)
    }

    /// The events of all lives, in order.
    pub fn events(&self) -> impl Iterator<Item = (&Life, &Event)> {
        self.lives.iter().flat_map(|life| life.events.iter().map(move |event| (life, event)))
    }

    /// What a write carried.
    ///
    /// # Errors
    /// [`LogError::Io`]; `NotFound` for a request without content.
    pub fn payload(&self, life: &Life, request: u64) -> Result<Arc<Vec<u8>>, LogError> {
        let place = life.contents.get(&request).and_then(|hash| self.contents.get(hash));
        self.load(place.copied())
    }

    fn load(&self, place: Option<Place>) -> Result<Arc<Vec<u8>>, LogError> {
        let fail = |source| LogError::Io { path: self.path.clone(), source };
        let (at, length) = place.ok_or_else(|| fail(io::ErrorKind::NotFound.into()))?;
        let mut data = vec![0; length as usize];
        self.file.read_exact_at(&mut data, at).map_err(fail)?;
        Ok(Arc::new(data))
    }

    /// The disks' settled content at the beginning of a life.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn beginning(&self, life: &Life) -> Result<Vec<Media>, LogError> {
        let mut images = vec![Media::default(); self.disks.len()];
        for (disk, page, hash) in &life.pages {
            let data = self.load(self.contents.get(hash).copied())?;
            if let Some(image) = images.get_mut(*disk) {
                image.write(page * PAGE_SECTORS, &data);
            }
        }
        Ok(images)
    }
}

/// What stands at some place of the file.
enum Frame {
    Whole,
    Bad(Why),
    End,
}

fn frame(input: &mut impl Read, offset: u64, batch: &mut Vec<u8>) -> io::Result<Frame> {
    let mut head = Vec::with_capacity(8);
    input.take(8).read_to_end(&mut head)?;
    if head.is_empty() {
        return Ok(Frame::End);
    }
    let Ok(head) = <[u8; 8]>::try_from(head) else { return Ok(Frame::Bad(Why::Short)) };
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    batch.clear();
    let length = u64::from(word(0));
    input.take(length).read_to_end(batch)?;
    Ok(if (batch.len() as u64) < length {
        Frame::Bad(Why::Short)
    } else if xxh3_64_with_seed(batch, offset) as u32 != word(4) {
        Frame::Bad(Why::Checksum)
    } else {
        Frame::Whole
    })
}

struct Parser {
    names: Vec<Arc<str>>,
    nobody: Arc<str>,
    before: Before,
}

impl Parser {
    /// Takes in one batch that stands at `offset` in the file. `None` when it
    /// makes no sense, although its sum fits: a log of a later version.
    fn batch(&mut self, log: &mut Log, bytes: &[u8], offset: u64) -> Option<()> {
        let mut batch = Batch { bytes, at: 0 };
        while batch.at < bytes.len() {
            match batch.byte()? {
                encoding::DISK => {
                    let volatile_cache = batch.byte()? != 0;
                    let (sectors, cache_bytes) = (batch.number()?, batch.number()?);
                    let name: Arc<str> = Arc::from(batch.text()?);
                    if sectors > MOST_SECTORS || log.disks.len() >= MOST_DISKS {
                        return None;
                    }
                    self.names.push(Arc::clone(&name));
                    log.disks.push(LoggedDisk { name, sectors, volatile_cache, cache_bytes });
                }
                encoding::CONTENT => {
                    let hash = batch.hash()?;
                    let length = u32::try_from(batch.number()?).ok()?;
                    log.contents.insert(hash, (offset + batch.at as u64, length));
                    batch.take(length as usize)?;
                }
                encoding::LIFE => log.lives.push(Life::default()),
                encoding::PAGE => {
                    let disk = usize::try_from(batch.number()?).ok()?;
                    let page = (disk, batch.number()?, batch.hash()?);
                    // The last page of a disk may be a part of one.
                    let pages = log.disks.get(disk)?.sectors.div_ceil(PAGE_SECTORS);
                    if page.1 >= pages || log.contents.get(&page.2).is_none_or(|p| p.1 != PAGE) {
                        return None;
                    }
                    log.lives.last_mut()?.pages.push(page);
                }
                encoding::EVENT => {
                    let (mut event, content) =
                        encoding::event(&mut batch, &mut self.before, &self.names, &self.nobody)?;
                    let life = log.lives.last_mut()?;
                    if let Some(hash) = content {
                        life.contents.insert(event.request, hash);
                    } else if let Some(hash) = life.contents.get(&event.request) {
                        event.content = *hash as u64;
                    }
                    life.events.push(event);
                }
                _ => return None,
            }
        }
        Some(())
    }
}
