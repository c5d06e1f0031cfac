// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signed Debian packages of any suite, without touching the system.
//!
//! The kernel source that the lab tests lives in a suite that most machines
//! do not have in their sources. [`PrivateApt`] is an area of our own (its
//! sources, lists and cache are below the tool's cache directory) that the
//! system's `apt-get` works in as an ordinary user. Trust stays where it was:
//! apt checks the archive's signature against Debian's keyring, and every file
//! against the signed lists. Mirrors are those that the system is set up for.
//! Where the host is no Debian, or its mirror lacks a file, [`Packages`] takes them
//! from the archive itself.

#![allow(missing_docs, reason = "of fields and variants, those whose names say it")]

mod archive;
mod area;
mod error;
mod event;
mod fetch;
mod mirrors;
mod packages;
mod release;
mod unpack;
mod update;

pub use area::PrivateApt;
pub use error::AptError;
pub use event::Event;
pub use packages::Packages;
pub use release::Release;
pub use unpack::{SourceDir, unpack_deb};
pub use update::expire_lists;
