// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds each kernel that the series claims after each step, with and without
//! Rust, with bcache as a module and built in; and clippy.
//!
//! Whole kernels: only the linker, and modpost with the exports of a linked
//! kernel, can tell that no symbol is missing. The object trees stay, so that
//! from one build to the next bcache alone is compiled.

use crate::builds::Builds;
use crate::cell::cells;
use crate::checks::applies;
use crate::error::SeriesError;
use crate::kernel::Kernel;
use crate::pace::Pace;
use crate::plan::On;
use crate::report::{Finding, Outcome};
use kbuild::{Source, SourceError, SourceSpec};
use std::fs;

impl Builds<'_> {
    /// Everything, kernel after kernel.
    ///
    /// # Errors
    /// [`SeriesError`] for what says nothing about the series, an unpatched
    /// kernel that does not build among it.
    pub fn run(&self) -> Result<(), SeriesError> {
        fs::create_dir_all(self.logs).map_err(SeriesError::io(self.logs))?;
        let mut pace = Pace::default();
        for on in self.plan.on.iter().filter(|on| self.wants(on)) {
            self.costs(on).into_iter().for_each(|cost| pace.plan(cost));
        }
        for (index, on) in self.plan.on.iter().enumerate().filter(|(_, on)| self.wants(on)) {
            self.cancel.check()?;
            let kernel = match self.source(on)? {
                // The mails have been tried on the first kernel already.
                Some(source) if index == 0 || self.apply(on, &source)? => {
                    Some(Kernel::open(self, on, source)?)
                }
                _ => None,
            };
            match kernel {
                Some(kernel) => kernel.run(&mut pace)?,
                None => self.costs(on).into_iter().for_each(|cost| pace.drop(cost)),
            }
        }
        Ok(())
    }

    fn wants(&self, on: &On) -> bool {
        self.only.is_empty() || self.only.contains(&on.kernel)
    }

    /// Of each build of a kernel.
    fn costs(&self, on: &On) -> Vec<f64> {
        let (steps, cells) = (self.plan.steps_on(on), cells(self.plan, on));
        let before = [None].into_iter().chain(cells.iter().copied().map(Some));
        cells.iter().zip(before).map(|(cell, before)| cell.cost(before, &steps)).collect()
    }

    /// `None` when it cannot be had.
    fn source(&self, on: &On) -> Result<Option<Source>, SeriesError> {
        let source = SourceSpec::parse(&on.kernel)
            .and_then(|spec| Source::obtain(&spec, self.dirs, self.on_event, self.cancel));
        match source {
            Err(SourceError::Apt(error)) => {
                let (what, why) = (&on.kernel, error.to_string());
                (self.on_finding)(&Finding::new("kernel source", what, Outcome::Missing, &why));
                Ok(None)
            }
            source => Ok(Some(source?)),
        }
    }

    /// Whether the mails apply.
    fn apply(&self, on: &On, source: &Source) -> Result<bool, SeriesError> {
        let pristine = |path: &str| source.pristine(path);
        let version = &source.provenance.kernel;
        let found = applies(self.plan, on, self.mails, version, &pristine, self.cancel)?;
        found.iter().for_each(self.on_finding);
        Ok(found.iter().all(|finding| finding.outcome == Outcome::Ok))
    }
}
