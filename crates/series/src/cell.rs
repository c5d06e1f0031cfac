// SPDX-License-Identifier: MIT OR Apache-2.0
//! One build of one kernel: which steps are in, and how it is configured.

use crate::plan::Step;
use crate::plan::{On, Plan};

/// What is compiled, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// The whole kernel, linked, and its modules.
    Build,
    /// bcache alone, by clippy.
    Clippy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Steps applied; none is the unpatched kernel.
    pub(crate) steps: usize,
    pub(crate) rust: bool,
    pub(crate) module: bool,
    pub(crate) check: Check,
}

/// In an order in which little is compiled twice. Whether bcache is a module
/// changes `struct task_struct`, and with it nearly everything, Rust's bindings
/// included; `CONFIG_RUST` adds to what there is; and between two steps bcache
/// alone is compiled, or what is bound to one of its headers.
pub(crate) fn cells(plan: &Plan, on: &On) -> Vec<Cell> {
    let steps = plan.steps_on(on);
    let last = steps.len();
    let built: Vec<usize> = if on.every_step { (0..=last).collect() } else { vec![0, last] };
    let has = |rust: bool| on.rust.contains(&rust);
    let mut cells = Vec::new();
    for (rust, module) in [(false, false), (true, false), (true, true), (false, true)] {
        if !has(rust) {
            continue;
        }
        let mut pass = built.clone();
        // The unpatched kernel is built without Rust.
        pass.retain(|&step| step > 0 || !rust || !has(false));
        if module != rust {
            pass.reverse();
        }
        let check = Check::Build;
        cells.extend(pass.iter().map(|&steps| Cell { steps, rust, module, check }));
        if rust && module {
            let rusty = |n: &usize| steps[n - 1].touches(&|path| path.ends_with(".rs"));
            let check = Check::Clippy;
            let clippy = (1..=last).filter(rusty);
            cells.extend(clippy.map(|steps| Cell { steps, rust, module, check }));
        }
    }
    cells
}

impl Cell {
    pub(crate) fn check_name(self) -> &'static str {
        match self.check {
            Check::Build => "build",
            Check::Clippy => "clippy",
        }
    }

    /// For people, and for the log's name.
    pub(crate) fn describe(self, version: &str, steps: &[&Step]) -> String {
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
    pub(crate) fn options(self, steps: &[&Step]) -> Vec<(String, String)> {
        let mut lines = vec![format!("CONFIG_BCACHE={}", if self.module { "m" } else { "y" })];
        for step in &steps[..self.steps] {
            lines.extend(step.config.iter().cloned());
            if self.rust {
                lines.extend(step.config_rust.iter().cloned());
            }
        }
        lines.into_iter().map(|line| (line, "the series".to_owned())).collect()
    }

    /// The object tree for it, by name: clippy makes everything that is Rust
    /// again.
    pub(crate) fn group(self) -> &'static str {
        match self.check {
            Check::Clippy => "clippy",
            Check::Build => "steps",
        }
    }

    /// What make is asked for.
    pub(crate) fn targets(self) -> &'static [&'static str] {
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
    pub(crate) fn cost(self, before: Option<Self>, steps: &[&Step]) -> f64 {
        const TREE: f64 = 120.0;
        const RUST: f64 = 60.0;
        const BINDINGS: f64 = 30.0;
        const OTHER: f64 = 8.0;

        let bound = |step: &&Step| step.touches(&|path| path.starts_with("rust/"));
        let Some(before) = before else { return if self.rust { TREE + RUST } else { TREE } };
        let (from, to) = (before.steps.min(self.steps), before.steps.max(self.steps));
        if before.module != self.module {
            TREE + if self.rust { BINDINGS } else { 0.0 }
        } else if before.group() != self.group() || !before.rust && self.rust {
            RUST
        } else if self.rust && steps[from..to].iter().any(bound) {
            BINDINGS
        } else {
            OTHER
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{folder, plan};

    #[test]
    fn every_claim_is_built_and_nearly_everything_only_twice() {
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
        let switches = |of: &dyn Fn(&Cell) -> bool| {
            all.windows(2).filter(|pair| of(&pair[0]) != of(&pair[1])).count()
        };
        assert_eq!((switches(&|cell| cell.module), switches(&|cell| cell.rust)), (1, 2));
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
