// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kinds of bad states, and which of them an arm is expected to have.

use crate::history::History;
use crate::story::{Fate, Item, Losses, Story};
use evidence::Verdict;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use wire::Content;

/// The journal writes itself after 100 ms; an invalidation that was due five
/// times as long and is not even on its way is not meant to come.
const JOURNAL_DELAY_NS: u64 = 500_000_000;

/// How the cache came to hold something else than the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The invalidation survived, and the old data came in after it (S1, S2).
    PastInvalidation,
    /// The new data survived the cut, the journal entry with the invalidation
    /// did not (S4).
    InvalidationLost,
    /// The new data survived, and the invalidation was still waiting in
    /// memory for the journal's next write (S4, a moment earlier).
    InvalidationPending,
    /// The new data survived, and long after its submission no invalidation
    /// had been written (S3).
    NoInvalidation,
    /// The cache holds something newer than the disk, and calls it clean.
    DiskBehind,
    /// The only copy of a flushed write was dirty in the cache; a bypass write
    /// over it had it invalidated, and did not survive itself.
    DirtyInvalidated,
}

impl Cause {
    fn as_str(self) -> &'static str {
        match self {
            Self::PastInvalidation => "past-invalidation",
            Self::InvalidationLost => "invalidation-lost",
            Self::InvalidationPending => "invalidation-pending",
            Self::NoInvalidation => "no-invalidation",
            Self::DiskBehind => "disk-behind",
            Self::DirtyInvalidated => "dirty-invalidated",
        }
    }
}

/// What is wrong with a state: `VERDICT`, `VERDICT/CAUSE`, or `unusable/HOW`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(pub String);

impl Kind {
    /// Of a finding.
    #[must_use]
    pub fn of(verdict: Verdict, cause: Option<Cause>) -> Self {
        Self(cause.map_or(verdict.to_string(), |cause| format!("{verdict}/{}", cause.as_str())))
    }

    /// Of a state on which bcache does not come up.
    #[must_use]
    pub fn unusable(how: &str) -> Self {
        Self(format!("unusable/{how}"))
    }

    /// What happened, in a sentence for whoever knows bcache; `None` where the
    /// name says all there is to say.
    #[must_use]
    pub fn meaning(&self) -> Option<&'static str> {
        Some(match self.0.split_once('/')?.1 {
            "past-invalidation" => {
                "the write's invalidation is durable, but a read miss (cached_dev_cache_miss) \
                 inserted the data from before the write after it"
            }
            "invalidation-lost" => {
                "the new data reached the backing device, the journal entry that invalidates the \
                 cached copy did not reach the cache"
            }
            "invalidation-pending" => {
                "the new data reached the backing device while the invalidation was still \
                 waiting for the next journal write (journal_delay_ms)"
            }
            "no-invalidation" => {
                "the new data reached the backing device, and long after that the invalidation \
                 had not been journaled: it is deferred until the write completes"
            }
            "disk-behind" => {
                "the cache calls its copy clean, but the backing device lost that write: it was \
                 never flushed before the key said clean"
            }
            "dirty-invalidated" => {
                "the only copy of a flushed write was dirty in the cache; a bypass write over it \
                 (cached_dev_write) had its key invalidated durably and was lost itself"
            }
            "torn-set" => {
                "a btree write was torn by the cut; bch_btree_node_read_done takes the bad \
                 checksum for a broken cache and bch_cache_set_error stops all of it, although \
                 the journal has the keys"
            }
            "guest-refused" => "the kernel refuses to register the cache",
            _ => return None,
        })
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// Number of the write that a sector holds; 0 for never written.
fn version(content: Option<Content>) -> Option<u64> {
    match content? {
        Content::Stamped { seq, .. } => Some(seq),
        Content::Blank => Some(0),
        _ => None,
    }
}

/// Why bcache returns `front` for `sector` while the disk holds `back`, after
/// a cut before event `before` that lost `losses`.
#[must_use]
pub fn cause(
    story: &Story,
    history: &History,
    losses: &Losses,
    before: u64,
    sector: u64,
    (front, back): (Option<Content>, Option<Content>),
) -> Option<Cause> {
    let (front, back) = (version(front)?, version(back)?);
    if front == back {
        return None;
    }
    if front > back {
        return Some(Cause::DiskBehind);
    }
    let newer = history.write(back)?;
    let mut known = false;
    for item in story.invalidations(sector, newer.issued) {
        match losses.fate(item, before) {
            Fate::Kept => return Some(Cause::PastInvalidation),
            Fate::Lost | Fate::Torn => known = true,
            Fate::NotYet => {}
        }
    }
    if known {
        return Some(Cause::InvalidationLost);
    }
    let submitted = story.items.iter().find(|item| item.issued > newer.issued)?.issued_ns;
    let waited = story.time_before(before).saturating_sub(submitted);
    Some(if waited > JOURNAL_DELAY_NS { Cause::NoInvalidation } else { Cause::InvalidationPending })
}

/// Why a flushed write to `sector` is gone after a cut before event `before`
/// that lost `losses`, where that can be told: an invalidation, issued after
/// the flush, that survived.
#[must_use]
pub fn loss(
    story: &Story,
    history: &History,
    losses: &Losses,
    before: u64,
    sector: u64,
) -> Option<Cause> {
    let flushed = history.flushed_by(before, sector)?;
    let kept = |item: &Item| losses.fate(item, before) == Fate::Kept;
    story.invalidations(sector, flushed).any(kept).then_some(Cause::DirtyInvalidated)
}

/// What the arms are expected to have: `workloads/explore.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectations {
    /// Kinds that no arm can help, by scenario; `all` for every scenario.
    #[serde(default)]
    every: BTreeMap<String, Vec<Kind>>,
    /// By arm; `default` is for all that are not named.
    arm: BTreeMap<String, Expected>,
}

/// One arm's.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// Kinds that are no news.
    may: Vec<Kind>,
    /// By scenario, kinds that a whole exploration has to find.
    #[serde(default)]
    must: BTreeMap<String, Vec<Kind>>,
}

impl Expectations {
    /// Reads the file.
    ///
    /// # Errors
    /// The file's path, and what is wrong where.
    pub fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn of(&self, arm: &str) -> Option<&Expected> {
        self.arm.get(arm).or_else(|| self.arm.get("default"))
    }

    /// Whether `arm` is expected to have bad states of this kind in
    /// `scenario`.
    #[must_use]
    pub fn allows(&self, arm: &str, scenario: &str, kind: &Kind) -> bool {
        let every = |name| self.every.get(name).is_some_and(|kinds| kinds.contains(kind));
        self.of(arm).is_some_and(|expected| expected.may.contains(kind))
            || every("all")
            || every(scenario)
    }

    /// What a whole exploration of `scenario` on `arm` has to find.
    #[must_use]
    pub fn demands(&self, arm: &str, scenario: &str) -> &[Kind] {
        let demanded = self.of(arm).and_then(|expected| expected.must.get(scenario));
        demanded.map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Told;
    use crate::story::What;
    use scenario::layout::DATA_OFFSET;
    use vdisk::bcache_format::Key;
    use wire::Extent;

    const A: Option<Content> = Some(Content::Stamped { run: 1, seq: 1, writer: 0 });
    const B: Option<Content> = Some(Content::Stamped { run: 1, seq: 2, writer: 0 });

    /// B's data is request 7, issued at event 12; its invalidation is in the
    /// journal entry that request 8 carries, issued at event 20.
    fn story(invalidated: bool) -> (Story, History) {
        let mut history = History::default();
        let extent = Extent { sector: 64, sectors: 8 };
        history.push(10, Told::Issued { seq: 2, extent, fua: false });
        let key = Key {
            inode: 0,
            end: 64 + DATA_OFFSET + 8,
            sectors: 8,
            dirty: false,
            pointers: Vec::new(),
        };
        let item = |request, issued, what| Item {
            request,
            ssd: true,
            sector: 0,
            sectors: 8,
            issued,
            issued_ns: issued * 1_000_000,
            completed: None,
            what,
        };
        let mut story = Story::default();
        story.items.push(item(7, 12, What::Stamped { seq: 2, sector: 64 }));
        if invalidated {
            story.items.push(item(8, 20, What::Journal { seq: 5, last_seq: 3, keys: vec![key] }));
        }
        story.times = vec![(12, 12_000_000), (20, 20_000_000), (30, 2_000_000_000)];
        (story, history)
    }

    fn why(invalidated: bool, lost: &[u64], before: u64, front: Option<Content>) -> Option<Cause> {
        let (story, history) = story(invalidated);
        let other = if front == A { B } else { A };
        cause(&story, &history, &Losses::whole(lost), before, 64, (front, other))
    }

    #[test]
    fn the_invalidations_fate_names_the_cause() {
        assert_eq!(why(true, &[], 30, A), Some(Cause::PastInvalidation));
        assert_eq!(why(true, &[8], 30, A), Some(Cause::InvalidationLost));
        assert_eq!(why(true, &[], 20, A), Some(Cause::InvalidationPending));
        assert_eq!(why(false, &[], 30, A), Some(Cause::NoInvalidation));
        assert_eq!(why(true, &[], 30, B), Some(Cause::DiskBehind));
    }

    #[test]
    fn a_flushed_write_is_lost_by_an_invalidation_that_survived() {
        let (story, mut history) = story(true);
        let lost = |history: &History, lost: &[u64], before| {
            loss(&story, history, &Losses::whole(lost), before, 64)
        };
        assert_eq!(lost(&history, &[], 30), None, "nothing was promised");
        let extent = Extent { sector: 64, sectors: 8 };
        history = History::default();
        history.push(2, Told::Issued { seq: 1, extent, fua: false });
        history.push(4, Told::Acked { seq: 1 });
        history.push(4, Told::FlushIssued { id: 1 });
        history.push(6, Told::FlushAcked { id: 1 });
        history.push(10, Told::Issued { seq: 2, extent, fua: false });
        assert_eq!(lost(&history, &[], 30), Some(Cause::DirtyInvalidated));
        assert_eq!(lost(&history, &[8], 30), None, "the invalidation is gone as well");
        assert_eq!(lost(&history, &[], 20), None, "it was not issued yet");
        assert_eq!(loss(&story, &history, &Losses::default(), 30, 80), None);
    }

    #[test]
    fn a_set_is_torn_when_part_of_it_is_there() {
        let (mut story, _) = story(true);
        story.items[0].what = What::Set { keys: Vec::new() };
        let torn = Losses::partly(&[7]);
        assert!(story.tears_a_set(&torn, 30));
        assert!(!story.tears_a_set(&torn, 12), "it was not issued yet");
        assert!(!story.tears_a_set(&Losses::whole(&[7]), 30), "nothing of it is there");
        assert!(!story.tears_a_set(&Losses::partly(&[8]), 30), "that is a journal entry");
    }

    #[test]
    fn an_invalidation_of_another_sector_does_not_count() {
        let (story, history) = story(true);
        let found = cause(&story, &history, &Losses::default(), 30, 72, (A, B));
        assert_eq!(found, Some(Cause::NoInvalidation));
    }

    #[test]
    fn every_cause_is_explained() {
        use Cause::*;
        let causes = [
            PastInvalidation,
            InvalidationLost,
            InvalidationPending,
            NoInvalidation,
            DiskBehind,
            DirtyInvalidated,
        ];
        for cause in causes {
            let kind = Kind::of(Verdict::Diverged, Some(cause));
            assert!(kind.meaning().is_some(), "{kind}");
        }
        assert!(Kind::unusable("torn-set").meaning().is_some());
        assert!(Kind::of(Verdict::Torn, None).meaning().is_none());
    }

    #[test]
    fn expectations_fall_back_to_the_default() {
        let text = r#"
            [every]
            all = ["unusable/torn-set"]
            X3 = ["diverged/disk-behind"]
            [arm.base]
            may = ["stale/past-invalidation"]
            must.S2 = ["stale/past-invalidation"]
            [arm.default]
            may = ["diverged/invalidation-lost"]
        "#;
        let expectations: Expectations = toml::from_str(text).unwrap();
        let stale = Kind::of(Verdict::Stale, Some(Cause::PastInvalidation));
        let diverged = Kind::of(Verdict::Diverged, Some(Cause::InvalidationLost));
        let allows = |arm, kind| expectations.allows(arm, "S2", kind);
        assert!(allows("base", &stale) && !allows("base", &diverged));
        assert!(allows("mine", &diverged) && !allows("mine", &stale));
        let torn = Kind::unusable("torn-set");
        let behind = Kind::of(Verdict::Diverged, Some(Cause::DiskBehind));
        assert!(allows("base", &torn) && allows("mine", &torn));
        assert!(expectations.allows("mine", "X3", &behind) && !allows("mine", &behind));
        assert_eq!(expectations.demands("base", "S2"), [stale]);
        assert!(expectations.demands("mine", "S2").is_empty());
    }
}
