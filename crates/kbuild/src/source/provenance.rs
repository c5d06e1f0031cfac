// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a source is.

use evidence::Origin;
use serde::{Deserialize, Serialize};

/// What a kernel was built from, for the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Where it is from.
    pub origin: Origin,
    /// As the kernel calls itself: `7.3.4`.
    pub kernel: String,
    /// Identifies the content: `deb:…`, `blake3:…` or `git-tree:…`.
    pub hash: String,
}

/// Whether the lab's Rust arms can build in a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RustSupport {
    Yes,
    /// They cannot: this file of the kernel's Rust API is not there.
    Lacks(&'static str),
}
