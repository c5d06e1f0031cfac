// SPDX-License-Identifier: MIT OR Apache-2.0
//! One arm over turning platters, with a queue that takes the nearest first.

use super::work::{Work, transfer};
use crate::media::SECTOR;
use crate::op::Op;
use crate::profile;

#[derive(Debug)]
pub(super) struct Hdd {
    spec: profile::Hdd,
    sectors: f64,
    /// Nanoseconds of one revolution, and sectors that pass in it.
    turn: f64,
    track: f64,
    /// The sector after the last one that was read or written.
    head: u64,
    /// When the arm is free, and for which request it is busy.
    free: f64,
    busy: Option<u64>,
    waiting: Vec<(f64, Work)>,
    cache: f64,
    /// When all that is in the volatile cache would be on the platters, and
    /// where the last cached write ended.
    clean: f64,
    cached_end: u64,
}

impl Hdd {
    pub fn new(spec: profile::Hdd, sectors: u64, cache: f64) -> Self {
        let turn = 60e9 / spec.rpm;
        let track = turn / transfer(SECTOR as f64, spec.bandwidth_mb_s);
        Self {
            spec,
            sectors: sectors as f64,
            turn,
            track,
            head: 0,
            free: 0.0,
            busy: None,
            waiting: Vec::new(),
            cache,
            clean: 0.0,
            cached_end: 0,
        }
    }

    pub fn reset(&mut self) {
        (self.free, self.busy, self.clean) = (0.0, None, 0.0);
        self.waiting.clear();
    }

    fn command(&self) -> f64 {
        self.spec.command_us * 1e3
    }

    /// From one sector to another, without waiting for the platter.
    fn seek(&self, from: u64, to: u64) -> f64 {
        let part = from.abs_diff(to) as f64 / self.sectors;
        let (least, most) = (self.spec.track_to_track_ms * 1e6, self.spec.full_stroke_ms * 1e6);
        least + (most - least) * part.min(1.0).sqrt()
    }

    /// How long the arm needs for a request that it takes up at `begin`.
    fn access(&self, begin: f64, work: &Work) -> f64 {
        let moving = transfer(work.bytes(), self.spec.bandwidth_mb_s);
        if work.range.start == self.head {
            // What comes next is in the track buffer or on its way into it.
            return moving;
        }
        let there = begin + self.command() + self.seek(self.head, work.range.start);
        let angle = (work.range.start as f64 / self.track).fract();
        let wait = (angle - (there / self.turn).fract()).rem_euclid(1.0) * self.turn;
        there + wait + moving - begin
    }

    pub fn arrive(&mut self, now: f64, work: Work) -> Option<(u64, f64)> {
        match work.op {
            Op::Flush => return Some((work.id, self.clean.max(now) + self.command())),
            Op::Trim => return Some((work.id, now + self.command())),
            Op::Write | Op::WriteZeroes if self.cache > 0.0 && !work.fua => {
                return Some((work.id, self.cached(now, &work)));
            }
            Op::Read | Op::Write | Op::WriteZeroes => (),
        }
        self.waiting.push((now, work));
        if self.busy.is_none() { self.take_up() } else { None }
    }

    /// A write into the volatile cache. Nobody sees in which order the disk
    /// writes it out, so that is an estimate: the way of a random access,
    /// shortened by sorting.
    fn cached(&mut self, now: f64, work: &Work) -> f64 {
        let moving = transfer(work.bytes(), self.spec.bandwidth_mb_s);
        let middle = (self.sectors * 0.28) as u64; // as far as two random places on average
        let way = if work.range.start == self.cached_end {
            0.0
        } else {
            (self.seek(0, middle) + self.turn / 2.0) / self.spec.sorting_gain
        };
        self.cached_end = work.range.end;
        self.clean = self.clean.max(now) + way + moving;
        // A full cache takes in only what it writes out.
        let share = (self.cache / work.bytes().max(512.0)).max(1.0);
        let done = now + self.command() + moving;
        done.max(self.clean - share * (way + moving))
    }

    /// The nearest of those that had arrived when the arm became free.
    fn take_up(&mut self) -> Option<(u64, f64)> {
        let first = self.waiting.iter().map(|(at, _)| *at).min_by(f64::total_cmp)?;
        let begin = self.free.max(first);
        let ready = self.waiting.iter().enumerate().filter(|(_, (at, _))| *at <= begin);
        let (nearest, _) = ready
            .take(self.spec.queue)
            .map(|(place, (_, work))| (place, self.access(begin, work)))
            .min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let (_, work) = self.waiting.remove(nearest);
        let needs = self.access(begin, &work);
        // The arm is taken from writing the cache out.
        self.clean = if self.clean > begin { self.clean + needs } else { self.clean };
        (self.free, self.head, self.busy) = (begin + needs, work.range.end, Some(work.id));
        Some((work.id, self.free))
    }

    pub fn finished(&mut self, id: u64) -> Option<(u64, f64)> {
        if self.busy != Some(id) {
            return None;
        }
        self.busy = None;
        self.take_up()
    }
}
