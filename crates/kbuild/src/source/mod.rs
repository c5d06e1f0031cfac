// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel sources: where from, which version, and a private tree of them.

mod archive;
mod directory;
mod error;
mod git;
mod job;
mod obtain;
mod package;
mod provenance;
mod spec;
mod store;
mod version;

pub use error::SourceError;
pub use obtain::Source;
pub use provenance::{Provenance, RustSupport};
pub use spec::SourceSpec;
