// SPDX-License-Identifier: MIT OR Apache-2.0
//! A life of the disks, cut into stretches without promises.

use crate::cut::{CutKind, Policy};
use crate::event::{Event, Kind};
use crate::log::{Life, Log, LogError};
use crate::media::Media;
use crate::op::Op;
use crate::store::{Body, Change, Store};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// A change whose fate a cut would decide.
#[derive(Clone, Debug)]
pub struct OpenChange {
    /// Which disk, in the log's order.
    pub disk: usize,
    /// Sectors where the change may still show.
    pub live: Vec<Range<u64>>,
    /// Number of its completion's event, if it was acknowledged.
    pub completed: Option<u64>,
    /// Whether it had reached the disk.
    pub applied: bool,
    pub(crate) change: Change,
}

impl OpenChange {
    #[must_use]
    pub fn request(&self) -> u64 {
        self.change.request
    }

    /// The sectors that the request was for.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.change.range.clone()
    }

    /// What a write carries.
    #[must_use]
    pub fn payload(&self) -> Option<Arc<Vec<u8>>> {
        match &self.change.body {
            Body::Data(data) => Some(Arc::clone(data)),
            Body::Zero => None,
        }
    }
}

/// A stretch of the sequence in which nothing new is promised.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// The cut comes before this event.
    pub before: u64,
    /// What is promised, for each disk.
    pub durable: Vec<Media>,
    /// What is not, in the order in which it would overwrite.
    pub open: Vec<OpenChange>,
}

/// The epochs of a life, in order.
pub struct Epochs<'a> {
    log: &'a Log,
    life: &'a Life,
    stores: Vec<Store>,
    at: usize,
    /// Issued, not applied: by request.
    on_the_way: BTreeMap<u64, (usize, Change)>,
    /// When flushes were issued.
    flushes: BTreeMap<u64, u64>,
    /// The last reset, and what was on the way when it came: some of that may
    /// have landed in a cache.
    last_reset: u64,
    landing: BTreeMap<u64, (usize, Change)>,
    /// Whether contents matter; they do not for counting.
    contents: bool,
}

impl<'a> Epochs<'a> {
    /// Begins at the beginning of `life`.
    ///
    /// # Errors
    /// [`LogError::Io`] when contents cannot be read, here and while going on.
    pub fn new(log: &'a Log, life: &'a Life) -> Result<Self, LogError> {
        Self::start(log, life, log.beginning(life)?, true)
    }

    /// As [`Epochs::new`], with zeroes for all contents: for counting.
    pub(crate) fn blank(log: &'a Log, life: &'a Life) -> Result<Self, LogError> {
        Self::start(log, life, vec![Media::default(); log.disks.len()], false)
    }

    fn start(
        log: &'a Log,
        life: &'a Life,
        images: Vec<Media>,
        contents: bool,
    ) -> Result<Self, LogError> {
        let stores = log.disks.iter().zip(images).map(|(disk, image)| {
            // A model without a limit: what a full cache wrote out early may
            // still be thought of as lost, and nothing promised is.
            let mut store = Store::new(disk.volatile_cache, u64::MAX);
            store.replace(image);
            store
        });
        Ok(Self {
            log,
            life,
            stores: stores.collect(),
            at: 0,
            on_the_way: BTreeMap::new(),
            flushes: BTreeMap::new(),
            last_reset: 0,
            landing: BTreeMap::new(),
            contents,
        })
    }

    fn disk(&self, event: &Event) -> Option<usize> {
        self.log.disks.iter().position(|disk| disk.name == event.disk)
    }

    fn change(&self, event: &Event) -> Result<Option<Change>, LogError> {
        let body = match event.op {
            Some(Op::Write) if self.contents => {
                Body::Data(self.log.payload(self.life, event.request)?)
            }
            Some(Op::Write | Op::Trim | Op::WriteZeroes) => Body::Zero,
            _ => return Ok(None),
        };
        let range = event.sector..event.sector + event.sectors;
        Ok(Some(Change { request: event.request, range, body, fua: event.fua }))
    }

    /// Whether `event` takes possibilities away: what it promises cannot be
    /// lost any more, and what it lets fail cannot land any more.
    fn narrows(&self, event: &Event) -> bool {
        let Some(store) = self.disk(event).map(|disk| &self.stores[disk]) else {
            return event.kind == Kind::Cut(CutKind::Reset);
        };
        let coming = self.on_the_way.get(&event.request);
        match event.kind {
            Kind::Poke => true,
            Kind::Media => coming
                .is_some_and(|(_, change)| event.sectors < change.range.end - change.range.start),
            Kind::Complete if event.error != 0 => coming.is_some(),
            Kind::Complete => match self.flushes.get(&event.request) {
                Some(&issued) => store.flush_promises(issued),
                None => store.completing_promises(event.request),
            },
            _ => false,
        }
    }

    fn step(&mut self, event: &Event) -> Result<(), LogError> {
        let Some(disk) = self.disk(event) else {
            if event.kind == Kind::Cut(CutKind::Reset) {
                self.last_reset = event.seq;
                self.landing = std::mem::take(&mut self.on_the_way);
                for store in &mut self.stores {
                    store.reset(Policy::KeepAll, &[], event.seq);
                }
            }
            return Ok(());
        };
        match event.kind {
            Kind::Issue => {
                if let Some(change) = self.change(event)? {
                    self.on_the_way.insert(event.request, (disk, change));
                } else if event.op == Some(Op::Flush) {
                    self.flushes.insert(event.request, event.seq);
                }
            }
            Kind::Media => self.apply(disk, event),
            Kind::Complete => {
                self.on_the_way.remove(&event.request);
                match self.flushes.remove(&event.request) {
                    Some(issued) if event.error == 0 => self.stores[disk].flushed(issued),
                    Some(_) => (),
                    None => self.stores[disk].complete(event.request, event.seq, event.error == 0),
                }
            }
            Kind::Poke if self.contents => {
                let data = self.log.payload(self.life, event.request)?;
                self.stores[disk].poke(event.sector, &data);
            }
            _ => (),
        }
        Ok(())
    }

    fn apply(&mut self, disk: usize, event: &Event) {
        if let Some((_, change)) = self.on_the_way.remove(&event.request) {
            if event.sectors > 0 {
                self.stores[disk].apply(change.cut_to(event.sectors));
            }
        } else if let Some((_, change)) = self.landing.remove(&event.request) {
            // In the cache by a reset: nobody will say more of it.
            self.stores[disk].apply(change);
            self.stores[disk].complete(event.request, self.last_reset, true);
        }
    }

    fn epoch(&self, before: u64) -> Epoch {
        let mut open = Vec::new();
        for (disk, store) in self.stores.iter().enumerate() {
            for (change, live, completed) in store.open().filter(|(_, live, _)| !live.is_empty()) {
                let (live, change) = (live.to_vec(), change.clone());
                open.push(OpenChange { disk, live, completed, applied: true, change });
            }
        }
        for (disk, change) in self.on_the_way.values() {
            let live = vec![change.range.clone()];
            let change = change.clone();
            open.push(OpenChange { disk: *disk, live, completed: None, applied: false, change });
        }
        let durable = self.stores.iter().map(|store| store.durable().clone()).collect();
        Epoch { before, durable, open }
    }
}

impl Iterator for Epochs<'_> {
    type Item = Result<Epoch, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let events = &self.life.events;
        while let Some(event) = events.get(self.at) {
            let found = self.narrows(event);
            let last = matches!(event.kind, Kind::Cut(CutKind::Power) | Kind::Restore);
            if found || last {
                let epoch = self.epoch(event.seq);
                if last {
                    self.at = events.len() + 1;
                } else if let Err(error) = self.step(event) {
                    return Some(Err(error));
                } else {
                    self.at += 1;
                }
                return Some(Ok(epoch));
            }
            if let Err(error) = self.step(event) {
                self.at = events.len() + 1;
                return Some(Err(error));
            }
            self.at += 1;
        }
        let end = self.at == events.len();
        self.at += 1;
        end.then(|| Ok(self.epoch(events.last().map_or(0, |event| event.seq + 1))))
    }
}
