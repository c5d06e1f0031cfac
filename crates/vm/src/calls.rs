// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests on their way, and the one state that everybody waits on.

use crate::error::{CallError, VmError};
use proc::Cancel;
use std::collections::HashMap;
use std::io::{ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use wire::{Answer, FromGuest, Greeting, Op, PROTOCOL, Refusal, Request};

/// How often a wait looks at the cancel flag.
const GLANCE: Duration = Duration::from_millis(50);

/// How long a request may wait for room on the link. The guest's agent reads
/// at once, so only a hung guest leaves a full socket behind.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a [`Op::Write`] has reported so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The first so many extents have been, or are just being, submitted.
    pub issued: u32,
    /// Indices of acknowledged extents, in the order in which they were.
    pub acked: Vec<u32>,
}

#[derive(Default)]
struct Slot {
    progress: Progress,
    outcome: Option<Result<Answer, Refusal>>,
}

#[derive(Default)]
struct State {
    last_id: u64,
    slots: HashMap<u64, Slot>,
    greeting: Option<Greeting>,
    /// Counts messages; the watcher sees by it whether the guest lives.
    heard: u64,
    fate: Option<VmError>,
    link_closed: bool,
}

/// Shared by the virtual machine, its calls and its threads.
pub struct Calls {
    link: Mutex<UnixStream>,
    state: Mutex<State>,
    changed: Condvar,
}

impl Calls {
    pub fn new(link: UnixStream) -> std::io::Result<Self> {
        link.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { link: Mutex::new(link), state: Mutex::default(), changed: Condvar::new() })
    }

    pub fn start(self: &Arc<Self>, op: Op) -> Pending {
        let mut state = self.lock();
        state.last_id += 1;
        let id = state.last_id;
        state.slots.insert(id, Slot::default());
        drop(state);
        let name = name(&op);
        let line = wire::encode(&Request { id, op });
        self.send(&line);
        Pending { calls: Arc::clone(self), id, name }
    }

    fn send(&self, line: &[u8]) {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        match link.write_all(line) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // Perhaps half a message: the link is of no use any more.
                let why = format!("a request was not taken within {} s", PATIENCE.as_secs());
                self.end(VmError::LinkBroken { why, console_tail: String::new() });
            }
            // A dead link is noticed by whoever reads it, and becomes the
            // fate that `wait` returns.
            Ok(()) | Err(_) => {}
        }
    }

    /// Takes one message from the guest.
    pub fn accept(&self, message: FromGuest) {
        let mut state = self.lock();
        state.heard += 1;
        match message {
            FromGuest::Hello(greeting) if greeting.protocol == PROTOCOL => {
                state.greeting = Some(greeting);
            }
            FromGuest::Hello(Greeting { protocol, .. }) => {
                let mismatch = VmError::ProtocolMismatch { guest: protocol, host: PROTOCOL };
                state.fate.get_or_insert(mismatch);
            }
            FromGuest::Answer { id, result } => {
                // No slot: nobody waits any more.
                if let Some(slot) = state.slots.get_mut(&id) {
                    slot.outcome = Some(result);
                }
            }
            FromGuest::Progress { id, issued, acked } => {
                if let Some(slot) = state.slots.get_mut(&id) {
                    slot.progress.issued = slot.progress.issued.max(issued);
                    slot.progress.acked.extend(acked);
                }
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Says how it all ended; the first word stands.
    pub fn end(&self, fate: VmError) {
        self.lock().fate.get_or_insert(fate);
        self.changed.notify_all();
    }

    pub fn fate(&self) -> Option<VmError> {
        self.lock().fate.clone()
    }

    /// Nothing more will come.
    pub fn close_link(&self) {
        self.lock().link_closed = true;
        self.changed.notify_all();
    }

    /// How many messages have come so far.
    pub fn heard(&self) -> u64 {
        self.lock().heard
    }

    /// Waits for the greeting.
    ///
    /// # Errors
    /// The guest's fate, or cancelled; `Ok(None)` when the time is over.
    pub fn wait_greeting(
        &self,
        deadline: Instant,
        cancel: &Cancel,
    ) -> Result<Option<Greeting>, VmError> {
        self.wait_for(deadline, cancel, |state| match (&state.greeting, &state.fate) {
            // A fate first: a protocol mismatch comes with a greeting.
            (_, Some(fate)) => Some(Err(fate.clone())),
            (Some(greeting), None) => Some(Ok(greeting.clone())),
            (None, None) => None,
        })?
        .transpose()
    }

    /// Waits until the guest's last message is in; `false` after the deadline.
    pub fn wait_link_closed(&self, deadline: Instant) -> bool {
        let done = |state: &mut State| state.link_closed.then_some(());
        matches!(self.wait_for(deadline, &Cancel::new(), done), Ok(Some(())))
    }

    fn wait_for<T>(
        &self,
        deadline: Instant,
        cancel: &Cancel,
        mut done: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<Option<T>, VmError> {
        let mut state = self.lock();
        loop {
            if let Some(value) = done(&mut state) {
                return Ok(Some(value));
            }
            if cancel.is_cancelled() {
                return Err(VmError::Cancelled);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let woken = self.changed.wait_timeout(state, left.min(GLANCE));
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that has been sent. Dropping it forgets the answer, not the work:
/// the guest cannot be made to stop a write.
#[must_use = "a request that nobody waits for fails unnoticed"]
pub struct Pending {
    calls: Arc<Calls>,
    id: u64,
    name: String,
}

impl Pending {
    /// Waits for the answer.
    ///
    /// # Errors
    /// [`CallError`]; after [`CallError::Deadline`] it can be waited for again.
    pub fn wait(&self, deadline: Duration, cancel: &Cancel) -> Result<Answer, CallError> {
        let outcome =
            self.calls.wait_for(Instant::now() + deadline, cancel, |state| self.outcome(state))?;
        outcome
            .unwrap_or_else(|| Err(CallError::Deadline { op: self.name.clone(), after: deadline }))
    }

    /// The answer, if it is there.
    #[must_use]
    pub fn poll(&self) -> Option<Result<Answer, CallError>> {
        self.outcome(&mut self.calls.lock())
    }

    /// What an [`Op::Write`] has reported so far. After a power cut it is
    /// final: everything that the guest had sent has been read.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let state = self.calls.lock();
        state.slots.get(&self.id).map(|slot| slot.progress.clone()).unwrap_or_default()
    }

    fn outcome(&self, state: &mut State) -> Option<Result<Answer, CallError>> {
        // An answer that came before the end counts.
        let slot = state.slots.get(&self.id)?;
        match &slot.outcome {
            Some(Ok(answer)) => Some(Ok(answer.clone())),
            Some(Err(why)) => Some(Err(CallError::Guest(why.clone()))),
            None => state.fate.clone().map(|fate| Err(CallError::Vm(fate))),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.calls.lock().slots.remove(&self.id);
    }
}

/// An operation's name and arguments for messages, not the whole of it.
fn name(op: &Op) -> String {
    let mut text = format!("{op:?}");
    if let Some((end, _)) = text.char_indices().nth(100) {
        text.truncate(end);
        text.push('…');
    }
    text
}
