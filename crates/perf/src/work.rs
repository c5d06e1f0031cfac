// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kinds of requests.

use scenario::CacheMode;

/// What is asked of bcache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// 4 KiB writes past the cache, which has nothing of their range.
    BypassWrite,
    /// The same over cached data.
    BypassWriteCached,
    /// 4 KiB reads that miss and are cached.
    ReadMiss,
    /// 4 KiB reads that hit.
    ReadHit,
    /// 4 KiB writes in a cache mode, over cached data or where nothing is cached, on
    /// disks with volatile caches. In writeback until all is written back.
    Mode(CacheMode, bool),
}

impl Work {
    /// What every arm is measured by.
    pub const ALL: [Self; 4] =
        [Self::BypassWrite, Self::BypassWriteCached, Self::ReadMiss, Self::ReadHit];
    /// Writes in each cache mode.
    pub const MODES: [Self; 6] = [
        Self::Mode(CacheMode::Writearound, false),
        Self::Mode(CacheMode::Writearound, true),
        Self::Mode(CacheMode::Writethrough, false),
        Self::Mode(CacheMode::Writethrough, true),
        Self::Mode(CacheMode::Writeback, false),
        Self::Mode(CacheMode::Writeback, true),
    ];

    /// As in results.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::BypassWrite => "bypass-write".to_owned(),
            Self::BypassWriteCached => "bypass-write-cached".to_owned(),
            Self::ReadMiss => "read-miss".to_owned(),
            Self::ReadHit => "read-hit".to_owned(),
            Self::Mode(mode, cached) => {
                format!("{}{}", mode.as_str(), if cached { "-cached" } else { "" })
            }
        }
    }

    pub(crate) fn writes(self) -> bool {
        !matches!(self, Self::ReadMiss | Self::ReadHit)
    }

    pub(crate) fn cached(self) -> bool {
        matches!(self, Self::BypassWriteCached | Self::ReadHit | Self::Mode(_, true))
    }

    pub(crate) fn mode(self) -> CacheMode {
        match self {
            Self::Mode(mode, _) => mode,
            _ => CacheMode::Writearound,
        }
    }
}
