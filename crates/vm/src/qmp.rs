// SPDX-License-Identifier: MIT OR Apache-2.0
//! QEMU's machine protocol: one JSON object per line, both ways.

use proc::Cancel;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Why a QMP command failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum QmpError {
    #[error("QMP {command}: {why}")]
    Refused { command: String, why: String },
    /// QEMU is busy or stuck.
    #[error("QMP {command}: no answer within {} ms", .after.as_millis())]
    Deadline {
        command: String,
        /// The time it had.
        after: Duration,
    },
    /// The user asked to stop.
    #[error("QMP {command}: interrupted")]
    Cancelled { command: String },
    #[error("QMP {command}: the connection is closed")]
    Closed { command: String },
}

/// What QEMU says by itself.
#[derive(Debug)]
pub enum Notice {
    /// The first line.
    Greeting,
    /// An event: its name and data.
    Event(String, Value),
    /// The connection is closed.
    Closed,
}

type Reply = Result<Value, String>;

#[derive(Default)]
struct Waiting {
    last_id: u64,
    replies: HashMap<u64, Sender<Reply>>,
    closed: bool,
}

pub struct Qmp {
    stream: UnixStream,
    waiting: Arc<Mutex<Waiting>>,
    cancel: Cancel,
}

/// How often a wait looks at the cancel flag.
const GLANCE: Duration = Duration::from_millis(50);

impl Qmp {
    /// Starts reading; everything that is no reply goes to `notify`, from a
    /// thread that ends with the connection.
    ///
    /// # Errors
    /// The socket cannot be cloned, or no thread be started.
    pub fn start(
        stream: UnixStream,
        cancel: &Cancel,
        notify: impl Fn(Notice) + Send + 'static,
    ) -> std::io::Result<Self> {
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let (reader, shared) = (BufReader::new(stream.try_clone()?), Arc::clone(&waiting));
        thread::Builder::new().name("qmp".into()).spawn(move || {
            for line in reader.split(b'\n').map_while(Result::ok) {
                // Anything else on QEMU's standard output is not for us.
                if let Ok(message) = serde_json::from_slice::<Value>(&line) {
                    dispatch(message, &shared, &notify);
                }
            }
            let mut shared = lock(&shared);
            shared.closed = true;
            // Dropping the senders wakes who waits.
            shared.replies.clear();
            drop(shared);
            notify(Notice::Closed);
        })?;
        Ok(Self { stream, waiting, cancel: cancel.clone() })
    }

    /// Executes one command.
    ///
    /// # Errors
    /// [`QmpError`].
    pub fn execute(
        &self,
        command: &str,
        arguments: Value,
        deadline: Duration,
    ) -> Result<Value, QmpError> {
        let closed = || QmpError::Closed { command: command.into() };
        let (id, reply) = self.send(command, arguments).ok_or_else(closed)?;
        let end = Instant::now() + deadline;
        let outcome = loop {
            let left = end.saturating_duration_since(Instant::now());
            match reply.recv_timeout(left.min(GLANCE)) {
                Ok(Ok(value)) => break Ok(value),
                Ok(Err(why)) => break Err(QmpError::Refused { command: command.into(), why }),
                Err(RecvTimeoutError::Disconnected) => break Err(closed()),
                Err(RecvTimeoutError::Timeout) if self.cancel.is_cancelled() => {
                    break Err(QmpError::Cancelled { command: command.into() });
                }
                Err(RecvTimeoutError::Timeout) if left <= GLANCE => {
                    break Err(QmpError::Deadline { command: command.into(), after: deadline });
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        };
        lock(&self.waiting).replies.remove(&id);
        outcome
    }

    fn send(&self, command: &str, arguments: Value) -> Option<(u64, Receiver<Reply>)> {
        let (sender, reply) = channel();
        let mut waiting = lock(&self.waiting);
        if waiting.closed {
            return None;
        }
        waiting.last_id += 1;
        let id = waiting.last_id;
        waiting.replies.insert(id, sender);
        let mut message = json!({ "execute": command, "id": id });
        if !arguments.is_null() {
            message["arguments"] = arguments;
        }
        // Under the lock: lines must not interleave.
        writeln!(&self.stream, "{message}").ok()?;
        Some((id, reply))
    }
}

fn dispatch(mut message: Value, waiting: &Mutex<Waiting>, notify: &impl Fn(Notice)) {
    if message.get("QMP").is_some() {
        notify(Notice::Greeting);
    } else if let Some(name) = message["event"].as_str().map(str::to_owned) {
        notify(Notice::Event(name, message["data"].take()));
    } else if let Some(id) = message["id"].as_u64() {
        let reply = match message["error"]["desc"].as_str() {
            Some(why) => Err(why.to_owned()),
            None => Ok(message["return"].take()),
        };
        if let Some(sender) = lock(waiting).replies.remove(&id) {
            let _ = sender.send(reply);
        }
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
