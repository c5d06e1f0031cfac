// SPDX-License-Identifier: MIT OR Apache-2.0
//! The states themselves, one after the other, equal ones once.

use super::epoch::{Epoch, Epochs, OpenChange};
use crate::log::{Life, Log, LogError};
use crate::media::Media;
use crate::rig::Snapshot;
use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use std::collections::{HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// Which states to try. Drop-all and keep-all always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Seed of all random choices.
    pub seed: u64,
    /// At most this many drop-one and as many keep-one states per epoch;
    /// beyond it they are chosen at random.
    pub ones: usize,
    /// Random subsets of whole changes per epoch.
    pub subsets: usize,
    /// Random subsets torn at sector granularity per epoch.
    pub torn: usize,
    /// Try every combination of sectors in epochs that have at most this many
    /// (and nothing else there); 0 never does.
    pub exhaustive: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self { seed: 1, ones: 64, subsets: 8, torn: 8, exhaustive: 0 }
    }
}

/// How a state was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Only what is promised.
    DropAll,
    /// Everything, also what was on its way.
    KeepAll,
    /// Everything but this request.
    DropOne(u64),
    /// Nothing but this request.
    KeepOne(u64),
    /// Some whole requests, by this seed.
    Subset(u64),
    /// Some sectors, by this seed.
    Torn(u64),
    /// One of all combinations of sectors.
    Combination(u64),
    /// What is left of another state after shrinking it.
    Shrunk,
}

/// A change of which something is missing in a state.
#[derive(Clone, Debug)]
pub struct LostChange {
    pub disk: Arc<str>,
    /// The change as the epoch has it.
    pub change: OpenChange,
    /// Its sectors that are gone.
    pub lost: Vec<Range<u64>>,
}

/// One state that a power cut could have left on all disks.
#[derive(Clone, Debug)]
pub struct CrashState {
    /// Position among all states considered, duplicates included: the same
    /// log and plan give the same numbers.
    pub number: u64,
    /// Fingerprint of all disks' content; equal content, equal fingerprint.
    pub fingerprint: u128,
    /// How it was chosen.
    pub how: How,
    /// What each disk holds.
    pub images: Vec<Media>,
    pub(super) epoch: Arc<Epoch>,
    pub(super) names: Arc<[Arc<str>]>,
    /// For each open change, what of it is kept.
    pub(super) kept: Vec<Vec<Range<u64>>>,
}

impl CrashState {
    /// The event that the cut comes before.
    #[must_use]
    pub fn before(&self) -> u64 {
        self.epoch.before
    }

    /// The disks with this content, for [`crate::Rig::restore`].
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of_images(self.images.clone())
    }

    /// The open changes of which something is gone.
    #[must_use]
    pub fn lost(&self) -> Vec<LostChange> {
        let each = self.epoch.open.iter().zip(&self.kept);
        let lost = each.filter(|(open, kept)| open.live != **kept).map(|(open, kept)| LostChange {
            disk: Arc::clone(&self.names[open.disk]),
            change: open.clone(),
            lost: crate::cut::without(&open.live, kept),
        });
        lost.collect()
    }

    pub(super) fn build(
        epoch: &Arc<Epoch>,
        names: &Arc<[Arc<str>]>,
        how: How,
        kept: Vec<Vec<Range<u64>>>,
    ) -> Self {
        let mut images = epoch.durable.clone();
        for (open, kept) in epoch.open.iter().zip(&kept) {
            for part in kept {
                open.change.apply(&mut images[open.disk], part, None);
            }
        }
        let prints: Vec<u8> =
            images.iter().flat_map(|image| image.fingerprint().to_le_bytes()).collect();
        let (epoch, names) = (Arc::clone(epoch), Arc::clone(names));
        let fingerprint = xxh3_128(&prints);
        Self { number: 0, fingerprint, how, images, epoch, names, kept }
    }
}

/// The choices that a plan makes in an epoch with so many open changes.
fn choices(plan: &Plan, epoch: &Epoch) -> VecDeque<How> {
    if let Some(count) = combinations(epoch).filter(|count| *count <= plan.exhaustive) {
        return (0..count).map(How::Combination).collect();
    }
    let mut chosen = VecDeque::from([How::DropAll]);
    if epoch.open.is_empty() {
        return chosen;
    }
    chosen.push_back(How::KeepAll);
    let mut rng = Rng::new(plan.seed ^ epoch.before.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut requests: Vec<u64> = epoch.open.iter().map(OpenChange::request).collect();
    while requests.len() > plan.ones {
        requests.remove(rng.below(requests.len() as u64) as usize);
    }
    chosen.extend(requests.iter().map(|request| How::DropOne(*request)));
    chosen.extend(requests.iter().map(|request| How::KeepOne(*request)));
    // One change has no other subsets.
    let subsets = if epoch.open.len() > 1 { plan.subsets } else { 0 };
    chosen.extend((0..subsets).map(|_| How::Subset(rng.next())));
    let torn = epoch.open.iter().flat_map(|open| &open.live).any(|part| part.end - part.start > 1);
    chosen.extend((0..if torn { plan.torn } else { 0 }).map(|_| How::Torn(rng.next())));
    chosen
}

/// Sectors with open changes: disk, sector, and which changes cover it.
fn contested(epoch: &Epoch) -> Vec<(usize, u64, Vec<usize>)> {
    let mut all = std::collections::BTreeMap::<_, Vec<usize>>::new();
    for (at, open) in epoch.open.iter().enumerate() {
        for sector in open.live.iter().cloned().flatten() {
            all.entry((open.disk, sector)).or_default().push(at);
        }
    }
    all.into_iter().map(|((disk, sector), by)| (disk, sector, by)).collect()
}

/// In how many ways the contested sectors can turn out; `None` when there are
/// too many to think of.
fn combinations(epoch: &Epoch) -> Option<u64> {
    let sectors: u64 = epoch.open.iter().flat_map(|o| &o.live).map(|p| p.end - p.start).sum();
    if sectors > 64 {
        return None;
    }
    contested(epoch).iter().try_fold(1u64, |all, (_, _, by)| all.checked_mul(by.len() as u64 + 1))
}

/// What of each open change is kept.
fn kept(epoch: &Epoch, how: How) -> Vec<Vec<Range<u64>>> {
    let open = &epoch.open;
    let only = |keep: &dyn Fn(&OpenChange) -> bool| {
        open.iter().map(|o| if keep(o) { o.live.clone() } else { Vec::new() }).collect()
    };
    match how {
        How::DropAll => vec![Vec::new(); open.len()],
        How::KeepAll | How::Shrunk => open.iter().map(|o| o.live.clone()).collect(),
        How::DropOne(request) => only(&|o| o.request() != request),
        How::KeepOne(request) => only(&|o| o.request() == request),
        How::Subset(seed) => {
            let mut rng = Rng::new(seed);
            open.iter().map(|o| if rng.below(2) == 0 { o.live.clone() } else { vec![] }).collect()
        }
        How::Torn(seed) => {
            let mut rng = Rng::new(seed);
            open.iter().map(|o| rng.some_of(&o.live)).collect()
        }
        How::Combination(mut number) => {
            let mut kept = vec![Vec::new(); open.len()];
            for (_, sector, by) in contested(epoch) {
                let ways = by.len() as u64 + 1;
                let winner = number % ways;
                number /= ways;
                if winner > 0 {
                    kept[by[winner as usize - 1]].push(sector..sector + 1);
                }
            }
            kept
        }
    }
}

/// How many states the plan considers, duplicates included: an upper bound
/// for what [`States`] gives, found without looking at contents.
///
/// # Errors
/// [`LogError::Io`].
pub fn estimate(log: &Log, life: &Life, plan: &Plan) -> Result<u64, LogError> {
    Epochs::blank(log, life)?.map(|epoch| Ok(choices(plan, &epoch?).len() as u64)).sum()
}

/// The distinct crash states of a life, in the order of the sequence.
pub struct States<'a> {
    epochs: Epochs<'a>,
    plan: Plan,
    names: Arc<[Arc<str>]>,
    now: Option<Arc<Epoch>>,
    left: VecDeque<How>,
    seen: HashSet<u128>,
    duplicates: bool,
    /// States considered so far, duplicates included.
    pub considered: u64,
}

impl<'a> States<'a> {
    /// Begins at the beginning of `life`.
    ///
    /// # Errors
    /// [`LogError::Io`] when contents cannot be read, here and while going on.
    pub fn new(log: &'a Log, life: &'a Life, plan: Plan) -> Result<Self, LogError> {
        Ok(Self {
            epochs: Epochs::new(log, life)?,
            plan,
            names: log.disks.iter().map(|disk| Arc::clone(&disk.name)).collect(),
            now: None,
            left: VecDeque::new(),
            seen: HashSet::new(),
            duplicates: false,
            considered: 0,
        })
    }

    /// Gives equal states again. The same content can be harmless at one
    /// instant and a broken promise at a later one, when more was promised.
    #[must_use]
    pub fn with_duplicates(mut self) -> Self {
        self.duplicates = true;
        self
    }
}

impl Iterator for States<'_> {
    type Item = Result<CrashState, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (Some(epoch), Some(how)) = (&self.now, self.left.pop_front()) else {
                let epoch = match self.epochs.next()? {
                    Ok(epoch) => epoch,
                    Err(error) => return Some(Err(error)),
                };
                self.left = choices(&self.plan, &epoch);
                self.now = Some(Arc::new(epoch));
                continue;
            };
            let kept = kept(epoch, how);
            let mut state = CrashState::build(epoch, &self.names, how, kept);
            state.number = self.considered;
            self.considered += 1;
            if self.duplicates || self.seen.insert(state.fingerprint) {
                return Some(Ok(state));
            }
        }
    }
}
