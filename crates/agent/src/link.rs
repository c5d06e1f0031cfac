// SPDX-License-Identifier: MIT OR Apache-2.0
//! The virtio-serial port named `lab`.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use wire::FromGuest;

const PORTS: &str = "/sys/class/virtio-ports";
const NAME: &str = "lab";

/// Both directions of the port; cheap to clone.
#[derive(Clone)]
pub struct Link(Arc<Inner>);

struct Inner {
    port: File,
    /// Whole messages only: a message is longer than one `write` may take.
    sending: Mutex<()>,
    silent: AtomicBool,
}

impl Link {
    /// Waits until the port is there (the driver adds ports from a work queue,
    /// so PID 1 may be faster) and opens it.
    pub fn open() -> Self {
        let start = Instant::now();
        let mut complained = false;
        loop {
            if let Some(port) =
                find().and_then(|path| File::options().read(true).write(true).open(path).ok())
            {
                return Self(Arc::new(Inner {
                    port,
                    sending: Mutex::new(()),
                    silent: AtomicBool::new(false),
                }));
            }
            if start.elapsed() > Duration::from_secs(5) && !complained {
                complained = true;
                eprintln!("agent: no virtio-serial port named {NAME:?} after 5 s; still waiting");
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Sends one message. The port cannot fail: it blocks while the host is
    /// not connected.
    pub fn send(&self, message: &FromGuest) {
        let line = wire::encode(message);
        let guard = self.0.sending.lock().unwrap_or_else(PoisonError::into_inner);
        self.park_if_silent();
        if let Err(error) = (&self.0.port).write_all(&line) {
            eprintln!("agent: sending to the host: {error}");
        }
        drop(guard);
    }

    /// As [`Link::send`], but gives up when another thread is sending: for a
    /// panic inside `send` itself.
    pub fn try_send(&self, message: &FromGuest) {
        if let Ok(_guard) = self.0.sending.try_lock() {
            let _ = (&self.0.port).write_all(&wire::encode(message));
        }
    }

    /// Reads some bytes, at least one; waits while the host is away.
    pub fn read(&self, buffer: &mut [u8]) -> usize {
        loop {
            self.park_if_silent();
            match (&self.0.port).read(buffer) {
                Ok(0) => thread::sleep(Duration::from_millis(2)),
                Ok(count) => return count,
                Err(error) => {
                    eprintln!("agent: reading from the host: {error}");
                    thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }

    /// From now on every thread that touches the link stops for good.
    pub fn fall_silent(&self) -> ! {
        self.0.silent.store(true, Ordering::SeqCst);
        park_forever()
    }

    fn park_if_silent(&self) {
        if self.0.silent.load(Ordering::SeqCst) {
            park_forever();
        }
    }
}

/// Stops this thread without ending it.
pub fn park_forever() -> ! {
    loop {
        thread::park();
    }
}

fn find() -> Option<PathBuf> {
    for entry in fs::read_dir(PORTS).ok()?.flatten() {
        let name = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
        if name.trim_end() == NAME {
            return Some(PathBuf::from("/dev").join(entry.file_name()));
        }
    }
    None
}
