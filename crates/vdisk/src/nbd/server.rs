// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listens on a disk's socket and serves whoever connects.

use super::conn::Conn;
use super::handshake::{Export, Outcome, handshake};
use super::inbox::{Inbox, Wish};
use super::reply;
use crate::event::Kind;
use crate::shared::Shared;
use crate::state::State;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use xxhash_rust::xxh3::xxh3_128;

/// Clients at once per disk; QEMU needs one, test clients a few.
const MAX_CLIENTS: usize = 64;
/// Answers are sent together up to about this many bytes.
const SEND_BYTES: usize = 1 << 20;

/// One disk's listening socket; closed and removed when dropped.
pub(crate) struct Server {
    path: PathBuf,
    listener: Arc<UnixListener>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(
        shared: &Arc<Shared>,
        disk: usize,
        export: Export,
        path: &Path,
    ) -> io::Result<Self> {
        let listener = Arc::new(UnixListener::bind(path)?);
        let (ours, shared) = (Arc::clone(&listener), Arc::clone(shared));
        let thread = std::thread::Builder::new()
            .name(format!("vdisk-{}", export.name))
            .spawn(move || accept(&ours, &shared, disk, &export))?;
        Ok(Self { path: path.to_owned(), listener, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Wakes the accepting thread with an error.
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>, disk: usize, export: &Export) {
    let clients = Arc::new(AtomicUsize::new(0));
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(_) if shared.stopping() => return,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return,
            // Out of file descriptors, or a client that was gone at once.
            Err(_) => {
                std::thread::sleep(std::time::Duration::from_millis(10));
                continue;
            }
        };
        if shared.stopping() {
            return;
        }
        if !shared.state().powered || clients.fetch_add(1, Ordering::Relaxed) >= MAX_CLIENTS {
            let _ = stream.shutdown(Shutdown::Both);
            continue;
        }
        let (shared, export, count) = (Arc::clone(shared), export.clone(), Arc::clone(&clients));
        let client = std::thread::Builder::new().name(format!("nbd-{}", export.name));
        let served = client.spawn(move || {
            // A client that vanishes or breaks the protocol ends its own
            // connection; there is nobody left to tell.
            let _ = serve(stream, &shared, disk, &export);
            count.fetch_sub(1, Ordering::Relaxed);
        });
        if served.is_err() {
            clients.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn serve(
    mut stream: UnixStream,
    shared: &Arc<Shared>,
    disk: usize,
    export: &Export,
) -> io::Result<()> {
    let Outcome::Transmit(terms) = handshake(&mut stream, export)? else { return Ok(()) };
    let ours = stream.try_clone()?;
    let Some(conn) = shared.connect(|id| Conn::new(id, disk, terms, ours)) else {
        return Ok(());
    };
    let sender = {
        let conn = Arc::clone(&conn);
        std::thread::Builder::new().name("nbd-send".into()).spawn(move || conn.send_queued())
    };
    let ended = sender.as_ref().map_or(Ok(()), |_| {
        let mut inbox = Inbox::new(stream, export.bytes);
        transmit(&mut inbox, shared, &conn)
    });
    shared.disconnect(&conn);
    conn.close();
    if let Ok(sender) = sender {
        let _ = sender.join();
    }
    ended
}

fn transmit(inbox: &mut Inbox<UnixStream>, shared: &Shared, conn: &Arc<Conn>) -> io::Result<()> {
    let mut out = Vec::new();
    loop {
        let wishes = inbox.wishes()?;
        let mut commands = Vec::with_capacity(wishes.len());
        let mut leaves = false;
        for wish in wishes {
            match wish {
                Wish::Run(command) => {
                    let content = command.payload.as_ref().map_or(0, |data| xxh3_128(data));
                    commands.push((command, content));
                }
                Wish::Status { cookie, range, one } => {
                    let state = shared.state();
                    let media = state.disks[conn.disk].store.current();
                    let extents = media.extents(range.clone());
                    reply::block_status(conn, cookie, range, extents, one, &mut out);
                }
                Wish::Refuse { cookie, error, why } => {
                    reply::refuse(conn.terms, cookie, error, why, &mut out);
                }
                Wish::Leave => leaves = true,
            }
        }
        // First all are issued, then they are run: requests that were under
        // way together stay together in the sequence.
        let issue = |state: &mut State| {
            let each = commands.into_iter();
            each.map(|(command, content)| state.issue(conn, command, content)).collect()
        };
        let Some(issued): Option<Vec<u64>> = shared.update(issue) else { return Ok(()) };
        let mut issued = issued.into_iter();
        let mut parked = false;
        loop {
            shared.update(|state| {
                while out.len() < SEND_BYTES
                    && let Some(id) = issued.next()
                {
                    match state.run(id) {
                        None => parked = true,
                        Some((_, answer)) if out.is_empty() => out = answer,
                        Some((_, answer)) => out.extend_from_slice(&answer),
                    }
                }
            });
            if !out.is_empty() {
                conn.send(&out)?;
                out.clear();
            }
            if issued.len() == 0 {
                break;
            }
        }
        if parked {
            shared.timers_changed();
        }
        if leaves {
            return Ok(());
        }
    }
}

impl Shared {
    /// Lets a client in, unless the power is off.
    fn connect(&self, make: impl FnOnce(u64) -> Conn) -> Option<Arc<Conn>> {
        self.update(|state| {
            if !state.powered || self.stopping() {
                return None;
            }
            let conn = Arc::new(make(state.number()));
            state.conns.insert(conn.id, Arc::clone(&conn));
            state.note_disk(conn.disk, Kind::Connect, conn.id, (0, 0));
            Some(conn)
        })
    }

    fn disconnect(&self, conn: &Conn) {
        self.update(|state| {
            if state.conns.remove(&conn.id).is_some() {
                state.note_disk(conn.disk, Kind::Disconnect, conn.id, (0, 0));
            }
        });
    }
}
