// SPDX-License-Identifier: MIT OR Apache-2.0
//! One build of one kernel: which steps are in, and how it is configured.

use super::Step;
use super::plan::{On, Plan};

/// What is compiled, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// The whole kernel, linked, and its modules.
    Build,
    /// bcache alone, by clippy.
    Clippy,
}

/// One build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    /// Steps applied; none is the unpatched kernel.
    pub(super) steps: usize,
    pub(super) rust: bool,
    pub(super) module: bool,
    pub(super) check: Check,
}

/// In an order in which little is compiled twice. What costs is `CONFIG_RUST`,
/// then whether bcache is a module, then a change of what Rust's bindings are
/// made of; between two other steps only bcache itself is compiled.
pub(super) fn cells(plan: &Plan, on: &On) -> Vec<Cell> {
    let steps = plan.steps_on(on);
    let last = steps.len();
    let built: Vec<usize> = if on.every_step { (0..=last).collect() } else { vec![0, last] };
    let mut cells = Vec::new();
    let mut rusts = on.rust.clone();
    rusts.sort_unstable();
    for &rust in &rusts {
        for module in [false, true] {
            let mut pass = built.clone();
            // The unpatched kernel has been built without Rust.
            pass.retain(|&step| step > 0 || !rust || !rusts.contains(&false));
            if module {
                pass.reverse();
            }
            let check = Check::Build;
            cells.extend(pass.iter().map(|&steps| Cell { steps, rust, module, check }));
        }
    }
    if rusts.contains(&true) {
        let rusty = |n: &usize| steps[n - 1].touches(&|path| path.ends_with(".rs"));
        cells.extend((1..=last).filter(rusty).map(|steps| Cell {
            steps,
            rust: true,
            module: false,
            check: Check::Clippy,
        }));
    }
    cells
}

impl Cell {
    pub(super) fn check_name(self) -> &'static str {
        match self.check {
            Check::Build => "build",
            Check::Clippy => "clippy",
        }
    }

    /// For people, and for the log's name.
    pub(super) fn describe(self, version: &str, steps: &[&Step]) -> String {
        let step = match self.steps {
            0 => "unpatched".to_owned(),
            n => format!("{n}/{} {}", steps.len(), steps[n - 1].name),
        };
        format!(
            "linux {version}, RUST={}, {}, {step}",
            if self.rust { "y" } else { "n" },
            if self.module { "module" } else { "built in" },
        )
    }

    /// The options that differ between builds.
    pub(super) fn options(self, steps: &[&Step]) -> Vec<(String, String)> {
        let mut lines = vec![format!("CONFIG_BCACHE={}", if self.module { "m" } else { "y" })];
        for step in &steps[..self.steps] {
            lines.extend(step.config.iter().cloned());
            if self.rust {
                lines.extend(step.config_rust.iter().cloned());
            }
        }
        lines.into_iter().map(|line| (line, "the series".to_owned())).collect()
    }

    /// The object tree for it, by name: `CONFIG_RUST` and clippy each make
    /// everything that is Rust again.
    pub(super) fn group(self) -> &'static str {
        match (self.check, self.rust) {
            (Check::Clippy, _) => "clippy",
            (Check::Build, true) => "rust",
            (Check::Build, false) => "c",
        }
    }

    /// What make is asked for.
    pub(super) fn targets(self) -> &'static [&'static str] {
        match (self.check, self.module) {
            (Check::Clippy, _) => &["drivers/md/bcache/"],
            // Linking is the proof that no symbol is missing...
            (Check::Build, false) => &["vmlinux"],
            // ... and modpost, which has to know what the kernel exports.
            (Check::Build, true) => &["vmlinux", "modules"],
        }
    }

    /// Seconds that two idle processors take, after the build `before` in the
    /// same run; only their proportions matter once some were made.
    pub(super) fn cost(self, before: Option<Self>, steps: &[&Step]) -> f64 {
        const TREE: f64 = 220.0;
        const RUST: f64 = 90.0;
        const BINDINGS: f64 = 45.0;
        const OTHER: f64 = 15.0;

        let Some(before) = before else { return if self.rust { TREE + RUST } else { TREE } };
        if before.group() != self.group() {
            return RUST;
        }
        let (from, to) = (before.steps.min(self.steps), before.steps.max(self.steps));
        let bound = |step: &&Step| step.touches(&|path| path.starts_with("rust/"));
        if self.rust && steps[from..to].iter().any(bound) { BINDINGS } else { OTHER }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::tests::{folder, plan};

    #[test]
    fn every_claim_is_built_and_each_group_is_entered_once() {
        let dir = folder();
        let plan = plan(dir.path());
        let on = &plan.on[0];
        let steps = plan.steps_on(on);
        let all = cells(&plan, &On { every_step: true, ..on.clone() });
        for step in 1..=2 {
            for rust in [false, true] {
                for module in [false, true] {
                    let wanted = Cell { steps: step, rust, module, check: Check::Build };
                    assert_eq!(all.iter().filter(|cell| **cell == wanted).count(), 1);
                }
            }
        }
        let clippy: Vec<usize> =
            all.iter().filter(|cell| cell.check == Check::Clippy).map(|cell| cell.steps).collect();
        assert_eq!(clippy, [2], "the step that has Rust");
        let mut groups: Vec<&str> = all.iter().map(|cell| cell.group()).collect();
        groups.dedup();
        assert_eq!(groups, ["c", "rust", "clippy"]);
        assert_eq!(all[0].steps, 0, "without the unpatched kernel a failure says nothing");
        assert!(all[0].cost(None, &steps) > all[1].cost(Some(all[0]), &steps));

        let ends = cells(&plan, &On { rust: vec![false], ..on.clone() });
        assert_eq!(ends.iter().map(|cell| cell.steps).collect::<Vec<_>>(), [0, 2, 2, 0]);
    }

    #[test]
    fn options_of_a_step_come_with_it_and_those_of_rust_with_rust() {
        let dir = folder();
        let plan = plan(dir.path());
        let steps = plan.steps_on(&plan.on[0]);
        let has = |steps_in: usize, rust: bool, line: &str| {
            let cell = Cell { steps: steps_in, rust, module: true, check: Check::Build };
            cell.options(&steps).iter().any(|(option, _)| option == line)
        };
        assert!(has(0, false, "CONFIG_BCACHE=m"));
        assert!(!has(0, false, "CONFIG_A=y") && has(1, false, "CONFIG_A=y"));
        assert!(!has(2, false, "CONFIG_B=y") && has(2, true, "CONFIG_B=y"));
    }
}
