// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a command will do, and how long it takes, said before it does it.

use crate::flags::KernelArgs;
use crate::{estimate, others, prepare};
use anyhow::Result;
use kbuild::setup::{self, Fix};
use kbuild::{Arm, Builder, Dirs, Host, Source, SourceSpec};
use scenario::Scenario;
use std::fmt::Write;

/// Fetching and unpacking a kernel package, in seconds.
const SOURCE_S: f64 = 120.0;
/// The guest's programs, compiled.
const GUEST_S: f64 = 90.0;
/// A kernel from nothing, on two idle cores.
const COLD_S: f64 = 330.0;
/// From an arm without Rust to one with it, or back.
const SWITCH_S: f64 = 200.0;
/// An arm that differs in bcache only.
const MORE_S: f64 = 20.0;

/// What there is to do, whatever does it.
pub struct Forecast<'a> {
    dirs: &'a Dirs,
    kernel: &'a KernelArgs,
    arms: &'a [Arm],
    /// The source, where it is at hand.
    source: Option<Source>,
    /// Arms whose kernel has to be built.
    missing: Vec<&'a Arm>,
    /// Kernels that scenarios boot beside the arms', and seconds to build each.
    others: Vec<(String, f64)>,
    /// `57 cases: …`, or so many boots.
    work: String,
    /// How long the work takes.
    seconds: f64,
}

impl<'a> Forecast<'a> {
    /// # Errors
    /// For an arm that does not fit the source, as far as that is at hand.
    pub fn new(
        dirs: &'a Dirs,
        arms: &'a [Arm],
        kernel: &'a KernelArgs,
        work: String,
        seconds: f64,
    ) -> Result<Self> {
        let spec = match &kernel.kernel_src {
            None => SourceSpec::Newest,
            Some(given) => SourceSpec::parse(given).map_err(prepare::source_error)?,
        };
        let source = Source::at_hand(&spec, dirs);
        let config = prepare::load_config(dirs, &kernel.config)?;
        // Without its compilers nothing is built yet, as far as can be told.
        let builder = source.as_ref().and_then(|source| Builder::new(dirs, source, &config).ok());
        let mut missing = Vec::new();
        for arm in arms {
            let found = match &builder {
                Some(builder) => builder.find(arm).map_err(prepare::build_error)?,
                None => None,
            };
            if found.is_none() {
                missing.push(arm);
            }
        }
        Ok(Self { dirs, kernel, arms, source, missing, others: Vec::new(), work, seconds })
    }

    /// With the kernels that scenarios boot beside the arms'.
    ///
    /// # Errors
    /// As for [`Self::new`], and for an arm that there is not.
    pub fn with_others(mut self, scenarios: &[Scenario]) -> Result<Self> {
        for other in others::of(scenarios) {
            let (arms, kernel) = others::parts(self.dirs, other, self.kernel)?;
            let alone = Forecast::new(self.dirs, &arms, &kernel, String::new(), 0.0)?;
            self.others.push((other.to_string(), alone.builds()));
        }
        Ok(self)
    }

    /// One line, for a run that begins.
    pub fn summary(&self) -> String {
        let others = self.others.iter().filter(|(_, seconds)| *seconds > 0.0).count();
        let builds = match self.missing.len() + others {
            0 => String::new(),
            1 => "1 kernel to build, ".to_owned(),
            count => format!("{count} kernels to build, "),
        };
        let all = estimate::duration(self.builds() + self.seconds);
        format!("{builds}{}: about {all} on two idle cores", self.work)
    }

    /// Seconds until the first case.
    fn builds(&self) -> f64 {
        let guest = self.dirs.cache.join("guest").is_dir();
        let mut seconds = if guest { 0.0 } else { GUEST_S };
        if self.source.is_none() {
            seconds += SOURCE_S;
        }
        let cold = !self.dirs.cache.join("images").is_dir();
        let mut before = None;
        for arm in &self.missing {
            seconds += match before.replace(arm.needs_rust) {
                None if cold => COLD_S,
                Some(rust) if rust == arm.needs_rust => MORE_S,
                Some(_) | None => SWITCH_S,
            };
        }
        seconds + self.others.iter().map(|(_, seconds)| seconds).sum::<f64>()
    }

    /// All of it, for `--dry-run`.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let scope = prepare::scope_of(self.dirs, &self.kernel.config);
        let survey = setup::survey(&Host::running(), self.dirs, scope);
        for (item, fix) in survey.missing() {
            let how = match fix {
                Fix::ByHand(_) => "to be installed by hand",
                _ => "would be installed",
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{} ({}): {how}", item.name, prepare::fix_in_words(fix));
        }
        let source = match (&self.source, &self.kernel.kernel_src) {
            (Some(source), _) => format!("{}, in the cache", source.provenance.origin),
            (None, Some(given)) => given.clone(),
            (None, None) => "the newest linux-source-7.x, to be fetched (170 MB)".to_owned(),
        };
        let _ = writeln!(text, "kernel source: {source}\nconfiguration: {}", self.kernel.config);
        for arm in self.arms {
            let missing = self.missing.iter().any(|other| other.name == arm.name);
            let state = if missing { "to be built" } else { "in the cache" };
            let _ = writeln!(text, "kernel {}: {state} ({})", arm.name, arm.title);
        }
        for (kernel, seconds) in &self.others {
            let state = if *seconds > 0.0 { "to be built" } else { "in the cache" };
            let _ = writeln!(text, "kernel {kernel}, which scenarios boot: {state}");
        }
        let _ = writeln!(text, "{}", self.work);
        let builds = estimate::duration(self.builds());
        let work = estimate::duration(self.seconds);
        let _ =
            writeln!(text, "about {builds} until the first one, then {work}, on two idle cores");
        text
    }
}
