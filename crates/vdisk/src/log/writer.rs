// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes the log from a thread of its own, so that the disks do not wait for
//! the file.

use super::encoding::{self, Before, MAGIC, put, put_bytes, put_event};
use crate::event::Event;
use crate::lock::lock;
use crate::media::Media;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

/// What a write carries, with its hash.
pub(crate) type Content = (u128, Arc<Vec<u8>>);

/// How long an event may wait before it is in the file.
const NAP: Duration = Duration::from_millis(5);
/// The disks wait when the writer is behind by this much.
const BEHIND: usize = 128 << 20;
/// A batch is closed beyond this size.
const BATCH: usize = 1 << 20;

enum Entry {
    Event(Event, Option<Content>),
    /// The disks' settled content at this point of the sequence.
    Life(Vec<Media>),
}

#[derive(Default)]
struct Queue {
    entries: Vec<Entry>,
    bytes: usize,
    /// Entries that were queued and that are in the file.
    queued: u64,
    written: u64,
    stop: bool,
    error: Option<io::Error>,
}

struct Common {
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// A disk as the log describes it.
pub(crate) struct Described {
    pub name: Arc<str>,
    pub sectors: u64,
    pub volatile: bool,
    pub cache_bytes: u64,
}

/// The log's near end.
pub(crate) struct LogWriter {
    common: Arc<Common>,
    thread: Option<JoinHandle<()>>,
}

impl LogWriter {
    pub fn create(path: &Path, disks: Vec<Described>) -> io::Result<Self> {
        let mut file = File::create(path)?;
        file.write_all(&MAGIC)?;
        let common = Arc::new(Common { queue: Mutex::default(), changed: Condvar::new() });
        let ours = Arc::clone(&common);
        let names = disks.iter().map(|disk| Arc::clone(&disk.name)).collect();
        let mut encoder = Encoder {
            file,
            offset: MAGIC.len() as u64,
            out: Vec::new(),
            names,
            known: HashSet::new(),
            before: Before::default(),
        };
        for disk in &disks {
            encoder.disk(disk);
        }
        let thread = std::thread::Builder::new()
            .name("vdisk-log".into())
            .spawn(move || run(&ours, &mut encoder))?;
        Ok(Self { common, thread: Some(thread) })
    }

    fn queue(&self, entry: Entry, bytes: usize) {
        let mut queue = lock(&self.common.queue);
        while queue.bytes > BEHIND && queue.error.is_none() {
            queue = self.common.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if queue.error.is_none() {
            queue.bytes += bytes;
            queue.queued += 1;
            queue.entries.push(entry);
        }
    }

    pub fn event(&self, event: Event, content: Option<Content>) {
        let bytes = content.as_ref().map_or(0, |(_, data)| data.len());
        self.queue(Entry::Event(event, content), bytes + 128);
    }

    pub fn life(&self, images: Vec<Media>) {
        self.queue(Entry::Life(images), 128);
    }

    /// Waits until everything so far is in the file.
    ///
    /// # Errors
    /// The first error of the file, now or earlier; the log ends there.
    pub fn flush(&self) -> io::Result<()> {
        let mut queue = lock(&self.common.queue);
        let goal = queue.queued;
        loop {
            if let Some(error) = &queue.error {
                return Err(io::Error::new(error.kind(), error.to_string()));
            }
            if queue.written >= goal {
                return Ok(());
            }
            self.common.changed.notify_all();
            queue = self.common.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        lock(&self.common.queue).stop = true;
        self.common.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(common: &Common, encoder: &mut Encoder) {
    loop {
        let mut queue = lock(&common.queue);
        if queue.entries.is_empty() {
            if queue.stop {
                return;
            }
            drop(common.changed.wait_timeout(queue, NAP).unwrap_or_else(PoisonError::into_inner));
            continue;
        }
        let entries = std::mem::take(&mut queue.entries);
        queue.bytes = 0;
        drop(queue);
        let count = entries.len() as u64;
        let result = entries.into_iter().try_for_each(|entry| encoder.entry(entry));
        let result = result.and_then(|()| encoder.end_batch());
        let mut queue = lock(&common.queue);
        queue.written += count;
        let failed = result.is_err();
        queue.error = result.err();
        drop(queue);
        common.changed.notify_all();
        if failed {
            return;
        }
    }
}

struct Encoder {
    file: File,
    offset: u64,
    out: Vec<u8>,
    names: Vec<Arc<str>>,
    known: HashSet<u128>,
    before: Before,
}

impl Encoder {
    fn disk(&mut self, disk: &Described) {
        self.out.extend([encoding::DISK, disk.volatile.into()]);
        put(&mut self.out, disk.sectors);
        put(&mut self.out, disk.cache_bytes);
        put_bytes(&mut self.out, disk.name.as_bytes());
    }

    fn entry(&mut self, entry: Entry) -> io::Result<()> {
        match entry {
            Entry::Event(event, content) => {
                let hash = content.map(|(hash, data)| {
                    self.content(hash, &data);
                    hash
                });
                let disk = self.names.iter().position(|name| *name == event.disk);
                let disk = disk.map_or(0, |at| at as u64 + 1);
                put_event(&mut self.out, &mut self.before, &event, disk, hash);
            }
            Entry::Life(images) => {
                self.out.push(encoding::LIFE);
                for (disk, image) in images.iter().enumerate() {
                    for (number, data) in image.stored() {
                        let hash = xxh3_128(data);
                        self.content(hash, data);
                        self.out.push(encoding::PAGE);
                        put(&mut self.out, disk as u64);
                        put(&mut self.out, number);
                        self.out.extend_from_slice(&hash.to_le_bytes());
                        self.end_full_batch()?;
                    }
                }
            }
        }
        self.end_full_batch()
    }

    fn content(&mut self, hash: u128, data: &[u8]) {
        if self.known.insert(hash) {
            self.out.push(encoding::CONTENT);
            self.out.extend_from_slice(&hash.to_le_bytes());
            put_bytes(&mut self.out, data);
        }
    }

    fn end_full_batch(&mut self) -> io::Result<()> {
        if self.out.len() > BATCH { self.end_batch() } else { Ok(()) }
    }

    /// Writes the batch as one frame.
    fn end_batch(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let sum = xxh3_64_with_seed(&self.out, self.offset) as u32;
        let mut head = [0; 8];
        head[..4].copy_from_slice(&(self.out.len() as u32).to_le_bytes());
        head[4..].copy_from_slice(&sum.to_le_bytes());
        self.file.write_all(&head)?;
        self.file.write_all(&self.out)?;
        self.offset += 8 + self.out.len() as u64;
        self.out.clear();
        Ok(())
    }
}
