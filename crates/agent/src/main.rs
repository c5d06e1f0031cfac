// SPDX-License-Identifier: MIT OR Apache-2.0
//! PID 1 of the guest: carries out what the host asks for over virtio-serial.
//!
//! The kernel panic_hook when PID 1 ends, so nothing in here may end it: failures
//! become answers, and a bug in a request costs that request only (see
//! [`panic_hook`]).

mod cpu;
mod devices;
mod direct;
mod drive;
mod errno;
mod exec;
mod failure;
mod files;
mod link;
mod mounts;
mod panic_hook;
mod power;
mod reads;
mod serve;
mod stream;
mod writes;

use link::Link;
use rustix::time::{ClockId, clock_gettime};
use wire::{FromGuest, Greeting, PROTOCOL};

fn main() {
    if let Err(failure) = mounts::mount_all() {
        // Without /sys the port cannot be found: say why the host will wait.
        eprintln!("agent: {failure}");
    }
    // Where programs may leave files.
    let _ = std::env::set_current_dir("/tmp");
    let link = Link::open();
    panic_hook::survive_panics(&link);
    exec::start_reaper();
    link.send(&FromGuest::Hello(greeting()));
    serve::serve(&link);
}

fn greeting() -> Greeting {
    let now = clock_gettime(ClockId::Boottime);
    let uptime_ms = now.tv_sec.unsigned_abs() * 1000 + now.tv_nsec.unsigned_abs() / 1_000_000;
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    Greeting { protocol: PROTOCOL, release, uptime_ms }
}
