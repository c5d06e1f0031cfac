// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything behind the one lock: the sequence, the disks, what is under way.
//!
//! One lock for all disks is what makes "the same instant for both disks"
//! true. It is held for the copy of one request's data, never while waiting.

use crate::event::{Event, History, Kind};
use crate::hold::{Fault, FaultState, HoldState, Phase};
use crate::log::{Content, LogWriter};
use crate::nbd::conn::Conn;
use crate::op::OpMatch;
use crate::request::{Command, Request, Stage};
use crate::store::Store;
use crate::timing::Model;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) struct Disk {
    pub name: Arc<str>,
    pub sectors: u64,
    pub store: Store,
    pub delays: Vec<(OpMatch, Duration)>,
    pub model: Option<Model>,
}

/// An answer for a connection.
pub(crate) type Answer = (Arc<Conn>, Vec<u8>);

pub(crate) struct State {
    pub start: Instant,
    seq: u64,
    numbers: u64,
    pub disks: Vec<Disk>,
    pub history: History,
    pub log: Option<LogWriter>,
    pub holds: BTreeMap<u64, HoldState>,
    pub faults: Vec<FaultState>,
    pub conns: HashMap<u64, Arc<Conn>>,
    pub requests: HashMap<u64, Request>,
    pub timers: BinaryHeap<Reverse<(Instant, u64)>>,
    pub powered: bool,
    /// Threads that wait for any event.
    pub waiters: usize,
    nobody: Arc<str>,
}

impl State {
    pub fn new(start: Instant, disks: Vec<Disk>) -> Self {
        Self {
            start,
            seq: 0,
            numbers: 0,
            disks,
            history: History::default(),
            log: None,
            holds: BTreeMap::new(),
            faults: Vec::new(),
            conns: HashMap::new(),
            requests: HashMap::new(),
            timers: BinaryHeap::new(),
            powered: true,
            waiters: 0,
            nobody: Arc::from(""),
        }
    }

    /// A number that was never given before; requests, holds, faults and
    /// connections share them.
    pub fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Sequence number of the newest event.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    pub fn push(&mut self, event: Event) -> u64 {
        self.push_with(event, None)
    }

    pub fn push_with(&mut self, mut event: Event, content: Option<Content>) -> u64 {
        self.seq += 1;
        event.seq = self.seq;
        event.at_ns = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if let Some(log) = &self.log {
            log.event(event.clone(), content);
        }
        self.history.push(event);
        self.seq
    }

    pub fn blank(&self, kind: Kind) -> Event {
        Event {
            seq: 0,
            at_ns: 0,
            disk: Arc::clone(&self.nobody),
            kind,
            request: 0,
            op: None,
            sector: 0,
            sectors: 0,
            fua: false,
            content: 0,
            error: 0,
        }
    }

    /// An event that concerns no single request.
    pub fn note(&mut self, kind: Kind) -> u64 {
        let event = self.blank(kind);
        self.push(event)
    }

    /// An event of one disk, about `request` (or a connection) and a range.
    pub fn note_disk(&mut self, disk: usize, kind: Kind, request: u64, at: (u64, u64)) -> u64 {
        let mut event = self.blank(kind);
        event.disk = Arc::clone(&self.disks[disk].name);
        (event.request, event.sector, event.sectors) = (request, at.0, at.1);
        self.push(event)
    }

    pub fn note_request(&mut self, request: &Request, kind: Kind) -> u64 {
        let event = self.about(request, kind);
        self.push(event)
    }

    pub fn about(&self, request: &Request, kind: Kind) -> Event {
        let Command { op, range, fua, .. } = &request.command;
        Event {
            disk: Arc::clone(&self.disks[request.disk].name),
            request: request.id,
            op: Some(*op),
            sector: range.start,
            sectors: range.end - range.start,
            fua: *fua,
            content: request.content as u64,
            error: request.error,
            ..self.blank(kind)
        }
    }

    /// From here on the disks' content is settled, and the log says what it
    /// is.
    pub fn log_life(&self) {
        if let Some(log) = &self.log {
            log.life(self.disks.iter().map(|disk| disk.store.current().clone()).collect());
        }
    }

    /// A whole request was received. Returns its number, or `None` when the
    /// connection is no longer served.
    pub fn issue(&mut self, conn: &Arc<Conn>, command: Command, content: u128) -> Option<u64> {
        if !self.conns.contains_key(&conn.id) {
            return None;
        }
        let mut request = Request {
            id: self.number(),
            conn: Arc::clone(conn),
            disk: conn.disk,
            command,
            content,
            issued: 0,
            stage: Stage::Arrive,
            modelled: false,
            wait: None,
            before: None,
            after: None,
            fault: None,
            applied: false,
            error: 0,
            reply: Vec::new(),
        };
        let event = self.about(&request, Kind::Issue);
        let data = request.command.payload.as_ref();
        let payload = data.map(|data| (content, Arc::clone(data)));
        request.issued = self.push_with(event, payload);
        if let Some(data) = &request.command.payload {
            self.history.push_payload(request.id, Arc::clone(data));
        }
        self.match_holds(&mut request);
        self.match_faults(&mut request);
        let delays = &self.disks[request.disk].delays;
        let fixed = delays.iter().find(|(op, _)| op.matches(request.command.op));
        if let Some((_, delay)) = fixed {
            request.wait = Some(request.wait.unwrap_or_default() + *delay);
        }
        let id = request.id;
        self.requests.insert(id, request);
        Some(id)
    }

    fn match_holds(&mut self, request: &mut Request) {
        let name = &self.disks[request.disk].name;
        let Command { op, range, payload, .. } = &request.command;
        for (&id, hold) in &mut self.holds {
            let test = hold.test.as_ref();
            if test.is_some_and(|test| !test(payload.as_ref().map_or(&[], |data| data))) {
                continue;
            }
            if hold.counter.hit(name, *op, range) {
                match hold.phase {
                    Phase::BeforeMedia => request.before = Some(id),
                    Phase::BeforeCompletion => request.after = Some(id),
                }
            }
        }
    }

    fn match_faults(&mut self, request: &mut Request) {
        let name = &self.disks[request.disk].name;
        let Command { op, range, payload, .. } = &request.command;
        for state in &mut self.faults {
            let test = state.test.as_ref();
            if test.is_some_and(|test| !test(payload.as_ref().map_or(&[], |data| data))) {
                continue;
            }
            if !state.counter.hit(name, *op, range) {
                continue;
            }
            state.hits += 1;
            match state.fault {
                Fault::Slow(delay) => {
                    request.wait = Some(request.wait.unwrap_or_default() + delay);
                }
                other => request.fault = Some(other),
            }
        }
    }

    /// Lets the requests of a hold go and forgets it.
    pub fn release(&mut self, hold: u64) -> Vec<Answer> {
        let Some(state) = self.holds.remove(&hold) else { return Vec::new() };
        let mut answers = Vec::new();
        for held in state.held {
            if let Some(request) = self.requests.remove(&held.request) {
                self.note_request(&request, Kind::Released(hold));
                self.requests.insert(held.request, request);
                answers.extend(self.run(held.request));
            }
        }
        answers
    }

    /// Runs what is due; says when the next is.
    pub fn run_timers(&mut self, answers: &mut Vec<Answer>) -> Option<Instant> {
        let now = Instant::now();
        while let Some(&Reverse((at, id))) = self.timers.peek() {
            if at > now {
                return Some(at);
            }
            self.timers.pop();
            answers.extend(self.run(id));
        }
        None
    }

    /// When the next timer is due.
    pub fn next_timer(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }
}
