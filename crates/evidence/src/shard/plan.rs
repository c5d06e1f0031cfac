// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which case belongs to which shard.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

/// Raised whenever a field changes its meaning or disappears.
pub const PLAN_VERSION: u32 = 1;

/// Most shards and cases of a plan; beyond it a file is damaged.
const MOST: usize = 1_000_000;

/// `plan.json`: the run's options, and the cases of every shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_VERSION`] of the writer.
    pub plan_version: u32,
    /// Seed of everything random in the run.
    pub seed: u64,
    /// Attempts per arm and scenario.
    pub attempts: u32,
    /// `--kernel-src`, where it was given.
    pub kernel_src: Option<String>,
    /// `--config`.
    pub config: String,
    /// `--config-fragment`, as paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config_fragments: Vec<String>,
    /// `--make`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub make: Vec<String>,
    /// `--accel`: `auto`, `kvm` or `tcg`.
    pub accel: String,
    /// `--arm`, in table order: `NAME` or `NAME=PATH`.
    pub arms: Vec<String>,
    /// Scenarios, in table order.
    pub scenarios: Vec<PlanScenario>,
    /// Case ids of every shard.
    pub shards: Vec<Vec<String>>,
}

/// A scenario as it was when the plan was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanScenario {
    /// `S1`…
    pub id: String,
    /// Content hash of its file.
    pub hash: String,
}

/// Why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file cannot be read or written.
    #[error("{path}: {error}")]
    Io { path: String, error: std::io::Error },
    /// Not a plan of this tool.
    #[error("{path} is not a shard plan of this tool: {why}")]
    Format { path: String, why: String },
}

/// `ARM` of `ARM` or `ARM=PATH`.
fn arm_name(word: &str) -> &str {
    word.split_once('=').map_or(word, |(name, _)| name)
}

impl Plan {
    /// Deals the cases out. A case's place follows from its identity alone:
    /// the cases of a scenario, in the order of the hash of their ids, go
    /// round the shards. So each shard gets its part of the long scenarios,
    /// and no arm is tied to one machine.
    pub fn deal(&mut self, shards: usize) {
        let shards = shards.max(1);
        self.shards = vec![Vec::new(); shards];
        let mut next = 0;
        for scenario in &self.scenarios {
            let mut ids: Vec<String> = (1..=self.attempts)
                .flat_map(|attempt| {
                    let id = &scenario.id;
                    self.arms.iter().map(move |arm| format!("{}/{id}/{attempt}", arm_name(arm)))
                })
                .collect();
            ids.sort_by_cached_key(|id| *blake3::hash(id.as_bytes()).as_bytes());
            for id in ids {
                self.shards[next % shards].push(id);
                next += 1;
            }
        }
    }

    /// Ids of all cases.
    pub fn cases(&self) -> impl Iterator<Item = &str> {
        self.shards.iter().flatten().map(String::as_str)
    }

    /// The names of the arms.
    pub fn arm_names(&self) -> impl Iterator<Item = &str> {
        self.arms.iter().map(|word| arm_name(word))
    }

    /// Whether the shards hold every case of arms × scenarios × attempts,
    /// each once.
    fn check(&self) -> Result<(), String> {
        if self.plan_version != PLAN_VERSION {
            return Err(format!("plan version {}, not {PLAN_VERSION}", self.plan_version));
        }
        let planned = (self.arms.len() as u64)
            .saturating_mul(self.scenarios.len() as u64)
            .saturating_mul(u64::from(self.attempts));
        if planned > MOST as u64 || self.shards.len() > MOST {
            return Err(format!("{planned} cases in {} shards", self.shards.len()));
        }
        let held: Vec<&str> = self.cases().collect();
        let distinct: BTreeSet<&str> = held.iter().copied().collect();
        let mut all = BTreeSet::new();
        for attempt in 1..=self.attempts {
            for arm in self.arm_names() {
                all.extend(self.scenarios.iter().map(|s| format!("{arm}/{}/{attempt}", s.id)));
            }
        }
        let fits = held.len() == distinct.len()
            && held.len() == all.len()
            && distinct.iter().all(|id| all.contains(*id));
        if fits && !held.is_empty() {
            Ok(())
        } else {
            Err("its shards do not hold every case exactly once".to_owned())
        }
    }

    /// Parses and checks a plan.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let plan: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        plan.check()?;
        Ok(plan)
    }

    /// Reads `plan.json`.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let named = || path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| PlanError::Io { path: named(), error })?;
        Self::parse(&text).map_err(|why| PlanError::Format { path: named(), why })
    }

    /// As it stands in the file.
    ///
    /// # Errors
    /// Never in practice: a plan is plain JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn plan(shards: usize) -> Plan {
        let scenario = |id: &str| PlanScenario { id: id.into(), hash: "h".into() };
        let mut plan = Plan {
            plan_version: PLAN_VERSION,
            seed: 1,
            attempts: 3,
            kernel_src: None,
            config_fragments: Vec::new(),
            make: Vec::new(),
            config: "plain".into(),
            accel: "auto".into(),
            arms: vec!["base".into(), "mine=/x/fix.patch".into(), "rust".into()],
            scenarios: vec![scenario("S1"), scenario("L1")],
            shards: vec![],
        };
        plan.deal(shards);
        plan
    }

    #[test]
    fn every_case_has_one_shard_and_each_scenario_is_spread() {
        for shards in [1, 2, 5, 18, 40] {
            let plan = plan(shards);
            plan.check().unwrap();
            assert_eq!(plan.cases().count(), 18);
            let sizes: Vec<usize> = plan.shards.iter().map(Vec::len).collect();
            let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
            assert!(most - least <= 1, "{sizes:?}");
        }
        for shard in &plan(3).shards {
            assert_eq!(shard.iter().filter(|id| id.contains("/L1/")).count(), 3, "{shard:?}");
        }
    }

    #[test]
    fn the_same_options_are_the_same_plan() {
        assert_eq!(plan(4), plan(4));
        let back = Plan::parse(&plan(4).to_json().unwrap()).unwrap();
        assert_eq!(back, plan(4));
    }

    #[test]
    fn a_plan_that_loses_or_repeats_a_case_is_refused() {
        let mut lost = plan(2);
        lost.shards[0].pop();
        let mut twice = plan(2);
        twice.shards[1][0] = twice.shards[0][0].clone();
        let mut strange = plan(2);
        strange.shards[0][0] = "../S1/1".into();
        let mut old = plan(2);
        old.plan_version = 9;
        for bad in [lost, twice, strange, old] {
            assert!(Plan::parse(&bad.to_json().unwrap()).is_err());
        }
    }

    #[test]
    fn a_plan_of_billions_is_refused_before_it_is_counted() {
        let mut huge = plan(2);
        huge.attempts = u32::MAX;
        let error = Plan::parse(&huge.to_json().unwrap()).unwrap_err();
        assert!(error.contains("cases in"), "{error}");
    }
}
