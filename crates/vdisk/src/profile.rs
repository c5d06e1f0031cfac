// SPDX-License-Identifier: MIT OR Apache-2.0
//! How fast a disk is.

/// A disk's timing, and how much its cache holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    cache_bytes: u64,
    rotational: bool,
}

impl Profile {
    /// As fast as the host can; a cache of 256 MiB where it is volatile.
    #[must_use]
    pub fn none() -> Self {
        Self { cache_bytes: 256 << 20, rotational: false }
    }

    pub(crate) fn cache_bytes(&self) -> u64 {
        self.cache_bytes
    }

    pub(crate) fn rotational(&self) -> bool {
        self.rotational
    }
}
