// SPDX-License-Identifier: MIT OR Apache-2.0

//! What can happen next.

use super::{
    Backing, Check, Clear, Count, Entry, Index, Key, Kind, LookUp, Order, Phase, Reader, Record,
    Rules, Setting, Spare, State, Value, Writer,
};

/// One exploration: rules, and all that can happen under them.
pub(super) struct Model {
    pub(super) rules: Rules,
    pub(super) setting: Setting,
}

/// Who does what, and a number or flag that says more.
#[derive(Clone, Copy)]
pub(super) struct Name(
    pub(super) &'static str,
    pub(super) usize,
    pub(super) &'static str,
    pub(super) u8,
);

/// Whether a write is on the list of those whose invalidation is not durable: from before it can be
/// in the leaf until the write is submitted.
fn waits(writer: &Writer) -> bool {
    writer.phase == Phase::Running { wait: true } && writer.backing == Backing::Idle
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(who, number, what, more) = self;
        write!(f, "{who} {number}: {what} ({more})")
    }
}

/// A state and what led to it from the one before.
pub(super) type Step = (Name, State);

impl Model {
    fn count_up(&self, state: &State, n: usize, name: &'static str, steps: &mut Vec<Step>) {
        let mut next = state.clone();
        next.writers[n].counted = true;
        next.count += 1;
        if self.rules.count == Count::Wraps {
            next.count %= 2;
        }
        steps.push((Name("writer", n, name, 1), next));
        if self.rules.count == Count::Lost {
            let mut next = state.clone();
            next.writers[n].counted = false;
            steps.push((Name("writer", n, name, 0), next));
        }
    }

    fn count_down(&self, state: &mut State, n: usize) {
        let writer = &mut state.writers[n];
        if writer.counted && !writer.cleared {
            let times = if self.rules.clear == Clear::Twice { 2 } else { 1 };
            state.count = match self.rules.count {
                Count::Wraps => (state.count + times) % 2,
                _ => state.count.saturating_sub(times),
            };
        }
        state.writers[n].cleared = true;
    }

    fn waits_for_first(&self, state: &State) -> bool {
        self.setting.one_by_one && state.writers[0].phase != Phase::Done
    }

    /// Whether this writer records at its start, as far as it knows then.
    fn records_first(&self, n: usize) -> bool {
        match self.rules.record {
            Record::First => true,
            Record::BypassOnly => self.setting.kinds[n] == Kind::Bypass,
            Record::AfterLookUp | Record::AfterIndex | Record::CachedOnly => false,
        }
    }

    fn writer(&self, state: &State, n: usize, steps: &mut Vec<Step>) {
        let writer = state.writers[n];
        let bypass = self.setting.kinds[n] == Kind::Bypass;
        let mut next = state.clone();
        match writer.phase {
            Phase::New if n == 1 && self.waits_for_first(state) => {}
            Phase::New => {
                next.writers[n].phase = Phase::Recorded;
                if self.records_first(n) {
                    self.count_up(&next, n, "starts", steps);
                } else {
                    steps.push((Name("writer", n, "starts", 0), next));
                }
            }
            Phase::Recorded if !state.attached => {
                next.writers[n].phase = Phase::Running { wait: false };
                next.writers[n].uncached = true;
                next.writers[n].backing = Backing::Flying;
                next.writers[n].index = Index::Applied;
                steps.push((Name("writer", n, "finds no cache, submits", 0), next));
            }
            Phase::Recorded if bypass && self.rules.order == Order::Before => {
                let found = self.finds(state);
                next.writers[n].phase = Phase::LookedUp { found };
                steps.push((Name("writer", n, "looks up, finds", found.into()), next));
            }
            Phase::Recorded => self.submit(next, n, false, steps),
            Phase::LookedUp { found } => {
                let others = waits(&state.writers[1 - n]);
                let shared = others && self.rules.spare != Spare::DespiteOthers;
                next.writers[n].phase = Phase::Asked { wait: found || shared };
                if self.rules.record == Record::AfterLookUp {
                    self.count_up(&next, n, "records", steps);
                } else {
                    steps.push((Name("writer", n, "asks for others, finds", others.into()), next));
                }
            }
            Phase::Asked { wait } => self.submit(next, n, wait, steps),
            Phase::Running { wait } => self.running(state, n, wait, steps),
            Phase::Done => {}
        }
    }

    /// Whether a writer's look-up finds something that counts.
    fn finds(&self, state: &State) -> bool {
        if self.rules.look_up == LookUp::UntilEmpty && state.emptied {
            return false;
        }
        match state.leaf {
            Key::Empty => false,
            Key::Placeholder(_) => self.rules.spare != Spare::DespitePlaceholder,
            Key::Data(_) | Key::Dirty(_) | Key::Moved(_) => true,
            Key::Stale(_) => state.invalidated || self.rules.spare != Spare::DespiteStale,
        }
    }

    fn submit(&self, mut next: State, n: usize, wait: bool, steps: &mut Vec<Step>) {
        let looked_up = matches!(next.writers[n].phase, Phase::Asked { .. });
        let unwritten = next.invalidated && self.rules.spare != Spare::DespiteGenerations;
        let asks = !matches!(self.rules.spare, Spare::DespiteMoves | Spare::DespiteStale);
        let may_return = unwritten || next.moved && asks;
        let spared = looked_up && !wait && !may_return && self.rules.spare != Spare::Never;

        let back = self.setting.kinds[n] == Kind::Back;

        next.writers[n].phase = Phase::Running { wait };
        if back {
            next.writers[n].backing = Backing::Complete;
        } else if !wait {
            next.writers[n].backing = Backing::Flying;
        }
        if back && self.rules.clear == Clear::Both || self.rules.clear == Clear::AtDecision {
            self.count_down(&mut next, n);
        }
        if spared {
            next.writers[n].index = Index::Applied;
        }
        let name = match (wait, spared) {
            (true, _) => "waits for its invalidation",
            (false, true) => "submits, has nothing to invalidate",
            (false, false) => "submits",
        };
        if self.rules.record == Record::CachedOnly {
            self.count_up(&next, n, name, steps);
        } else {
            steps.push((Name("writer", n, name, 0), next));
        }
    }

    fn running(&self, state: &State, n: usize, wait: bool, steps: &mut Vec<Step>) {
        let writer = state.writers[n];
        let kind = self.setting.kinds[n];
        let bypass = kind == Kind::Bypass && !writer.uncached;
        let value = n as Value + 1;

        let mut next = state.clone();
        match writer.backing {
            Backing::Flying => {
                next.disk = value;
                next.writers[n].backing = Backing::Landed;
                steps.push((Name("writer", n, "the disk has its data", 0), next));
            }
            Backing::Landed => {
                next.writers[n].backing = Backing::Complete;
                steps.push((Name("writer", n, "its backing write completes", 0), next));
            }
            Backing::Idle | Backing::Complete => {}
        }

        let mut next = state.clone();
        let key = match kind {
            Kind::Bypass => Key::Empty,
            Kind::Through => Key::Data(value),
            Kind::Back => Key::Dirty(value),
        };
        let late = bypass && self.rules.order == Order::After;
        match writer.index {
            Index::Idle if !late || writer.backing == Backing::Complete => {
                let entry = Entry { key, durable: false, applied: false, in_leaf: false };
                next.journal.push(entry);
                next.writers[n].index = Index::Journaled;
                steps.push((Name("writer", n, "its index update is in the journal", 0), next));
            }
            Index::Journaled => {
                next.insert(key);
                if let Some(entry) = next.journal.iter_mut().find(|e| !e.applied && e.key == key) {
                    entry.applied = true;
                }
                next.writers[n].index = Index::Applied;
                next.writers[n].passes += 1;
                if self.rules.clear == Clear::AfterIndex {
                    self.count_down(&mut next, n);
                }
                steps.push((Name("writer", n, "its index update is in the leaf", 0), next));
            }
            Index::Idle | Index::Applied => {}
        }

        if writer.index != Index::Applied {
            return;
        }
        if self.rules.record == Record::AfterIndex && !writer.counted && !writer.uncached {
            self.count_up(state, n, "has invalidated", steps);
            return;
        }
        let mut next = state.clone();
        if wait && writer.backing == Backing::Idle {
            // Journal entries become durable in order, so ours is when all are.
            if state.journal.iter().all(|entry| entry.durable) {
                next.writers[n].backing = Backing::Flying;
                steps.push((Name("writer", n, "its invalidation is durable, submits", 0), next));
            }
        } else if writer.backing == Backing::Complete {
            if bypass && self.rules.order == Order::Twice && writer.passes < 2 {
                next.writers[n].index = Index::Idle;
                steps.push((Name("writer", n, "begins its second pass", 0), next));
            } else {
                self.count_down(&mut next, n);
                next.writers[n].phase = Phase::Done;
                steps.push((Name("writer", n, "is done", 0), next));
            }
        }
    }

    fn reader(&self, state: &State, n: usize, steps: &mut Vec<Step>) {
        let mut next = state.clone();
        let clean = state.count == 0;
        match state.readers[n] {
            Reader::New if !state.attached => {}
            Reader::New if self.rules.check == Check::BeforePlaceholder => {
                next.readers[n] = if clean { Reader::Checked } else { Reader::Done };
                steps.push((Name("reader", n, "checks, fills", clean.into()), next));
            }
            Reader::New | Reader::Checked => {
                if matches!(state.leaf, Key::Data(_) | Key::Dirty(_) | Key::Moved(_)) {
                    next.readers[n] = Reader::Done;
                    steps.push((Name("reader", n, "hits", 0), next));
                } else {
                    next.insert(Key::Placeholder(n as u8));
                    next.readers[n] = Reader::Planted;
                    steps.push((Name("reader", n, "plants its placeholder", 0), next));
                }
            }
            Reader::Planted => {
                let fills = self.rules.check != Check::AfterPlaceholder || clean;
                next.readers[n] = if fills { Reader::Reading } else { Reader::Done };
                steps.push((Name("reader", n, "fills", fills.into()), next));
            }
            Reader::Reading => {
                next.readers[n] = Reader::Read(state.disk);
                steps.push((Name("reader", n, "reads the disk", state.disk), next));
            }
            Reader::Read(value) => {
                let kept = self.rules.check != Check::AtCompletion || clean;
                let there = state.leaf == Key::Placeholder(n as u8);
                if kept && there {
                    next.insert(Key::Data(value));
                }
                next.readers[n] = Reader::Done;
                steps.push((Name("reader", n, "inserts", (kept && there).into()), next));
            }
            Reader::Done => {}
        }
    }

    fn surroundings(&self, state: &State, steps: &mut Vec<Step>) {
        if !state.attached {
            steps.push((
                Name("bcache", 0, "a cache is attached", 0),
                State { attached: true, ..state.clone() },
            ));
        }
        if state.journal.iter().any(|entry| !entry.durable) {
            let mut next = state.clone();
            next.journal.iter_mut().for_each(|entry| entry.durable = true);
            steps.push((Name("bcache", 0, "the journal is written", 0), next));
        }
        self.leaf_steps(state, steps);
        if state.journal.first().is_some_and(|entry| entry.durable && entry.in_leaf) {
            let mut next = state.clone();
            next.journal.remove(0);
            steps.push((Name("bcache", 0, "the journal moves on", 0), next));
        }
        if let Key::Dirty(value) = state.leaf {
            // Cached writes hold the lock that this takes.
            if state.writers.iter().all(|w| matches!(w.phase, Phase::New | Phase::Done)) {
                let mut next = State { disk: value, ..state.clone() };
                next.insert(Key::Data(value));
                steps.push((Name("bcache", 0, "writes back", value), next));
            }
        }
        self.bucket_steps(state, steps);
        if self.setting.moving {
            Self::moving_steps(state, steps);
        }
    }

    fn leaf_steps(&self, state: &State, steps: &mut Vec<Step>) {
        let mut write = |leaf: Key, on_disk: Key, name| {
            let mut next = State {
                leaf,
                leaf_on_disk: on_disk,
                written: true,
                emptied: false,
                ..state.clone()
            };
            for entry in next.journal.iter_mut().filter(|entry| entry.applied) {
                entry.in_leaf = true;
            }
            if next != *state {
                steps.push((Name("bcache", 0, name, 0), next));
            }
        };
        // After a boot, a placeholder is a pointer to no device.
        let on_disk = match state.leaf {
            Key::Placeholder(_) => Key::Empty,
            Key::Stale(_) if !state.invalidated => Key::Empty,
            key => key,
        };
        write(state.leaf, on_disk, "the leaf is written");
        // By gc, or by a split: only what is good gets into the new node.
        let good = match state.leaf {
            Key::Data(_) | Key::Dirty(_) | Key::Moved(_) => state.leaf,
            _ => Key::Empty,
        };
        write(good, good, "the leaf is rewritten");
    }

    /// A bucket is invalidated in memory, and reused only when its new generation is durable. Until
    /// then the keys that point into the old one are valid for who boots.
    fn bucket_steps(&self, state: &State, steps: &mut Vec<Step>) {
        let mut change = |from: Key, to: Key, leaf: Key, invalidated, name| {
            let changed = |key| if key == from { to } else { key };
            let mut next = State {
                leaf,
                leaf_on_disk: changed(state.leaf_on_disk),
                invalidated,
                ..state.clone()
            };
            // A bucket is pinned until the key of what is written to it is in the leaf.
            for entry in next.journal.iter_mut().filter(|entry| entry.applied) {
                entry.key = changed(entry.key);
            }
            steps.push((Name("bcache", 0, name, 0), next));
        };
        match (state.leaf, state.stale()) {
            (Key::Data(value), None) if !state.invalidated => {
                let stale = Key::Stale(value);
                change(state.leaf, stale, stale, true, "the bucket is invalidated");
            }
            (leaf, Some(value)) if state.invalidated => {
                change(Key::Stale(value), Key::Empty, leaf, false, "its generation is written");
            }
            (leaf, None) if state.invalidated => {
                change(leaf, leaf, leaf, false, "its generation is written");
            }
            _ => {}
        }
    }

    /// Moving gc replaces a key by one of another bucket, without a journal entry. What it has read
    /// it inserts if the key is still there, even if that has become stale.
    fn moving_steps(state: &State, steps: &mut Vec<Step>) {
        if let (Key::Data(value), None) = (state.leaf, state.moving) {
            let next = State { moving: Some(value), ..state.clone() };
            steps.push((Name("moving gc", 0, "reads", value), next));
        }
        if let Some(value) = state.moving {
            let mut next = State { moving: None, ..state.clone() };
            let there = [Key::Data(value), Key::Stale(value)].contains(&state.leaf);
            if there {
                next.insert(Key::Moved(value));
                next.moved = true;
            }
            steps.push((Name("moving gc", 0, "inserts", there.into()), next));
        }
        if let Key::Moved(_) = state.leaf {
            // All at once, as the other bucket shows what is between the two.
            let mut next = State {
                leaf: Key::Empty,
                leaf_on_disk: Key::Empty,
                written: true,
                emptied: false,
                ..state.clone()
            };
            for entry in next.journal.iter_mut().filter(|entry| entry.applied) {
                entry.in_leaf = true;
            }
            steps.push((Name("bcache", 0, "what was moved is dropped, durably", 0), next));
        }
    }

    pub(super) fn steps(&self, state: &State) -> Vec<Step> {
        let mut steps = Vec::new();
        for n in 0..2 {
            self.writer(state, n, &mut steps);
        }
        for n in 0..self.setting.readers {
            self.reader(state, n, &mut steps);
        }
        self.surroundings(state, &mut steps);
        steps
    }
}
