// SPDX-License-Identifier: MIT OR Apache-2.0
//! One client's connection, as the rest of the rig sees it.

use super::handshake::Terms;
use crate::lock::lock;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex};

/// Answers that a client has not fetched may take this much memory; beyond
/// it, the client is not reading and is dropped.
const QUEUE_BYTES: usize = 256 << 20;

#[derive(Debug, Default)]
struct Queue {
    answers: VecDeque<Vec<u8>>,
    bytes: usize,
    closed: bool,
}

#[derive(Debug)]
pub(crate) struct Conn {
    pub id: u64,
    pub disk: usize,
    pub terms: Terms,
    stream: UnixStream,
    /// Held while writing: answers must not be mixed.
    write: Mutex<()>,
    queue: Mutex<Queue>,
    queued: Condvar,
}

impl Conn {
    pub fn new(id: u64, disk: usize, terms: Terms, stream: UnixStream) -> Self {
        let (write, queue, queued) = (Mutex::new(()), Mutex::default(), Condvar::new());
        Self { id, disk, terms, stream, write, queue, queued }
    }

    /// Sends now, from the connection's own threads.
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let _turn = lock(&self.write);
        (&self.stream).write_all(bytes)
    }

    /// Leaves an answer to the sending thread; never waits for the client.
    pub fn queue(&self, answer: Vec<u8>) {
        let mut queue = lock(&self.queue);
        queue.bytes += answer.len();
        queue.answers.push_back(answer);
        if queue.bytes > QUEUE_BYTES {
            drop(queue);
            return self.close();
        }
        drop(queue);
        self.queued.notify_one();
    }

    /// The sending thread's whole life.
    pub fn send_queued(&self) {
        loop {
            let mut queue = lock(&self.queue);
            while queue.answers.is_empty() && !queue.closed {
                queue = match self.queued.wait(queue) {
                    Ok(queue) => queue,
                    Err(poisoned) => poisoned.into_inner(),
                };
            }
            if queue.closed {
                return;
            }
            let batch: Vec<u8> = queue.answers.drain(..).flatten().collect();
            queue.bytes = 0;
            drop(queue);
            if self.send(&batch).is_err() {
                return self.close();
            }
        }
    }

    /// Drops the client; every thread that reads from or writes to it wakes.
    pub fn close(&self) {
        // Already closed by the other side: nothing to do.
        let _ = self.stream.shutdown(Shutdown::Both);
        let mut queue = lock(&self.queue);
        queue.closed = true;
        queue.answers.clear();
        drop(queue);
        self.queued.notify_all();
    }
}
