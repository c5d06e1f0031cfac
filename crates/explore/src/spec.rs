// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is to be explored, and what is told while it goes on.

use lab::{ArmImage, Tools};
use scenario::Scenario;
use scenario::{Expectations, Kind};
use vdisk::crash::Plan;

/// What to explore.
#[derive(Debug)]
pub struct Spec<'a> {
    /// The kernel.
    pub arm: &'a ArmImage,
    /// What is recorded.
    pub scenario: &'a Scenario,
    /// How to boot; `jobs` machines at once.
    pub tools: &'a Tools,
    /// Of everything random.
    pub seed: u64,
    /// At most so many distinct states.
    pub limit: Option<usize>,
    /// What the arms are expected to have.
    pub expectations: &'a Expectations,
}

impl Spec<'_> {
    /// Whether a kind of bad state is no news.
    #[must_use]
    pub fn allows(&self, kind: &Kind) -> bool {
        self.expectations.allows(&self.arm.name, &self.scenario.id, kind)
    }

    /// Which states there are.
    pub(crate) fn plan(&self) -> Plan {
        Plan { seed: self.seed, ..Plan::default() }
    }
}

/// What happens while an exploration goes on.
#[derive(Debug)]
pub enum Progress {
    /// A step of the recording.
    Recording(String),
    /// How many states there are.
    Catalogued {
        /// Duplicates included.
        considered: u64,
        /// Different contents.
        distinct: usize,
        /// To be tried.
        chosen: usize,
        /// Tried in an earlier, interrupted exploration.
        known: usize,
    },
    /// One more state was tried.
    Tried {
        /// How many so far.
        done: usize,
        /// Of how many.
        of: usize,
        /// Bad ones so far.
        bad: usize,
    },
    /// A kind not seen before.
    Found(Kind),
    /// A bad state is being shrunk.
    Shrinking {
        /// What is wrong with it.
        kind: Kind,
        /// Lost writes of the best state so far.
        lost: usize,
    },
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::path::Path;
    use vm::VmConfig;

    /// Of a kernel that checks itself: its guest is what its configuration says.
    pub(crate) fn is_booted_as_configured(guest: impl FnOnce(&Spec<'_>) -> VmConfig) {
        let text = include_str!("../../../workloads/scenarios/s2-race-cut.toml");
        let cmdline = vec!["kasan=on".to_owned()];
        let spec = Spec {
            arm: &ArmImage { name: "rust".into(), kernel: "k".into() },
            scenario: &scenario::parse(Path::new("s2"), text).unwrap(),
            tools: &Tools { cmdline, slowness: 3, memory_mib: 2048, ..Tools::default() },
            seed: 1,
            limit: None,
            expectations: &scenario::Expectations::default(),
        };
        let guest = guest(&spec);
        assert_eq!(guest.cmdline_extra, ["kasan=on"]);
        assert_eq!((guest.memory_mib, guest.slowness), (2048, 3));
    }
}
