// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether two records are of one experiment: the same kernels, scenarios,
//! guest, emulator and seed. Only then may their cases stand in one table.

use crate::record::{ArmRecord, RunRecord};
use std::fmt;

/// The first thing in which two records differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `arm rust`, `seed`…
    pub what: String,
    /// As the first record has it.
    pub first: String,
    /// As the second has it.
    pub second: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "another {} ({} there, {} here)", self.what, self.first, self.second)
    }
}

/// Hashes are told apart by their beginning; words are not.
fn short(text: &str) -> String {
    let hash = !text.contains(char::is_whitespace);
    text.chars().take(if hash { 24 } else { 200 }).collect()
}

fn differ(what: &str, first: &str, second: &str) -> Option<Difference> {
    (first != second).then(|| Difference {
        what: what.to_owned(),
        first: short(first),
        second: short(second),
    })
}

/// The kernel itself, bit for bit.
fn bits(arm: &ArmRecord) -> &str {
    arm.vmlinux.as_deref().unwrap_or("unknown")
}

impl RunRecord {
    /// Ids of all cases of the run, whether they have run or not.
    pub fn planned_ids(&self) -> impl Iterator<Item = String> {
        (1..=self.attempts).flat_map(move |attempt| {
            self.scenarios.iter().flat_map(move |scenario| {
                self.arms.iter().map(move |arm| format!("{}/{}/{attempt}", arm.name, scenario.id))
            })
        })
    }

    /// What keeps the cases of `other` out of this record; `None` when they
    /// may be put together. Host and times may differ.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<Difference> {
        let names =
            |run: &Self| run.arms.iter().map(|arm| arm.name.as_str()).collect::<Vec<_>>().join(" ");
        let ids =
            |run: &Self| run.scenarios.iter().map(|s| s.id.as_str()).collect::<Vec<_>>().join(" ");
        let arms = || {
            self.arms.iter().zip(&other.arms).find_map(|(a, b)| {
                differ(&format!("content of arm {}", a.name), &a.hash, &b.hash).or_else(|| {
                    differ(&format!("kernel image of arm {}", a.name), &a.image, &b.image)
                        .or_else(|| differ(&format!("kernel of arm {}", a.name), bits(a), bits(b)))
                })
            })
        };
        let scenarios = || {
            self.scenarios.iter().zip(&other.scenarios).find_map(|(a, b)| {
                differ(&format!("content of scenario {}", a.id), &a.hash, &b.hash)
            })
        };
        let compilers = |run: &Self| {
            let t = &run.toolchain;
            let or_none = |tool: &Option<String>| tool.clone().unwrap_or_else(|| "none".to_owned());
            format!("{}; {}; {}", t.cc, or_none(&t.rustc), or_none(&t.bindgen))
        };
        let qemu = |run: &Self| format!("{} {}", run.qemu.accelerator, run.qemu.version);
        differ("list of arms", &names(self), &names(other))
            .or_else(|| differ("list of scenarios", &ids(self), &ids(other)))
            .or_else(|| differ("seed", &self.seed.to_string(), &other.seed.to_string()))
            .or_else(|| {
                let attempts = |run: &Self| run.attempts.to_string();
                differ("number of attempts", &attempts(self), &attempts(other))
            })
            .or_else(|| differ("kernel source", &self.source.hash, &other.source.hash))
            .or_else(|| differ("configuration", &self.config.hash, &other.config.hash))
            .or_else(scenarios)
            .or_else(arms)
            .or_else(|| differ("compiler", &compilers(self), &compilers(other)))
            .or_else(|| differ("guest image", &self.guest.hash, &other.guest.hash))
            .or_else(|| differ("accelerator or QEMU", &qemu(self), &qemu(other)))
            // Whatever else makes an arm or a scenario another one.
            .or_else(|| {
                let same = self.arms == other.arms
                    && self.scenarios == other.scenarios
                    && self.guest == other.guest;
                (!same).then(|| Difference {
                    what: "title or version".to_owned(),
                    first: "one".to_owned(),
                    second: "another".to_owned(),
                })
            })
    }
}
