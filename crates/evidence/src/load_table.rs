// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the loads of a run counted, as text of at most 72 columns: the windows
//! and what came of them first, then the rates, and how many clean runs the
//! claim needs.

use crate::mail::hanging;
use crate::number::grouped;
use crate::record::{RunRecord, ScenarioRecord};
use crate::stats::proportion::{ProportionError, clean_runs_needed};
use crate::tally::{CONFIDENCE, Claim, Tally, loads, tallies};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use std::fmt::Write;

/// A paragraph for each load scenario of the run; empty without one.
#[must_use]
pub fn load_table(run: &RunRecord) -> String {
    let mut text = String::new();
    loads(run).for_each(|scenario| paragraph(&mut text, run, scenario));
    if !text.is_empty() {
        text.push_str(
            "windows: misses that overlapped a write in flight, by the disks' events;\n\
             blocks/run: of 4 KiB, that bcache and its clean disk disagree on\n",
        );
    }
    text
}

fn paragraph(text: &mut String, run: &RunRecord, scenario: &ScenarioRecord) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}", hanging(&format!("{}: {}", scenario.id, scenario.title)));
    let (tallies, control) = tallies(run, &scenario.id);
    let control = control.map(|at| &tallies[at]);
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(["arm", "windows", "bad runs", "blocks/run", "clean runs needed"]);
    for (arm, tally) in &tallies {
        let needed = match control.filter(|(name, _)| name != arm).map(|(_, c)| tally.claim(c)) {
            Some(Claim::Met(needed)) => format!("{needed}: met"),
            Some(Claim::NotMet(needed)) => format!("{needed}: NOT MET"),
            Some(Claim::None) | None => "-".to_owned(),
        };
        let per_run = tally.load.stale_blocks as f64 / tally.runs as f64;
        table.add_row([
            (*arm).to_owned(),
            grouped(tally.load.opportunities),
            tally.outcome(),
            format!("{per_run:.1}"),
            needed,
        ]);
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if (1..=3).contains(&at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for line in table.trim_fmt().lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let _ = writeln!(text, "{}\n", rates(&tallies, control.map(|(_, tally)| tally)));
}

/// The rates of bad runs, arms of one rate together, and why nothing is claimed.
fn rates(tallies: &[(&str, Tally)], control: Option<&Tally>) -> String {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for (arm, tally) in tallies {
        let rate = match tally.rate() {
            Ok(rate) if tally.bad == 0 => format!("at most {:.3}", rate.high),
            Ok(rate) => format!("{:.3} to {:.3}", rate.low, rate.high),
            Err(error) => error.to_string(),
        };
        match groups.iter_mut().find(|(other, _)| *other == rate) {
            Some((_, arms)) => arms.push(arm),
            None => groups.push((rate, vec![arm])),
        }
    }
    let groups: Vec<String> =
        groups.into_iter().map(|(rate, arms)| format!("{} {rate}", arms.join(", "))).collect();
    let mut text = format!("bad runs (95 %, Clopper-Pearson): {}", groups.join("; "));
    let needed = control.map(|c| clean_runs_needed(c.bad, c.runs, CONFIDENCE));
    if let Some(Err(error @ ProportionError::NeverSeen { .. })) = needed {
        text.push_str(&format!(". Of the control's rate: {error}"));
    }
    hanging(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::WIDTH;

    #[test]
    fn arms_of_one_rate_stand_together_and_what_cannot_be_claimed_is_said_in_whole_words() {
        let of = |runs, bad| Tally { runs, bad, ..Tally::default() };
        let text = rates(&[("base", of(5, 5)), ("c", of(5, 0)), ("rust", of(5, 0))], None);
        let text = text.replace("\n    ", " ");
        assert!(text.contains("base 0.478 to 1.000; c, rust at most 0.451"), "{text}");
        let clean = of(5, 0);
        let text = rates(&[("base", of(5, 0))], Some(&clean));
        let line = text.replace("\n    ", " ");
        assert!(line.ends_with("no number of clean runs proves anything against that"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }
}
