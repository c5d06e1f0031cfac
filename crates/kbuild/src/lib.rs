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

mod arm;
mod build;
mod config;
mod dirs;
mod event;
mod files;
mod image;
mod kconfig;
mod lock;
mod make;
mod objects;
mod overlay;
mod panics;
pub mod patch;
mod prune;
pub mod series;
pub mod setup;
mod site;
mod source;
mod toolchain;
mod tree;

pub use arm::{Arm, ArmError, PortableArm};
pub use build::{BuildError, Builder};
pub use config::{ConfigError, Fail, KernelConfig, Known, Proof};
pub use dirs::Dirs;
pub use event::{Event, Stage};
pub use image::{Image, cached};
pub use overlay::{Content, Overlay};
pub use proc::Cancel;
pub use prune::{Old, prune};
pub use source::{Provenance, RustSupport, Source, SourceError, SourceSpec};
pub use toolchain::{CcKind, Toolchain, ToolchainError};
