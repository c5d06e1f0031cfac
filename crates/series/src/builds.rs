// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the builds of the series are to be, and who is told.

use crate::mails::Mails;
use crate::plan::Plan;
use crate::report::Finding;
use kbuild::{Dirs, Event, KernelConfig};
use proc::Cancel;
use std::path::Path;

/// How far the builds are.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Builds done, those of an earlier run included.
    pub done: usize,
    pub total: usize,
    /// Seconds that the others are likely to take.
    pub left: f64,
    /// What is being built.
    pub now: String,
}

/// All that the builds need.
pub struct Builds<'a> {
    pub plan: &'a Plan,
    /// The kernels to build; all that the series claims when empty.
    pub only: &'a [String],
    pub mails: &'a Mails,
    /// The checkout and the cache.
    pub dirs: &'a Dirs,
    /// What the kernels are configured with, beside bcache itself.
    pub config: &'a KernelConfig,
    /// Where the logs go.
    pub logs: &'a Path,
    /// Findings of an earlier run: what was fine is not built again.
    pub earlier: &'a [Finding],
    /// Told before each build.
    pub on_progress: &'a dyn Fn(&Progress),
    /// Told each finding as it is made.
    pub on_finding: &'a dyn Fn(&Finding),
    /// Told what takes long within a build.
    pub on_event: &'a dyn Fn(Event),
    /// The user's wish to stop.
    pub cancel: &'a Cancel,
}
