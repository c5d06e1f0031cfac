// SPDX-License-Identifier: MIT OR Apache-2.0
//! A request's way through a disk, from its arrival to its answer.

use crate::event::{Event, Kind};
use crate::hold::{Fault, HeldRequest};
use crate::nbd::reply;
use crate::op::Op;
use crate::request::{Command, Request, Stage};
use crate::state::{Answer, State};
use crate::timing::{Due, Work};
use std::cmp::Reverse;
use std::time::{Duration, Instant};

const EIO: u32 = 5;

impl State {
    /// Takes request `id` as far as it goes now. An answer, when it is done.
    pub fn run(&mut self, id: u64) -> Option<Answer> {
        let mut request = self.requests.remove(&id)?;
        loop {
            match request.stage {
                Stage::Arrive => {
                    request.stage = Stage::Wait;
                    if self.arrive(&mut request) {
                        self.requests.insert(id, request);
                        return None;
                    }
                }
                Stage::Wait => {
                    self.leave(&mut request);
                    request.stage = Stage::BeforeMedia;
                    if let Some(delay) = request.wait.take() {
                        self.timers.push(Reverse((Instant::now() + delay, id)));
                        self.requests.insert(id, request);
                        return None;
                    }
                }
                Stage::BeforeMedia => {
                    request.stage = Stage::Media;
                    if let Some(hold) = request.before.take()
                        && self.stop_at(hold, &request)
                    {
                        self.requests.insert(id, request);
                        return None;
                    }
                }
                Stage::Media => {
                    request.stage = Stage::BeforeCompletion;
                    self.media(&mut request);
                }
                Stage::BeforeCompletion => {
                    request.stage = Stage::Complete;
                    if let Some(hold) = request.after.take()
                        && self.stop_at(hold, &request)
                    {
                        self.requests.insert(id, request);
                        return None;
                    }
                }
                Stage::Complete => return self.complete(request),
            }
        }
    }

    /// Hands a request to the disk's timing; false when it has none.
    fn arrive(&mut self, request: &mut Request) -> bool {
        let Some(model) = &mut self.disks[request.disk].model else { return false };
        let Command { op, range, fua, .. } = &request.command;
        let work = Work { id: request.id, op: *op, range: range.clone(), fua: *fua };
        request.modelled = true;
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let due = model.arrive(now, work);
        self.set_timer(due);
        true
    }

    /// The timing model is done with a request and may take up another.
    fn leave(&mut self, request: &mut Request) {
        if std::mem::take(&mut request.modelled)
            && let Some(model) = &mut self.disks[request.disk].model
        {
            let due = model.finished(request.id);
            self.set_timer(due);
        }
    }

    fn set_timer(&mut self, due: Option<Due>) {
        if let Some((id, at)) = due {
            self.timers.push(Reverse((self.start + Duration::from_nanos(at), id)));
        }
    }

    /// False when the hold was released before the request got there.
    fn stop_at(&mut self, hold: u64, request: &Request) -> bool {
        if !self.holds.contains_key(&hold) {
            return false;
        }
        let seq = self.note_request(request, Kind::Held(hold));
        if let Some(state) = self.holds.get_mut(&hold) {
            let Command { range, fua, .. } = &request.command;
            state.held.push(HeldRequest {
                seq,
                request: request.id,
                sector: range.start,
                sectors: range.end - range.start,
                fua: *fua,
            });
        }
        true
    }

    fn media(&mut self, request: &mut Request) {
        match request.fault {
            Some(Fault::Eio | Fault::Disconnect) => {
                request.error = EIO;
                return;
            }
            Some(Fault::Short) => request.error = EIO,
            Some(Fault::Slow(_)) | None => (),
        }
        let store = &mut self.disks[request.disk].store;
        let mut reached = request.command.range.clone();
        if let Some(mut change) = request.change() {
            if request.fault == Some(Fault::Short) {
                let half = (change.range.end - change.range.start) / 2;
                change = change.cut_to(half);
            }
            reached = change.range.clone();
            if !change.range.is_empty() {
                request.applied = true;
                store.apply(change);
            }
        } else if request.command.op == Op::Read && request.error == 0 {
            let range = request.command.range.clone();
            reply::start_read(&request.conn, &request.command, &mut request.reply);
            store.current().read_into(range, &mut request.reply);
        }
        // What took effect, which is less than was asked for when it is short.
        let (sector, sectors) = (reached.start, reached.end - reached.start);
        let event = Event { sector, sectors, ..self.about(request, Kind::Media) };
        self.push(event);
    }

    fn complete(&mut self, mut request: Request) -> Option<Answer> {
        let seq = self.note_request(&request, Kind::Complete);
        let store = &mut self.disks[request.disk].store;
        if request.applied {
            store.complete(request.id, seq, request.error == 0);
        } else if request.command.op == Op::Flush && request.error == 0 {
            store.flushed(request.issued);
        }
        if request.fault == Some(Fault::Disconnect) {
            request.conn.close();
            return None;
        }
        reply::finish(&request.conn, &request.command, request.error, &mut request.reply);
        Some((request.conn, request.reply))
    }
}
