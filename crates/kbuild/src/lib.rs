// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a kernel source and a stack of patches to a bootable image.
//!
//! ```text
//! Source (package, tarball, directory, git) ─┐
//! Arm (patches, files, options) ─────────────┼─ Builder ─ Image (vmlinux, by content)
//! KernelConfig (fragments) ──────────────────┘
//! ```
//!
//! Everything is kept below the cache directory: sources unpacked once, one
//! object tree per source and configuration that all arms are built in
//! incrementally, and finished images by the hash of all that went into them.
//! A user's own tree is only ever read.

#![allow(missing_docs, reason = "of fields and variants, those whose names say it")]

mod arm;
mod builder;
pub mod config;
mod dirs;
mod error;
mod event;
mod files;
mod host;
mod image;
mod kconfig;
mod make;
mod make_vars;
mod objects;
mod panics;
mod prune;
pub mod setup;
pub mod site;
mod source;
pub mod toolchain;
mod tree;

pub use arm::{Arm, ArmError, Occasion, PortableArm, Role, Tracker, Variant};
pub use builder::Builder;
pub use config::{ConfigError, Fail, KernelConfig, Known, Proof};
pub use dirs::Dirs;
pub use error::BuildError;
pub use event::{Event, from_debian};
pub use host::Host;
pub use image::{Image, cached};
pub use make::Outcome;
pub use make_vars::{MakeVarError, MakeVars};
pub use patch::{Content, Overlay};
pub use proc::Cancel;
pub use prune::{Old, prune};
pub use source::{Provenance, RustSupport, Source, SourceError, SourceSpec};
pub use toolchain::{CcKind, Toolchain, ToolchainError};
