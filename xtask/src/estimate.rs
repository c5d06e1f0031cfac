// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long a run will take, said before it begins.

use evidence::RunRecord;
use scenario::Scenario;

/// A case of steps, in seconds: two boots and what is between them.
const STEPS_S: f64 = 4.0;

/// One sentence. Cases that were run before tell how long theirs take; the
/// others take what their scenario says, times the `slowness` of the kernels.
pub fn words(record: &RunRecord, scenarios: &[Scenario], jobs: usize, slowness: u32) -> String {
    let mut seconds = 0.0;
    let mut longest: f64 = 0.0;
    let mut left = 0;
    let mut measured = false;
    for scenario in scenarios {
        let took: Vec<f64> = record
            .cases
            .iter()
            .filter(|case| case.scenario == scenario.id)
            .map(|case| case.took_ms as f64 / 1000.0)
            .collect();
        let planned = record.arms.len() * record.attempts as usize;
        let todo = planned.saturating_sub(took.len());
        let each = if took.is_empty() {
            nominal(scenario) * f64::from(slowness)
        } else {
            measured = true;
            took.iter().sum::<f64>() / took.len() as f64
        };
        left += todo;
        if todo > 0 {
            longest = longest.max(each);
        }
        seconds += each * todo as f64;
    }
    let all = (seconds / jobs.max(1) as f64).max(longest);
    let from = if measured { "from the cases that are there" } else { "on an idle machine" };
    format!("about {} for {left} cases, {from}", duration(all))
}

/// Seconds for all cases, where nothing is known of them yet.
pub fn fresh(scenarios: &[Scenario], each: usize, jobs: usize, slowness: u32) -> f64 {
    let of = |scenario: &Scenario| nominal(scenario) * f64::from(slowness);
    let all: f64 = scenarios.iter().map(|scenario| of(scenario) * each as f64).sum();
    let longest = scenarios.iter().map(of).fold(0.0, f64::max);
    (all / jobs.max(1) as f64).max(longest)
}

fn nominal(scenario: &Scenario) -> f64 {
    let Some(load) = &scenario.load else { return STEPS_S };
    let each = load.about_s as f64;
    match &load.cycles {
        None => each,
        Some(cycles) => match cycles.hours {
            Some(hours) => hours * 3600.0 + each,
            None => each * f64::from(cycles.count),
        },
    }
}

pub fn duration(seconds: f64) -> String {
    let minutes = seconds / 60.0;
    if minutes < 1.5 {
        format!("{seconds:.0} s")
    } else if minutes < 90.0 {
        format!("{minutes:.0} min")
    } else {
        format!("{:.1} h", minutes / 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_fitting_unit() {
        assert_eq!(duration(40.0), "40 s");
        assert_eq!(duration(300.0), "5 min");
        assert_eq!(duration(9.0 * 3600.0), "9.0 h");
    }
}
