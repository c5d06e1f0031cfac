// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which machine is booted when.

use crate::speed::Job;
use crate::work::Work;
use clap::ValueEnum;
use evidence::{Perf, again};
use kbuild::{Arm, Tracker};

/// A part of what can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Instructions and journal writes per request.
    Instructions,
    /// fio's figures.
    Speed,
    /// Memory of the tracker for 1, 10 and 100 TiB.
    Memory,
    /// Needless skips of cache fills against writes in flight.
    Hits,
    /// Instructions, journal writes, flushes and fio's figures of writes in each cache mode;
    /// only when it is asked for.
    Modes,
}

/// An arm as it is measured: the reference is there twice, an arm with a
/// switch once for each position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// In the results.
    pub label: String,
    /// Which of the run's arms.
    pub arm: usize,
    /// Files of bcache in sysfs that are written first.
    pub attributes: Vec<(String, String)>,
}

/// One boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Instructions of one variant, in round so-and-so; of what every arm is measured
    /// by, or of the cache modes.
    Count { variant: usize, round: u32, modes: bool },
    /// fio on one variant.
    Speed { variant: usize, round: u32, modes: bool },
    /// Memory of an arm's tracker.
    Memory { arm: usize, bytes: u64 },
    /// Hit ratio beside so many writes in flight.
    Hits { arm: usize, in_flight: u32 },
}

/// Everything that will be measured.
#[derive(Clone, Debug)]
pub struct Plan {
    pub variants: Vec<Variant>,
    pub tasks: Vec<Task>,
}

/// What the plan is made from.
#[derive(Clone, Debug)]
pub struct Extent {
    pub pairs: u32,
    pub quick: bool,
    pub parts: Vec<Part>,
}

const TIB: u64 = 1 << 40;

/// Writes in flight for the memory's peak.
pub const PEAK: u32 = 1024;

impl Plan {
    /// Of `arms`, the first is the reference.
    #[must_use]
    pub fn new(arms: &[Arm], extent: &Extent) -> Self {
        let variants = variants(arms);
        let wants = |part| extent.parts.is_empty() || extent.parts.contains(&part);
        let mut tasks = Vec::new();
        if wants(Part::Instructions) {
            rounds(extent.pairs, variants.len(), |variant, round| {
                tasks.push(Task::Count { variant, round, modes: false });
            });
        }
        // Only arms with a tracker; the reference is the control, without one.
        let tracked = |arm: &usize| *arm > 0 && arms[*arm].tracker != Tracker::None;
        if wants(Part::Memory) {
            for tib in if extent.quick { vec![1, 100] } else { vec![1, 10, 100] } {
                for arm in (0..arms.len()).filter(|arm| *arm == 0 || tracked(arm)) {
                    tasks.push(Task::Memory { arm, bytes: tib * TIB });
                }
            }
        }
        if wants(Part::Hits) {
            let points: &[u32] =
                if extent.quick { &[8, 32, 256] } else { &[8, 16, 32, 64, 128, 256, 512, 1024] };
            for &in_flight in points {
                // One arm for each tracker: what is skipped is the tracker's doing.
                let first = |arm: &usize| {
                    let same = |other: &Arm| other.tracker == arms[*arm].tracker;
                    arms[*arm].tracker == Tracker::Unknown || !arms[1..*arm].iter().any(same)
                };
                let wanted = |arm: &usize| *arm == 0 || (tracked(arm) && first(arm));
                for arm in (0..arms.len()).filter(wanted) {
                    tasks.push(Task::Hits { arm, in_flight });
                }
            }
        }
        let named = extent.parts.contains(&Part::Speed);
        if wants(Part::Speed) && (named || !extent.quick) {
            rounds(extent.pairs, variants.len(), |variant, round| {
                tasks.push(Task::Speed { variant, round, modes: false });
            });
        }
        if extent.parts.contains(&Part::Modes) {
            rounds(extent.pairs, variants.len(), |variant, round| {
                tasks.push(Task::Count { variant, round, modes: true });
                tasks.push(Task::Speed { variant, round, modes: true });
            });
        }
        Self { variants, tasks }
    }

    /// Whether the results have it already.
    #[must_use]
    pub fn is_done(&self, task: &Task, arms: &[String], perf: &Perf) -> bool {
        let samples = |metric: &str, workload: &str, variant: usize| {
            let series = perf.find(metric, workload, &self.variants[variant].label);
            series.map_or(0, |series| series.samples.len())
        };
        match *task {
            Task::Count { variant, round, modes } => {
                let first = if modes { Work::MODES[0] } else { Work::ALL[0] };
                samples("instructions", &first.name(), variant) > round as usize
            }
            Task::Speed { variant, round, modes } => {
                let first = if modes { Work::MODES[0].name() } else { Job::first().to_owned() };
                samples("cpu-per-io", &first, variant) > round as usize
            }
            Task::Memory { arm, bytes } => {
                perf.memory.iter().any(|p| p.arm == arms[arm] && p.device_bytes == bytes)
            }
            Task::Hits { arm, in_flight } => perf
                .hit_ratio
                .iter()
                .any(|p| p.arm == arms[arm] && p.in_flight == u64::from(in_flight)),
        }
    }

    /// Seconds that a boot takes on two quiet cores under emulation.
    #[must_use]
    pub fn seconds(task: &Task) -> f64 {
        match task {
            Task::Count { modes, .. } => {
                if *modes {
                    25.0
                } else {
                    9.0
                }
            }
            Task::Speed { .. } => 18.0,
            Task::Memory { .. } => 12.0,
            Task::Hits { .. } => 14.0,
        }
    }

    /// For people.
    #[must_use]
    pub fn describe(&self, task: &Task, arms: &[String]) -> String {
        match task {
            Task::Count { variant, round, .. } => {
                format!("instructions, {}, round {}", self.variants[*variant].label, round + 1)
            }
            Task::Speed { variant, round, .. } => {
                format!("fio, {}, round {}", self.variants[*variant].label, round + 1)
            }
            Task::Memory { arm, bytes } => format!("memory, {}, {} TiB", arms[*arm], bytes / TIB),
            Task::Hits { arm, in_flight } => {
                format!("hit ratio, {}, {in_flight} writes in flight", arms[*arm])
            }
        }
    }
}

/// The arms, then their switches in other positions, then the reference again.
fn variants(arms: &[Arm]) -> Vec<Variant> {
    let plain =
        |(arm, of): (usize, &Arm)| Variant { label: of.name.clone(), arm, attributes: Vec::new() };
    let mut variants: Vec<Variant> = arms.iter().enumerate().map(plain).collect();
    for (arm, of) in arms.iter().enumerate() {
        variants.extend(of.variants.iter().map(|variant| Variant {
            label: format!("{} ({})", of.name, variant.name),
            arm,
            attributes: variant.sysfs.clone().into_iter().collect(),
        }));
    }
    variants.push(Variant { label: again(&arms[0].name), arm: 0, attributes: Vec::new() });
    variants
}

/// A B B A: every other round runs backwards.
fn rounds(pairs: u32, variants: usize, mut add: impl FnMut(usize, u32)) {
    for round in 0..pairs {
        for step in 0..variants {
            add(if round % 2 == 0 { step } else { variants - 1 - step }, round);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evidence::Series;

    fn dirs() -> kbuild::Dirs {
        kbuild::Dirs::new(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
    }

    fn plan(quick: bool, parts: Vec<Part>) -> (Vec<String>, Plan) {
        let dirs = dirs();
        let arms = ["base", "rust", "ordered"].map(|name| Arm::load(&dirs, name).unwrap());
        let plan = Plan::new(&arms, &Extent { pairs: 2, quick, parts });
        (arms.map(|arm| arm.name).to_vec(), plan)
    }

    #[test]
    fn boots_come_in_abba_order_with_the_reference_at_both_ends() {
        let (_, plan) = plan(true, vec![Part::Instructions]);
        let labels: Vec<&str> = plan
            .tasks
            .iter()
            .map(|task| match task {
                Task::Count { variant, .. } => plan.variants[*variant].label.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        let round = ["base", "rust", "ordered", "ordered (off)", "base (again)"];
        let back: Vec<&str> = round.iter().rev().copied().collect();
        assert_eq!(labels, [&round[..], &back[..]].concat());
    }

    #[test]
    fn what_is_there_is_not_measured_again() {
        let (arms, plan) = plan(true, vec![Part::Instructions]);
        let mut perf = Perf::default();
        let like = Series {
            metric: "instructions".into(),
            unit: "instructions".into(),
            higher_is_better: false,
            workload: "bypass-write".into(),
            arm: "rust".into(),
            samples: Vec::new(),
        };
        perf.push(like, 1.0);
        let left: Vec<&Task> =
            plan.tasks.iter().filter(|task| !plan.is_done(task, &arms, &perf)).collect();
        assert_eq!(left.len(), 9);
        assert!(!left.contains(&&Task::Count { variant: 1, round: 0, modes: false }));
    }

    #[test]
    fn memory_and_hits_are_of_what_has_a_tracker_and_hits_of_each_tracker_once() {
        let dirs = dirs();
        let arms = ["base", "v1", "c", "ordered", "rust"];
        let arms = arms.map(|name| Arm::load(&dirs, name).unwrap());
        let parts = vec![Part::Memory, Part::Hits];
        let plan = Plan::new(&arms, &Extent { pairs: 1, quick: true, parts });
        let (mut memory, mut hits) = (Vec::new(), Vec::new());
        for task in plan.tasks {
            match task {
                Task::Memory { arm, bytes } if bytes == TIB => memory.push(arm),
                Task::Hits { arm, in_flight: 8 } => hits.push(arm),
                _ => {}
            }
        }
        assert_eq!((memory, hits), (vec![0, 2, 3, 4], vec![0, 2, 3]));
    }

    #[test]
    fn quick_leaves_fio_out_unless_it_is_asked_for() {
        let speed = |plan: &Plan| plan.tasks.iter().any(|t| matches!(t, Task::Speed { .. }));
        assert!(!speed(&plan(true, vec![]).1) && speed(&plan(false, vec![]).1));
        assert!(speed(&plan(true, vec![Part::Speed]).1));
    }
}
