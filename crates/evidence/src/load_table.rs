// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the loads of a run counted, as text of at most 72 columns: rates per
//! arm, their intervals, and how many clean runs the claim needs and has.

use crate::load::Load;
use crate::record::{Case, Outcome, RunRecord, ScenarioRecord};
use crate::stats::proportion::{
    ProportionError, clean_runs_needed, clopper_pearson, upper_bound, wilson,
};
use crate::verdict::Verdict;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use std::fmt::Write;

const CONFIDENCE: f64 = 0.95;

/// The arm that the others are held against: the first that is expected to fail.
fn control(run: &RunRecord) -> Option<&str> {
    let fails =
        |arm: &&str| run.cases.iter().any(|case| case.arm == **arm && case.expected != Verdict::Ok);
    run.arms.iter().map(|arm| arm.name.as_str()).find(fails)
}

/// One arm's cases of one load, added up. Only cases with a verdict count.
#[derive(Debug, Default)]
struct Sum {
    runs: u64,
    /// Runs with anything that the arm is not permitted, or, for the control,
    /// with what it is expected to show.
    bad: u64,
    load: Load,
}

impl Sum {
    fn of(run: &RunRecord, scenario: &str, arm: &str) -> Self {
        let mut sum = Self::default();
        for case in run.cases.iter().filter(|c| c.scenario == scenario && c.arm == arm) {
            if let (Some(load), Some(verdict)) = (&case.load, verdict(case)) {
                sum.runs += 1;
                let harmless = verdict == Verdict::Ok || load.permitted.contains(&verdict);
                sum.bad += u64::from(!harmless);
                sum.load.seconds += load.seconds;
                sum.load.cuts += load.cuts;
                sum.load.cached_reads += load.cached_reads;
                sum.load.opportunities += load.opportunities;
                sum.load.stale_blocks += load.stale_blocks;
                sum.load.verify_errors += load.verify_errors;
            }
        }
        sum
    }
}

fn verdict(case: &Case) -> Option<Verdict> {
    match case.outcome {
        Outcome::Verdict { verdict } => Some(verdict),
        _ => None,
    }
}

/// A paragraph for each load scenario of the run; empty without one.
#[must_use]
pub fn load_table(run: &RunRecord) -> String {
    let mut text = String::new();
    for scenario in &run.scenarios {
        if run.cases.iter().any(|c| c.scenario == scenario.id && c.load.is_some()) {
            paragraph(&mut text, run, scenario);
        }
    }
    text
}

fn paragraph(text: &mut String, run: &RunRecord, scenario: &ScenarioRecord) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{} {}: stale 4 KiB blocks under load", scenario.id, scenario.name);
    let mut table = Table::new();
    table
        .load_preset(presets::ASCII_MARKDOWN)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(["arm", "runs", "bad", "stale/run", "/1M reads", "refused", "windows"]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let sums: Vec<(&str, Sum)> = run
        .arms
        .iter()
        .map(|arm| (arm.name.as_str(), Sum::of(run, &scenario.id, &arm.name)))
        .collect();
    for (arm, sum) in &sums {
        let per_run = ratio(sum.load.stale_blocks as f64, sum.runs as f64);
        let per_million = ratio(sum.load.stale_blocks as f64 * 1e6, sum.load.cached_reads as f64);
        table.add_row([
            (*arm).to_owned(),
            sum.runs.to_string(),
            sum.bad.to_string(),
            per_run,
            per_million,
            sum.load.verify_errors.to_string(),
            sum.load.opportunities.to_string(),
        ]);
    }
    let _ = writeln!(text, "{table}");
    let control = sums.iter().find(|(arm, _)| Some(*arm) == control(run));
    for (arm, sum) in sums.iter().filter(|(_, sum)| sum.runs > 0) {
        let _ = writeln!(text, "{arm}: {}", rate(sum));
        if let Some((_, control)) = control.filter(|(other, _)| arm != other && sum.bad == 0) {
            let _ = writeln!(text, "    {}", claim(control, sum));
        }
    }
    let _ = writeln!(
        text,
        "windows: misses that overlapped a write in flight, by the disks' events;\n\
         refused: blocks that fio's verify refused, over all passes\n"
    );
}

fn ratio(over: f64, under: f64) -> String {
    if under > 0.0 { format!("{:.1}", over / under) } else { "-".to_owned() }
}

/// Bad runs of an arm, with intervals.
fn rate(sum: &Sum) -> String {
    let head = format!("{} of {} runs bad", sum.bad, sum.runs);
    let intervals = || -> Result<String, ProportionError> {
        if sum.bad == 0 {
            let bound = upper_bound(0, sum.runs, CONFIDENCE)?;
            return Ok(format!("at most {:.3} (95 %, {})", bound.high, bound.method));
        }
        let exact = clopper_pearson(sum.bad, sum.runs, CONFIDENCE)?;
        let score = wilson(sum.bad, sum.runs, CONFIDENCE)?;
        Ok(format!("{exact},\n    {:.3}..{:.3} ({})", score.low, score.high, score.method))
    };
    match intervals() {
        Ok(intervals) => format!("{head}, {intervals}"),
        Err(error) => format!("{head}; {error}"),
    }
}

/// Whether the clean runs suffice.
fn claim(control: &Sum, sum: &Sum) -> String {
    match clean_runs_needed(control.bad, control.runs, CONFIDENCE) {
        Ok(needed) if sum.runs >= needed => {
            format!("clean runs: {needed} needed, {} had: not the control's rate", sum.runs)
        }
        Ok(needed) => {
            format!("clean runs: {needed} needed, {} had: NOT ENOUGH to claim a fix", sum.runs)
        }
        Err(error) => format!("clean runs needed: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(runs: u64, bad: u64) -> Sum {
        Sum { runs, bad, load: Load::default() }
    }

    #[test]
    fn too_few_runs_get_no_interval_but_a_reason() {
        let text = rate(&sum(1, 1));
        assert!(text.starts_with("1 of 1 runs bad; ") && text.contains("at least 3"), "{text}");
        let text = rate(&sum(5, 5));
        assert!(text.contains("0.478..1.000 (95 %, Clopper-Pearson)"), "{text}");
        assert!(text.contains("0.566..1.000 (Wilson)"), "{text}");
        let text = rate(&sum(20, 0));
        assert!(text.contains("at most 0.139") && text.contains("one-sided"), "{text}");
    }

    #[test]
    fn a_claim_needs_as_many_clean_runs_as_the_controls_rate_asks_for() {
        assert!(claim(&sum(3, 3), &sum(3, 0)).contains("7 needed, 3 had: NOT ENOUGH"));
        assert!(claim(&sum(5, 5), &sum(5, 0)).contains("4 needed, 5 had: not the control's"));
        assert!(claim(&sum(20, 0), &sum(20, 0)).contains("never seen in 20 runs"));
    }

    #[test]
    fn rates_of_nothing_are_a_dash() {
        assert_eq!((ratio(1.0, 0.0), ratio(3.0, 2.0)), ("-".to_owned(), "1.5".to_owned()));
    }
}
