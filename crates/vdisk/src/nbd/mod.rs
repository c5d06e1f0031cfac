// SPDX-License-Identifier: MIT OR Apache-2.0
//! The NBD server: how clients reach a disk.
//!
//! One thread reads a connection and answers what can be answered at once; a
//! second one sends what was held or delayed, so that a client that does not
//! read its answers stops nobody but itself.

pub(crate) mod conn;
mod handshake;
mod inbox;
mod proto;
pub(crate) mod reply;
mod server;
mod wire;

pub(crate) use handshake::Export;
pub(crate) use server::Server;

#[cfg(test)]
mod fuzz;
