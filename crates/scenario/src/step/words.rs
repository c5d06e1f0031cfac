// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps in words.

use super::Step;

impl Step {
    /// The step in a few words, for progress, logs and messages.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Prime { .. } => "prime the cache".into(),
            Self::Write { at, value, background, .. } => {
                format!("write {value} at {at}{}", if *background { " (background)" } else { "" })
            }
            Self::Join { value } => format!("wait for write {value}"),
            Self::Read { at, .. } => format!("read {at}"),
            Self::StartRead { name, at } => format!("start read {name} of {at}"),
            Self::JoinRead { name, .. } => format!("wait for read {name}"),
            Self::Flush {} => "flush".into(),
            Self::CacheMode { to } => format!("cache mode {}", to.as_str()),
            Self::Hold { name, disk, op, .. } => {
                format!("hold {name}: next {op:?} at the {}", disk.name()).to_lowercase()
            }
            Self::HoldInvalidation { name, of } => format!("hold {name}: invalidation of {of}"),
            Self::HoldCacheWrite { name, of } => format!("hold {name}: cache write of {of}"),
            Self::HoldPriorities { name } => format!("hold {name}: bucket priorities"),
            Self::SpoilCacheWrite { of, how } => {
                format!("spoil the cache write of {of}: {how:?}").to_lowercase()
            }
            Self::Uncached { value, .. } => format!("no data of {value} are on the ssd"),
            Self::Congested { .. } => "the cache is congested".into(),
            Self::Discard { at, value, .. } => format!("discard {value} at {at}"),
            Self::Exhaust { .. } => "use up the free buckets".into(),
            Self::Evict { value, of, .. } => format!("evict {value} at {of}"),
            Self::Fill { at } => format!("a read of {at} gets cached"),
            Self::Counter { name, .. } => format!("counter {}", name.file()),
            Self::Set { setting, value } => format!("set {} to {value}", setting.file()),
            Self::Life { event } => format!("{event:?}").to_lowercase(),
            Self::WriteAll { r#in, .. } => format!("write all of {}", r#in),
            Self::RewriteUntil { at, is, .. } => {
                format!("write {at} again and again until {is:?}").to_lowercase()
            }
            Self::Arrives { disk, op, at, .. } => {
                format!("{op:?} of {at} comes to the {}", disk.name()).to_lowercase()
            }
            Self::Slow { disk, op, ms } => {
                format!("{op:?} takes {ms} ms more at the {}", disk.name()).to_lowercase()
            }
            Self::AwaitState { is, .. } => format!("wait until {is:?}").to_lowercase(),
            Self::NoInvalidation { at, .. } => format!("no invalidation of {at} is durable"),
            Self::AwaitHeld { name, or: None, .. } => format!("wait until {name} is held"),
            Self::AwaitHeld { name, or: Some(other), .. } => {
                format!("wait until {name} or {other} is held")
            }
            Self::Release { name } => format!("release {name}"),
            Self::AwaitInvalidation { at, .. } => format!("watch for the invalidation of {at}"),
            Self::AwaitJournaled { at, .. } => format!("watch for a key of {at}"),
            Self::Settle {} => "settle".into(),
            Self::WriteLeaf { .. } => "force a leaf write".into(),
            Self::FillCache { .. } => "fill the cache".into(),
            Self::ReadPieces { r#in } => format!("read pieces of {}", r#in),
            Self::WritePieces { r#in } => format!("write pieces of {}", r#in),
            Self::AwaitDropped { at, .. } => format!("wait until the btree has no key of {at}"),
            Self::AdvanceJournal { .. } => "advance the journal".into(),
            Self::Cut { kind, .. } => format!("{kind:?} cut").to_lowercase(),
            Self::Boot {} => "boot again".into(),
            Self::Judge {} => "judge".into(),
        }
    }
}
