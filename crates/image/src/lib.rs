// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guest's initramfs: the agent, make-bcache, busybox and fio in one cpio
//! archive, made without root and cached by content.
//!
//! What goes in is data (`images/guest.toml`). The same inputs give the same
//! bytes, and so the same [`GuestImage::key`], on every build.

#![allow(missing_docs, reason = "of fields and variants, those whose names say it")]

mod agent;
mod build;
mod cache;
mod counter;
mod cpio;
mod error;
mod event;
mod fio;
mod libraries;
mod manifest;
mod packages;
mod step;

pub use build::{GuestImage, build};
pub use counter::counter;
pub use error::ImageError;
pub use event::{ImageDirs, ImageEvent};
