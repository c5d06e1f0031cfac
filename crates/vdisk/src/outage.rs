// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a machine's life ends, and what the lab does behind its back.

use crate::cut::{CutKind, CutReport, Policy, Survival};
use crate::event::{Event, Kind};
use crate::media::SECTOR;
use crate::nbd::conn::Conn;
use crate::request::{Request, Stage};
use crate::rng::Rng;
use crate::state::State;
use crate::store::Change;
use crate::timing::Model;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

impl State {
    /// Ends the machine's life at this point of the sequence.
    pub fn cut(&mut self, kind: CutKind, policy: Policy) -> (CutReport, Vec<Arc<Conn>>) {
        let at_event = self.note(Kind::Cut(kind));
        self.powered = false;
        let in_flight = self.stop_everything();
        let mut rng = Rng::new(if let Policy::Seeded(seed) = policy { seed } else { 0 });
        let mut report = CutReport { at_event, kind, lost: Vec::new(), kept: Vec::new() };
        for (number, (disk, in_flight)) in self.disks.iter_mut().zip(&in_flight).enumerate() {
            let policy = policy.on(number);
            let fates = match kind {
                CutKind::Power => disk.store.cut(policy, in_flight, &mut rng),
                CutKind::Reset => disk.store.reset(policy, in_flight, at_event),
            };
            for mut fate in fates.into_iter().filter(Survival::was_open) {
                fate.disk = disk.name.to_string();
                if fate.lost.is_empty() { report.kept.push(fate) } else { report.lost.push(fate) }
            }
        }
        if kind == CutKind::Power {
            self.log_life();
        } else {
            self.note_landed(&report);
        }
        (report, self.conns.drain().map(|(_, conn)| conn).collect())
    }

    /// What a reset let into the caches without a word to anyone.
    fn note_landed(&mut self, report: &CutReport) {
        for fate in report.kept.iter().filter(|fate| !fate.applied) {
            let disk = self.disks.iter().position(|disk| *disk.name == *fate.disk);
            let at = (fate.sector, fate.sectors);
            disk.map(|disk| self.note_disk(disk, Kind::Media, fate.request, at));
        }
    }

    /// Changes the content behind everyone's back.
    pub fn poke(&mut self, disk: usize, sector: u64, bytes: &[u8]) {
        self.disks[disk].store.poke(sector, bytes);
        let (hash, data) = (xxh3_128(bytes), Arc::new(bytes.to_vec()));
        let event = Event {
            content: hash as u64,
            disk: Arc::clone(&self.disks[disk].name),
            request: self.number(),
            sector,
            sectors: (bytes.len() / SECTOR) as u64,
            ..self.blank(Kind::Poke)
        };
        self.push_with(event, Some((hash, data)));
    }

    /// Forgets all requests and holds; per disk, the changes that had not
    /// been applied, in the order of their issue.
    pub fn stop_everything(&mut self) -> Vec<Vec<Change>> {
        self.holds.clear();
        self.timers.clear();
        self.disks.iter_mut().filter_map(|disk| disk.model.as_mut()).for_each(Model::reset);
        let mut requests: Vec<Request> = self.requests.drain().map(|(_, r)| r).collect();
        requests.sort_by_key(|request| request.id);
        let mut in_flight = vec![Vec::new(); self.disks.len()];
        // One that is past its media stage has had its effect, or its fault.
        for request in requests.iter().filter(|r| r.stage <= Stage::Media) {
            in_flight[request.disk].extend(request.change());
        }
        in_flight
    }
}
