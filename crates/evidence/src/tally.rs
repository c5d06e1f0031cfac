// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the runs of one load on one arm came to.

use crate::load::Load;
use crate::record::{Case, Outcome, RunRecord, ScenarioRecord};
use crate::stats::proportion::{
    Interval, ProportionError, clean_runs_needed, clopper_pearson, upper_bound,
};
use crate::verdict::Verdict;
use std::collections::BTreeSet;

pub(crate) const CONFIDENCE: f64 = 0.95;

/// One arm's cases of one load, added up. Only cases with a verdict count.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub runs: u64,
    /// Runs with anything that the arm is not permitted, or, for the control,
    /// with what it is expected to show.
    pub bad: u64,
    /// What the bad ones showed.
    pub verdicts: BTreeSet<Verdict>,
    pub load: Load,
}

/// Whether an arm's clean runs tell it from the control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    Met(u64),
    NotMet(u64),
    /// The control was never bad, or ran too seldom: nothing can be claimed.
    None,
}

impl Tally {
    pub(crate) fn of(run: &RunRecord, scenario: &str, arm: &str) -> Self {
        let mut sum = Self::default();
        for case in run.cases.iter().filter(|c| c.scenario == scenario && c.arm == arm) {
            if let (Some(load), Some(verdict)) = (&case.load, verdict(case)) {
                sum.runs += 1;
                let harmless = verdict == Verdict::Ok || load.permitted.contains(&verdict);
                if !harmless {
                    sum.bad += 1;
                    sum.verdicts.insert(verdict);
                }
                sum.load.opportunities += load.opportunities;
                sum.load.stale_blocks += load.stale_blocks;
            }
        }
        sum
    }

    /// `5 of 5`, `none of 5`.
    pub(crate) fn outcome(&self) -> String {
        match self.bad {
            0 => format!("none of {}", self.runs),
            bad => format!("{bad} of {}", self.runs),
        }
    }

    /// The rate of bad runs, exact.
    ///
    /// # Errors
    /// [`ProportionError::TooFew`].
    pub(crate) fn rate(&self) -> Result<Interval, ProportionError> {
        match self.bad {
            0 => upper_bound(0, self.runs, CONFIDENCE),
            bad => clopper_pearson(bad, self.runs, CONFIDENCE),
        }
    }

    /// Of an arm that was clean, beside its control.
    pub(crate) fn claim(&self, control: &Self) -> Claim {
        match clean_runs_needed(control.bad, control.runs, CONFIDENCE) {
            Ok(needed) if self.bad == 0 && self.runs >= needed => Claim::Met(needed),
            Ok(needed) if self.bad == 0 => Claim::NotMet(needed),
            _ => Claim::None,
        }
    }
}

fn verdict(case: &Case) -> Option<Verdict> {
    match case.outcome {
        Outcome::Verdict { verdict } => Some(verdict),
        _ => None,
    }
}

/// The loads of a run, in table order.
pub(crate) fn loads(run: &RunRecord) -> impl Iterator<Item = &ScenarioRecord> {
    let played = |id: &str| run.cases.iter().any(|case| case.scenario == id && case.load.is_some());
    run.scenarios.iter().filter(move |scenario| played(&scenario.id))
}

/// Arms that have run the load, with what came of it, and the control's place
/// among them.
pub(crate) fn tallies<'a>(
    run: &'a RunRecord,
    scenario: &str,
) -> (Vec<(&'a str, Tally)>, Option<usize>) {
    let of = |name: &'a str| (name, Tally::of(run, scenario, name));
    let ran = |(_, tally): &(&str, Tally)| tally.runs > 0;
    let all: Vec<_> = run.arms.iter().map(|arm| of(&arm.name)).filter(ran).collect();
    let control = |name: &str| run.arms.iter().any(|arm| arm.name == name && arm.is_control());
    let at = all.iter().position(|(name, _)| control(name));
    (all, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(runs: u64, bad: u64) -> Tally {
        Tally { runs, bad, ..Tally::default() }
    }

    #[test]
    fn too_few_runs_get_no_interval_but_a_reason() {
        assert!(tally(1, 1).rate().unwrap_err().to_string().contains("at least 3"));
        assert_eq!(tally(5, 5).rate().unwrap().to_string(), "0.478..1.000 (95 %, Clopper-Pearson)");
        assert!((tally(20, 0).rate().unwrap().high - 0.139).abs() < 0.001);
    }

    #[test]
    fn a_claim_needs_as_many_clean_runs_as_the_controls_rate_asks_for() {
        assert_eq!(tally(3, 0).claim(&tally(3, 3)), Claim::NotMet(7));
        assert_eq!(tally(5, 0).claim(&tally(5, 5)), Claim::Met(4));
        assert_eq!(tally(20, 0).claim(&tally(20, 0)), Claim::None);
        assert_eq!(tally(20, 1).claim(&tally(5, 5)), Claim::None, "it was not clean");
    }
}
