// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hands the disks' events on to those who read them.

use judge::decode::{Devices, Seen};
use judge::watch::Watch;
use vdisk::{Event, Rig};

/// A place in the events of a rig. Events that are not read soon are lost: the
/// rig keeps some 260,000 of them and 32 MiB of payload.
#[derive(Debug, Default)]
pub struct Feed {
    next: u64,
}

impl Feed {
    /// From now on.
    pub fn new(rig: &Rig) -> Self {
        Self { next: rig.now() + 1 }
    }

    /// The next event's number.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Hands on what has happened since the last call, with the payloads that
    /// are wanted.
    pub fn each(
        &mut self,
        rig: &Rig,
        devices: Devices,
        wants: impl Fn(&Event) -> bool,
        mut take: impl FnMut(&Seen),
    ) {
        for event in rig.events_since(self.next) {
            let missed = event.seq - self.next;
            self.next = event.seq + 1;
            let payload = wants(&event).then(|| rig.payload(event.request)).flatten();
            take(&Seen { missed, ..Seen::new(event, payload, devices) });
        }
    }
}

/// What the disks have shown, brought up to date by every question.
#[derive(Debug, Default)]
pub struct Watched {
    /// Of the cache set.
    pub devices: Devices,
    feed: Feed,
    watch: Watch,
}

impl Watched {
    /// Nothing seen yet.
    pub fn new(devices: Devices) -> Self {
        Self { devices, ..Self::default() }
    }

    /// Up to now.
    pub fn on(&mut self, rig: &Rig) -> &Watch {
        self.feed.each(rig, self.devices, Watch::wants, |seen| self.watch.take(seen));
        &self.watch
    }
}
