// SPDX-License-Identifier: MIT OR Apache-2.0
//! What crosses between host and guest: the messages on the link, and the
//! stamp that every block written by us carries.
//!
//! Both ends are built from this crate, so a mismatch can only come from a
//! stale guest image; [`PROTOCOL`] in the greeting catches that.
#![allow(missing_docs)] // a comment stands where a name does not say it

mod codec;
mod message;
mod stamp;
pub mod volume;

pub use codec::{CodecError, MAX_LINE, decode, encode};
pub use message::{
    Answer, Content, Device, ExecOutput, Extent, FromGuest, Greeting, Op, PROTOCOL, Refusal,
    Request, Run,
};
pub use stamp::{SECTOR, Stamp, classify, classify_all};
