// SPDX-License-Identifier: MIT OR Apache-2.0
//! The builds of one kernel.

use crate::builds::{Builds, Progress};
use crate::cell::{Cell, Check, cells};
use crate::checks::is_arm;
use crate::clippy;
use crate::compile::Compile;
use crate::error::SeriesError;
use crate::pace::Pace;
use crate::plan::{On, Step, overlays};
use crate::report::{Finding, Outcome};
use kbuild::Overlay;
use kbuild::config;
use kbuild::toolchain::Tools;
use kbuild::{RustSupport, Source};
use std::time::Instant;

/// Counted up when another build comes of the same input.
const RECIPE: u32 = 2;

/// A kernel that the series applies to.
pub(crate) struct Kernel<'a> {
    all: &'a Builds<'a>,
    on: &'a On,
    source: Source,
    steps: Vec<&'a Step>,
    /// Before the first step, and after each.
    overlays: Vec<Overlay>,
}

/// What is to be done for a finding.
enum Work<'a> {
    /// Nothing: it was made by an earlier run, or cannot be made.
    Known(Finding),
    Compile {
        compile: Box<Compile<'a>>,
        key: String,
    },
}

impl<'a> Kernel<'a> {
    pub(crate) fn open(
        all: &'a Builds<'a>,
        on: &'a On,
        source: Source,
    ) -> Result<Self, SeriesError> {
        let steps = all.plan.steps_on(on);
        let made = overlays(&steps, &|path| source.pristine(path))
            .map_err(|(step, error)| SeriesError::Patch { step, error })?;
        if let (Some(arm), Some(last)) = (&on.arm, made.last()) {
            let what = format!("linux {}", source.provenance.kernel);
            let pristine = |path: &str| source.pristine(path);
            (all.on_finding)(&is_arm(all.plan, arm, &what, last, &pristine));
        }
        let overlays = [Overlay::default()].into_iter().chain(made).collect();
        Ok(Self { all, on, source, steps, overlays })
    }

    pub(crate) fn run(&self, pace: &mut Pace) -> Result<(), SeriesError> {
        let mut before = None;
        for cell in cells(self.all.plan, self.on) {
            self.all.cancel.check()?;
            let cost = cell.cost(before.replace(cell), &self.steps);
            let what = cell.describe(&self.source.provenance.kernel, &self.steps);
            let (done, total, left) = (pace.done, pace.total, pace.left());
            (self.all.on_progress)(&Progress { done, total, left, now: what.clone() });
            let (finding, seconds) = match self.work(cell, what)? {
                Work::Known(finding) => (finding, None),
                Work::Compile { compile, key } => {
                    let began = Instant::now();
                    let complaint = compile.run()?;
                    let seconds = began.elapsed().as_secs_f64();
                    let finding = Finding::of(cell.check_name(), &compile.what, &complaint);
                    (Finding { seconds, key, ..finding }, Some(seconds))
                }
            };
            pace.done(cost, seconds);
            (self.all.on_finding)(&finding);
        }
        Ok(())
    }

    fn work(&self, cell: Cell, what: String) -> Result<Work<'_>, SeriesError> {
        let missing = |why: &str| {
            Ok(Work::Known(Finding::new(cell.check_name(), &what, Outcome::Missing, why)))
        };
        if let (true, RustSupport::Lacks(file)) = (cell.rust, &self.source.rust) {
            return missing(&format!("this kernel has no {file}"));
        }
        let config = self.all.config;
        let rust = cell.rust.then_some(&self.source);
        let tools = match Tools::find(self.all.dirs, config.toolchain, &config.make, rust) {
            Ok(tools) => tools,
            Err(error) => return missing(&error.to_string()),
        };
        let mut extra = Vec::new();
        if cell.check == Check::Clippy {
            match clippy::find(self.all.dirs, self.all.on_event, self.all.cancel) {
                Ok(driver) => {
                    extra = vec!["CLIPPY=1".into(), format!("CLIPPY_DRIVER={}", driver.display())];
                }
                Err(how) => return missing(&how),
            }
        }
        let requests = self.all.config.requests(cell.rust, &cell.options(&self.steps))?;
        let overlay = &self.overlays[cell.steps];
        let (all, source) = (self.all, &self.source);

        let mut hasher = blake3::Hasher::new();
        overlay.feed(&mut hasher);
        hasher.update(source.provenance.hash.as_bytes());
        hasher.update(config::text(&requests).as_bytes());
        let targets = cell.targets();
        hasher.update(format!("{RECIPE} {:?} {extra:?} {targets:?}", tools.versions).as_bytes());
        let key = hasher.finalize().to_hex()[..16].to_owned();

        if let Some(known) = all.earlier.iter().find(|f| f.key == key && f.outcome == Outcome::Ok) {
            // What it is called may have changed since.
            return Ok(Work::Known(Finding { on: what, ..known.clone() }));
        }
        let compile = Compile { all, source, overlay, cell, tools, requests, extra, what };
        Ok(Work::Compile { compile: Box::new(compile), key })
    }
}
