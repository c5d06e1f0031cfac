// SPDX-License-Identifier: MIT OR Apache-2.0
//! The time line in a terminal.

use super::columns::{Layout, layout};
use super::model::{Lane, Row, Timeline, Tone};
use std::fmt::Write;

/// Time runs downwards; a column per disk shows what is under way.
#[must_use]
pub fn text(line: &Timeline) -> String {
    let places = layout(line);
    let mut out = format!("{}\n", line.focus);
    let _ = writeln!(out, "{:>11}  {}  what", "ms", heads(&places));
    for (at, row) in line.rows.iter().enumerate() {
        let time = row.at_ns.map_or(String::new(), |ns| format!("{:.3}", ns as f64 / 1e6));
        let bars: String =
            (0..places.columns()).map(|column| cell(line, &places, column, at)).collect();
        let _ = writeln!(out, "{time:>11}  {}  {}", padded(&places, &bars), worded(row));
    }
    out.push_str("bars: ┬ issued  │ under way  ║ held by the lab  ┴ complete  ╳ cut  ┆ inferred\n");
    out
}

/// Width of a lane: its columns, or its title.
fn width(places: &Layout, lane: usize) -> usize {
    places.lanes[lane].1.max(Lane::DRAWN[lane].title().len())
}

fn heads(places: &Layout) -> String {
    let each = Lane::DRAWN.iter().enumerate();
    let each = each.map(|(at, lane)| format!("{:<1$}", lane.title(), width(places, at)));
    each.collect::<Vec<_>>().join(" ")
}

fn padded(places: &Layout, bars: &str) -> String {
    let chars: Vec<char> = bars.chars().collect();
    let each = places.lanes.iter().enumerate().map(|(at, &(first, count))| {
        let text: String = chars[first..first + count].iter().collect();
        format!("{text:<0$}", width(places, at))
    });
    each.collect::<Vec<_>>().join(" ")
}

fn cell(line: &Timeline, places: &Layout, column: usize, row: usize) -> char {
    let mut bars = line.bars.iter().zip(&places.column);
    let here = bars.find(|(bar, at)| **at == column && (bar.from..=bar.to).contains(&row));
    let Some((bar, _)) = here else { return ' ' };
    if row == bar.to {
        return match (bar.ended, bar.from == bar.to) {
            (false, _) => '╳',
            (true, true) => '╪',
            (true, false) => '┴',
        };
    }
    if row == bar.from {
        return '┬';
    }
    match bar.held {
        Some((from, to)) if (from..to).contains(&row) => '║',
        _ if bar.tone == Tone::Inferred => '┆',
        _ => '│',
    }
}

fn worded(row: &Row) -> String {
    let text = plain(&row.text);
    match row.tone {
        Tone::Step => format!("▶ {text}"),
        Tone::Proof => format!("✓ {text}"),
        Tone::Note | Tone::Skipped => format!("  {text}"),
        Tone::Cut => format!("⚡ {text}"),
        Tone::Verdict | Tone::Bad => format!("= {text}"),
        _ => format!("{}: {text}", row.lane.title()),
    }
}

/// Without control characters: the text may come from somebody else's log.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::model::Bar;
    use super::*;

    #[test]
    fn a_held_request_is_seen_to_be_held_and_escapes_do_not_pass() {
        let row = |text: &str| Row {
            at_ns: Some(1_500_000),
            event: Some(1),
            lane: Lane::Hdd,
            tone: Tone::Write,
            text: text.into(),
        };
        let bar = Bar {
            lane: Lane::Hdd,
            tone: Tone::Write,
            from: 0,
            to: 3,
            ended: true,
            held: Some((1, 2)),
            label: "B".into(),
        };
        let rows = vec![row("B issued"), row("held"), row("\x1b[2Jreleased"), row("complete")];
        let text = text(&Timeline { focus: "f".into(), rows, bars: vec![bar] });
        let drawn: String =
            text.lines().skip(2).take(4).filter_map(|l| l.chars().nth(24)).collect();
        assert_eq!(drawn, "┬║│┴", "{text}");
        assert!(!text.contains('\x1b') && text.contains("1.500"), "{text}");
    }
}
