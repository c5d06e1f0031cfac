// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stamped writes, each announced before it is handed to the kernel.

use crate::devices::Opened;
use crate::direct::{self, Buffer};
use crate::failure::Failure;
use crate::link::Link;
use crate::panic_hook;
use std::sync::{Mutex, PoisonError};
use std::thread;
use wire::{Device, Extent, FromGuest, SECTOR, Stamp};

/// [`wire::Op::Write`].
pub struct Job {
    pub device: Device,
    pub extents: Vec<Extent>,
    pub run: u64,
    pub first_seq: u64,
    pub writer: u32,
    pub fua: bool,
    pub depth: u32,
}

/// What the workers share.
struct Writer<'a> {
    link: &'a Link,
    id: u64,
    job: &'a Job,
    files: Opened,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    issued: usize,
    acked: usize,
    failure: Option<Failure>,
}

/// Writes all extents in order.
///
/// # Errors
/// The first write that failed; none is started after it.
pub fn run(link: &Link, id: u64, job: &Job) -> Result<(), Failure> {
    if let Some(index) = job.extents.iter().position(|extent| extent.sectors == 0) {
        return Err(Failure::new(format!("extent {index} is empty")));
    }
    let files = Opened::all(job.device, &job.extents, true)?;
    let writer = Writer { link, id, job, files, state: Mutex::default() };
    let workers = (job.depth.max(1) as usize).min(job.extents.len());
    thread::scope(|scope| {
        // This thread is the last of them: a depth of 1 needs no other.
        for _ in 1..workers {
            scope.spawn(|| {
                panic_hook::works_on(id);
                writer.work();
            });
        }
        writer.work();
    });
    let state = writer.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    match state.failure {
        None => Ok(()),
        Some(failure) => Err(failure.told(|words| {
            let (acked, all) = (state.acked, job.extents.len());
            format!("{words} ({:?}, {acked} of {all} extents acknowledged)", job.device)
        })),
    }
}

impl Writer<'_> {
    fn work(&self) {
        while let Some(index) = self.issue() {
            let outcome = self.write(index);
            self.acknowledge(index, outcome);
        }
    }

    /// Takes the next extent and tells the host so before anything else can
    /// happen: a cut right after this must not leave a write unannounced.
    fn issue(&self) -> Option<usize> {
        let mut state = self.lock();
        if state.failure.is_some() || state.issued == self.job.extents.len() {
            return None;
        }
        state.issued += 1;
        self.report(&state, Vec::new());
        Some(state.issued - 1)
    }

    fn write(&self, index: usize) -> Result<(), Failure> {
        let Job { run, first_seq, writer, fua, .. } = *self.job;
        let extent = self.job.extents[index];
        let mut buffer = Buffer::sectors(extent.sectors);
        let (sectors, _) = buffer.bytes_mut().as_chunks_mut::<SECTOR>();
        for (bytes, sector) in sectors.iter_mut().zip(extent.sector..) {
            Stamp { run, sector, seq: first_seq + index as u64, writer }.write_to(bytes);
        }
        let (file, sector) = self.files.at(extent.sector)?;
        direct::write(file, sector, &mut buffer, fua)
    }

    fn acknowledge(&self, index: usize, outcome: Result<(), Failure>) {
        let mut state = self.lock();
        match outcome {
            Ok(()) => {
                state.acked += 1;
                self.report(&state, vec![count(index)]);
            }
            Err(failure) => {
                state.failure.get_or_insert(failure);
            }
        }
    }

    fn report(&self, state: &State, acked: Vec<u32>) {
        let issued = count(state.issued);
        self.link.send(&FromGuest::Progress { id: self.id, issued, acked });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message of at most 16 MiB cannot hold four billion extents.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
