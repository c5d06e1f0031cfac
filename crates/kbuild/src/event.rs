// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the caller is told while something takes long.

use std::time::{Duration, Instant};

/// One message to whoever watches.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// How far something is.
    Progress {
        /// What is worked on: a package, an arm, a file.
        what: String,
        /// Steps done (files compiled, percent fetched).
        done: u64,
        /// Steps in all, as far as can be told; never less than `done`.
        total: Option<u64>,
        /// What a step is: `files`, `%`; empty where none is counted.
        unit: &'static str,
    },
    /// Not an error, but worth a line.
    Notice(String),
}

/// Sends progress of one stage, not oftener than a person can read.
pub(crate) struct Meter<'a> {
    on_event: &'a dyn Fn(Event),
    what: String,
    unit: &'static str,
    last: Option<Instant>,
}

impl<'a> Meter<'a> {
    pub(crate) fn start(on_event: &'a dyn Fn(Event), what: &str, unit: &'static str) -> Self {
        let mut meter = Self { on_event, what: what.into(), unit, last: None };
        meter.at(0, None);
        meter
    }

    pub(crate) fn at(&mut self, done: u64, total: Option<u64>) {
        let now = Instant::now();
        if self.last.is_some_and(|last| now - last < Duration::from_millis(100)) {
            return;
        }
        self.last = Some(now);
        (self.on_event)(Event::Progress {
            what: self.what.clone(),
            done,
            total: total.map(|total| total.max(done)),
            unit: self.unit,
        });
    }
}

/// Tells of a wait, each time it is called.
pub(crate) fn waiting(on_event: &dyn Fn(Event), what: &str) -> impl FnMut() {
    let mut meter: Option<Meter> = None;
    move || meter.get_or_insert_with(|| Meter::start(on_event, what, "")).at(0, None)
}

/// The package area's events in our words.
pub fn from_debian(on_event: &dyn Fn(Event), event: debian::Event) {
    let progress = |what: String, percent: f32| {
        (on_event)(Event::Progress {
            what,
            // Saturates: a percentage below 0 or above 100 is apt's problem.
            done: percent as u64,
            total: Some(100),
            unit: "%",
        });
    };
    match event {
        debian::Event::Fetching { what, percent } => progress(what, percent),
        debian::Event::Waiting { what } | debian::Event::Unpacking { what } => progress(what, 0.0),
        debian::Event::Notice(text) => on_event(Event::Notice(text)),
    }
}
