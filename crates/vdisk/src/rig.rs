// SPDX-License-Identifier: MIT OR Apache-2.0
//! The disks of one machine, as the lab handles them.

use crate::bcache_format::{SUPERBLOCK_BYTES, SUPERBLOCK_SECTOR, Superblock};
use crate::cut::{CutKind, CutReport, Policy};
use crate::event::Kind;
use crate::hold::{
    Fault, FaultState, HeldRequest, Hold, HoldError, HoldId, HoldState, PayloadTest,
};
use crate::log::{Described, LogWriter};
use crate::media::{Media, SECTOR};
use crate::nbd::{Export, Server};
use crate::op::{Counter, Matcher, OpMatch};
use crate::shared::Shared;
use crate::spec::{DiskSpec, LONGEST_SOCKET, VdiskError, check};
use crate::state::{Answer, Disk, State};
use crate::store::Store;
use crate::timing::Model;
use proc::Cancel;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often a wait looks at its [`Cancel`].
pub(crate) const LOOK: Duration = Duration::from_millis(20);
/// The content of all disks of a rig at one instant; cheap to make and keep.
#[derive(Clone, Debug)]
pub struct Snapshot {
    disks: Vec<Store>,
}

impl Snapshot {
    /// A snapshot of disks that hold `images`, all of it durable, in the
    /// order of the rig's specifications.
    #[must_use]
    pub fn of_images(images: Vec<Media>) -> Self {
        let disks = images.into_iter().map(|image| {
            let mut store = Store::new(false, u64::MAX);
            store.replace(image);
            store
        });
        Self { disks: disks.collect() }
    }
}

/// Virtual disks with one sequence of events. Threads and sockets end when
/// it is dropped.
pub struct Rig {
    // Dropped first: no client comes in while the rest goes.
    servers: Vec<Server>,
    sockets: Vec<(String, PathBuf)>,
    pub(crate) shared: Arc<Shared>,
    timer: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Rig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rig").field("sockets", &self.sockets).finish_non_exhaustive()
    }
}

impl Rig {
    /// Makes the disks, all zeroes, and serves each on a socket in `dir`.
    ///
    /// # Errors
    /// [`VdiskError`].
    pub fn new(dir: &Path, specs: Vec<DiskSpec>) -> Result<Self, VdiskError> {
        check(&specs)?;
        let disks = specs.iter().map(|spec| Disk {
            name: Arc::from(spec.name.as_str()),
            sectors: spec.sectors,
            store: Store::new(spec.volatile_cache, spec.profile.cache_bytes()),
            delays: Vec::new(),
            model: Model::new(&spec.profile, spec.sectors, spec.volatile_cache),
        });
        let shared = Arc::new(Shared::new(State::new(Instant::now(), disks.collect())));
        let mut rig = Self { servers: Vec::new(), sockets: Vec::new(), shared, timer: None };
        for (number, spec) in specs.iter().enumerate() {
            let path = dir.join(format!("{}.sock", spec.name));
            if path.as_os_str().len() > LONGEST_SOCKET {
                return Err(VdiskError::LongPath(path));
            }
            let export = Export {
                name: spec.name.clone(),
                bytes: spec.sectors * SECTOR as u64,
                rotational: spec.profile.rotational(),
            };
            let server = Server::start(&rig.shared, number, export, &path)
                .map_err(|source| VdiskError::Socket { path: path.clone(), source })?;
            rig.servers.push(server);
            rig.sockets.push((spec.name.clone(), path));
        }
        let shared = Arc::clone(&rig.shared);
        let timer = std::thread::Builder::new()
            .name("vdisk-timer".into())
            .spawn(move || shared.run_timers())
            .map_err(|source| VdiskError::Socket { path: dir.to_owned(), source })?;
        rig.timer = Some(timer);
        Ok(rig)
    }

    /// The socket on which `disk` is served.
    ///
    /// # Panics
    /// If there is no such disk, as in all other methods that name one.
    #[must_use]
    pub fn socket(&self, disk: &str) -> PathBuf {
        self.sockets[self.index(disk)].1.clone()
    }

    /// The number of a disk in [`Policy::KeepBut`].
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn index(&self, disk: &str) -> usize {
        let found = self.sockets.iter().position(|(name, _)| name == disk);
        found.unwrap_or_else(|| panic!("no disk is called {disk:?} in {:?}", self.sockets))
    }

    fn send(&self, answers: Vec<Answer>) {
        for (conn, answer) in answers {
            conn.queue(answer);
        }
    }

    /// Holds a request that is yet to come.
    pub fn hold(&self, hold: Hold) -> HoldId {
        self.install(hold, None)
    }

    /// As [`Rig::hold`], for requests whose payload satisfies `test` (empty
    /// for anything but a write); only those are counted by `nth`.
    pub fn hold_if(&self, hold: Hold, test: impl Fn(&[u8]) -> bool + Send + 'static) -> HoldId {
        self.install(hold, Some(Box::new(test)))
    }

    fn install(&self, hold: Hold, test: Option<PayloadTest>) -> HoldId {
        self.index(&hold.disk);
        let mut state = self.shared.state();
        let id = state.number();
        state.holds.insert(id, HoldState::new(hold, test));
        HoldId(id)
    }

    /// Waits until a request is held.
    ///
    /// # Errors
    /// [`HoldError`].
    pub fn wait_held(
        &self,
        id: HoldId,
        deadline: Duration,
        cancel: &Cancel,
    ) -> Result<HeldRequest, HoldError> {
        let end = Instant::now() + deadline;
        let mut state = self.shared.state();
        loop {
            let hold = state.holds.get(&id.0).ok_or(HoldError::Cut)?;
            if let Some(first) = hold.held.first() {
                return Ok(first.clone());
            }
            if cancel.is_cancelled() {
                return Err(HoldError::Cancelled);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(HoldError::Timeout);
            }
            state = self.shared.wait(state, left.min(LOOK));
        }
    }

    /// Whether a request is held now.
    #[must_use]
    pub fn held(&self, id: HoldId) -> bool {
        self.shared.state().holds.get(&id.0).is_some_and(|hold| !hold.held.is_empty())
    }

    /// Lets the held requests go on and forgets the hold. Harmless when it is
    /// gone already.
    pub fn release(&self, id: HoldId) {
        let answers = self.shared.update(|state| state.release(id.0));
        self.send(answers);
        self.shared.timers_changed();
    }

    /// Every request with `op` on `disk` takes this much longer before it
    /// reaches the media; the first matching delay counts. Zero removes it.
    pub fn delay(&self, disk: &str, op: OpMatch, delay: Duration) {
        let index = self.index(disk);
        let mut state = self.shared.state();
        let delays = &mut state.disks[index].delays;
        delays.retain(|(other, _)| *other != op);
        if !delay.is_zero() {
            delays.push((op, delay));
        }
    }

    /// Spoils requests that are yet to come.
    pub fn fault(&self, matcher: Matcher, fault: Fault) {
        self.install_fault(matcher, fault, None);
    }

    /// As [`Rig::fault`], for requests whose payload satisfies `test` (empty
    /// for anything but a write); only those are counted by `nth`.
    pub fn fault_if(
        &self,
        matcher: Matcher,
        fault: Fault,
        test: impl Fn(&[u8]) -> bool + Send + 'static,
    ) {
        self.install_fault(matcher, fault, Some(Box::new(test)));
    }

    /// Spoils no request of the disk any more; says how many were.
    pub fn mend(&self, disk: &str) -> u64 {
        self.index(disk);
        let mut state = self.shared.state();
        let its = state.faults.extract_if(.., |fault| fault.counter.matcher.disk == disk);
        its.map(|fault| fault.hits).sum()
    }

    fn install_fault(&self, matcher: Matcher, fault: Fault, test: Option<PayloadTest>) {
        self.index(&matcher.disk);
        let fault = FaultState { counter: Counter::new(matcher), test, fault, hits: 0 };
        self.shared.state().faults.push(fault);
    }

    /// Ends the machine's life at one instant of the sequence, for all disks:
    /// nothing later reaches the media or is answered. Connections drop,
    /// requests under way are gone, holds too; delays and faults stay.
    ///
    /// A held request that had not reached the media is kept only if `policy`
    /// says so; one held before its completion is on the disk, unacknowledged.
    pub fn cut(&self, kind: CutKind, policy: Policy) -> CutReport {
        let (report, conns) = self.shared.update(|state| state.cut(kind, policy));
        conns.iter().for_each(|conn| conn.close());
        report
    }

    /// Serves clients again, with what survived.
    pub fn power_on(&self) {
        self.shared.update(|state| {
            if !state.powered {
                state.powered = true;
                state.note(Kind::PowerOn);
            }
        });
    }

    /// What the disk would return now for sectors from `sector` on.
    ///
    /// # Panics
    /// If `out` is not whole sectors.
    pub fn read(&self, disk: &str, sector: u64, out: &mut [u8]) {
        assert!(out.len().is_multiple_of(SECTOR), "a disk is read in whole sectors");
        let index = self.index(disk);
        let end = sector + (out.len() / SECTOR) as u64;
        let state = self.shared.state();
        out.copy_from_slice(&state.disks[index].store.current().read(sector..end));
    }

    /// bcache's superblock on `disk`, as it would be read now.
    #[must_use]
    pub fn superblock(&self, disk: &str) -> Option<Superblock> {
        let mut bytes = [0; SUPERBLOCK_BYTES];
        self.read(disk, SUPERBLOCK_SECTOR, &mut bytes);
        Superblock::parse(&bytes)
    }

    /// All that `disk` would return now; cheap.
    #[must_use]
    pub fn image(&self, disk: &str) -> Media {
        self.shared.state().disks[self.index(disk)].store.current().clone()
    }

    /// Changes the content behind everyone's back, durable at once.
    ///
    /// # Panics
    /// If `bytes` is not whole sectors, or beyond the disk's end.
    pub fn poke(&self, disk: &str, sector: u64, bytes: &[u8]) {
        assert!(bytes.len().is_multiple_of(SECTOR), "a disk is written in whole sectors");
        let (index, sectors) = (self.index(disk), (bytes.len() / SECTOR) as u64);
        self.shared.update(|state| {
            assert!(sector + sectors <= state.disks[index].sectors, "beyond the end of {disk}");
            state.poke(index, sector, bytes);
        });
    }

    /// The disks' content now, with what is open in it.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let state = self.shared.state();
        Snapshot { disks: state.disks.iter().map(|disk| disk.store.clone()).collect() }
    }

    /// Swaps the disks' content while the machine is off: whatever is under
    /// way is gone, connections drop, and [`Rig::power_on`] is needed after.
    ///
    /// # Panics
    /// If the snapshot has another number of disks.
    pub fn restore(&self, snapshot: &Snapshot) {
        let conns: Vec<_> = self.shared.update(|state| {
            assert_eq!(snapshot.disks.len(), state.disks.len(), "a snapshot of another rig");
            state.powered = false;
            state.stop_everything();
            for (disk, store) in state.disks.iter_mut().zip(&snapshot.disks) {
                disk.store.take_content(store);
            }
            state.note(Kind::Restore);
            state.log_life();
            state.conns.drain().map(|(_, conn)| conn).collect()
        });
        conns.iter().for_each(|conn| conn.close());
    }

    /// Writes the sequence from now on to `path`, with what is written to the
    /// disks; [`crate::log`] describes the file and reads it. What the disks
    /// hold now counts as settled there, so flush first what matters.
    ///
    /// # Errors
    /// [`VdiskError::Log`].
    pub fn log_to(&self, path: &Path) -> Result<(), VdiskError> {
        let mut state = self.shared.state();
        let disks = state.disks.iter().map(|disk| Described {
            name: Arc::clone(&disk.name),
            sectors: disk.sectors,
            volatile: disk.store.volatile,
            cache_bytes: disk.store.cache_bytes,
        });
        let log = LogWriter::create(path, disks.collect())
            .map_err(|source| VdiskError::Log { path: path.to_owned(), source })?;
        state.log = Some(log);
        state.log_life();
        Ok(())
    }

    /// Brings the log on disk up to the newest event.
    ///
    /// # Errors
    /// The first error that the log's file reported since it was made; the
    /// disks go on without a log.
    pub fn flush_log(&self) -> io::Result<()> {
        self.shared.state().log.as_ref().map_or(Ok(()), LogWriter::flush)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.shared.stop();
        self.servers.clear();
        if let Some(timer) = self.timer.take() {
            let _ = timer.join();
        }
    }
}
