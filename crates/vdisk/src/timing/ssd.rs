// SPDX-License-Identifier: MIT OR Apache-2.0
//! Channels that work side by side behind one link.

use super::work::{Work, transfer};
use crate::op::Op;
use crate::profile;

#[derive(Debug)]
pub(super) struct Ssd {
    spec: profile::Ssd,
    /// When each channel is free.
    channels: Vec<f64>,
    link: f64,
    /// When all that is in the volatile cache would be on the flash.
    clean: f64,
    cache: f64,
}

impl Ssd {
    pub fn new(spec: profile::Ssd, cache: f64) -> Self {
        let channels = vec![0.0; spec.channels];
        Self { spec, channels, link: 0.0, clean: 0.0, cache }
    }

    pub fn reset(&mut self) {
        (self.link, self.clean) = (0.0, 0.0);
        self.channels.fill(0.0);
    }

    pub fn arrive(&mut self, now: f64, work: &Work) -> f64 {
        if work.op == Op::Flush {
            return self.clean.max(now) + self.spec.flush_us * 1e3;
        }
        let us = if work.op == Op::Read { self.spec.read_us } else { self.spec.write_us };
        let Some(channel) = self.channels.iter_mut().min_by(|a, b| a.total_cmp(b)) else {
            return now;
        };
        let begin = channel.max(now).max(self.link);
        self.link = begin + transfer(work.bytes(), self.spec.bandwidth_mb_s);
        let mut done = self.link + us * 1e3;
        if self.cache > 0.0 && work.op == Op::Write {
            let flash = self.spec.flash_mb_s.unwrap_or(self.spec.bandwidth_mb_s);
            self.clean = self.clean.max(begin) + transfer(work.bytes(), flash);
            // A full cache takes in only what it writes out.
            let behind = if work.fua { 0.0 } else { transfer(self.cache, flash) };
            done = done.max(self.clean - behind);
        }
        *channel = done;
        done
    }
}
