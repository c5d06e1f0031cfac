// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scenarios as data: what `workloads/scenarios/*.toml` may say.
//!
//! A scenario is disks, a bcache set-up, named blocks, a list of [`Step`]s and
//! the verdict that each arm is expected to get. A step that carries `proves`
//! is part of the scenario's *opportunity*: when it does not come about, the
//! window was not open and the case is inconclusive, whatever was read.

use crate::load::LoadPlan;
use crate::setup::{BcacheSetup, Block, Disks};
use crate::step::{Action, OtherKernel, Step};
use crate::volume::Volume;
use evidence::Verdict;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// One scenario, checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// `S1`, `S2`…
    pub id: String,
    /// Short name, as in design.md.
    pub name: String,
    /// One line for tables and help.
    pub title: String,
    /// What the scenario is after, for reports.
    pub why: String,
    /// Whether it is played when no scenario is named: slow ones wait for
    /// `--full`.
    pub quick: bool,
    /// Whether a guest that was saved after its boot may play it: see
    /// [`crate::SavedGuests`].
    pub restore: bool,
    /// The two virtual disks.
    pub disks: Disks,
    /// How bcache is set up.
    pub bcache: BcacheSetup,
    /// Named ranges of the bcache device.
    pub blocks: BTreeMap<String, Block>,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Expected verdict by arm; see [`Scenario::expected`].
    pub expect: BTreeMap<String, Verdict>,
    /// The file, for messages and copies.
    pub path: PathBuf,
    /// blake3 of the file.
    pub hash: String,
    /// What a load scenario has instead of steps.
    pub load: Option<LoadPlan>,
}

impl Scenario {
    /// What `arm` is expected to get. An arm that the file does not name is
    /// taken to claim that it fixes the bug: it is expected to be clean.
    #[must_use]
    pub fn expected(&self, arm: &str) -> Verdict {
        self.expect.get(arm).copied().unwrap_or(Verdict::Ok)
    }

    /// The bcache devices, by number.
    #[must_use]
    pub fn volumes(&self) -> Vec<Volume> {
        let second = self.disks.hdd2.as_ref().map(|_| Volume::Hdd2);
        let flash = self.bcache.flash_mib.map(|_| Volume::Flash);
        std::iter::once(Volume::Hdd).chain(second).chain(flash).collect()
    }

    /// The kernels beside the arm's that it boots.
    #[must_use]
    pub fn other_kernels(&self) -> BTreeSet<&OtherKernel> {
        let boots = self.steps.iter().filter_map(|step| match &step.action {
            Action::Boot(boot) => boot.kernel.as_ref(),
            _ => None,
        });
        boots.collect()
    }
}
