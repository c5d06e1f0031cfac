// SPDX-License-Identifier: MIT OR Apache-2.0
//! The time line as SVG, for a page that defines the colours: classes `t-*`
//! name the tones, so that one drawing serves a light and a dark page.

use super::columns::{Layout, layout};
use super::model::{Bar, Lane, Row, Timeline, Tone};
use crate::printable::one_line;
use maud::{Markup, html};

/// Pixels.
const ROW: usize = 19;
const TOP: usize = 26;
const TIME: usize = 78;
const COLUMN: usize = 16;
const GAP: usize = 8;
const NARROWEST: usize = 44;
/// About as wide as a character of the 12 px system font gets.
const CHARACTER: usize = 7;
/// Longer lines are cut; the whole text is in the tooltip.
const LONGEST: usize = 108;

#[must_use]
pub fn svg(line: &Timeline) -> Markup {
    let places = layout(line);
    let left = text_left(&places);
    let longest = line.rows.iter().map(|row| row.text.chars().count().min(LONGEST)).max();
    let width = left + longest.unwrap_or(0).max(30) * CHARACTER + 16;
    let height = TOP + line.rows.len() * ROW + 10;
    let bottom = TOP + line.rows.len() * ROW;
    html! {
        svg class="timeline" xmlns="http://www.w3.org/2000/svg" role="img"
            aria-label={ "time line, " (one_line(&line.focus)) }
            viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) {
            @for (at, row) in line.rows.iter().enumerate() {
                @if matches!(row.tone, Tone::Cut) {
                    rect class="t-cut-band" x="0" y=(TOP + at * ROW) width=(width) height=(ROW) {}
                }
            }
            text class="t-head" x=(TIME - 10) y="15" text-anchor="end" { "ms" }
            @for (at, lane) in Lane::DRAWN.iter().enumerate() {
                @let (from, to) = lane_edges(&places, at);
                text class="t-head" x=((from + to) / 2) y="15" text-anchor="middle" { (lane.title()) }
                line class="t-lane" x1=((from + to) / 2) x2=((from + to) / 2) y1=(TOP) y2=(bottom) {}
            }
            @for (bar, column) in line.bars.iter().zip(&places.column) {
                (drawn(bar, column_middle(&places, *column)))
            }
            @for (at, row) in line.rows.iter().enumerate() { (worded(row, at, left)) }
        }
    }
}

fn lane_edges(places: &Layout, lane: usize) -> (usize, usize) {
    let from = (0..lane).map(|lane| lane_width(places, lane) + GAP).sum::<usize>() + TIME;
    (from, from + lane_width(places, lane))
}

/// Room for the title at least.
fn lane_width(places: &Layout, lane: usize) -> usize {
    (places.lanes[lane].1 * COLUMN).max(NARROWEST)
}

fn column_middle(places: &Layout, column: usize) -> usize {
    let lane = places.lanes.iter().rposition(|(first, _)| *first <= column).unwrap_or(0);
    let (from, to) = lane_edges(places, lane);
    let (first, count) = places.lanes[lane];
    let left = from + (to - from - count * COLUMN) / 2;
    left + (column - first) * COLUMN + COLUMN / 2
}

fn text_left(places: &Layout) -> usize {
    lane_edges(places, Lane::DRAWN.len() - 1).1 + GAP
}

fn middle(row: usize) -> usize {
    TOP + row * ROW + ROW / 2
}

fn drawn(bar: &Bar, x: usize) -> Markup {
    let (top, bottom) = (middle(bar.from), middle(bar.to));
    let tone = class(bar.tone);
    html! {
        g class=(tone) {
            title { (one_line(&bar.label)) }
            @if top == bottom {
                circle cx=(x) cy=(top) r="5" {}
            } @else {
                rect x=(x - 4) y=(top - 4) width="8" height=(bottom - top + 8) rx="4" {}
            }
            @if let Some((from, to)) = bar.held {
                rect class="t-held" x=(x - 6) y=(middle(from)) width="12"
                    height=(middle(to).saturating_sub(middle(from)).max(4)) rx="2" {}
            }
            @if !bar.ended {
                path class="t-torn" d={ "M" (x - 6) " " (bottom - 6) "l12 12m0 -12l-12 12" } {}
            }
        }
    }
}

fn worded(row: &Row, at: usize, left: usize) -> Markup {
    let y = middle(at) + 4;
    let text = one_line(&row.text);
    let short: String = text.chars().take(LONGEST).collect();
    let cut = short.len() < text.len();
    html! {
        @if let Some(ns) = row.at_ns {
            text class="t-time" x=(TIME - 10) y=(y) text-anchor="end" {
                (format!("{:.3}", ns as f64 / 1e6))
            }
        }
        text class={ "t-text " (class(row.tone)) } x=(left) y=(y) {
            @if cut { title { (text) } }
            (lead(row)) (short) @if cut { "…" }
        }
    }
}

/// What says without colour what the colour says.
fn lead(row: &Row) -> &'static str {
    match row.tone {
        Tone::Step => "▸ ",
        Tone::Proof => "✓ ",
        Tone::Cut => "⚡ ",
        Tone::Verdict | Tone::Bad => "= ",
        _ => "",
    }
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Step => "t-step",
        Tone::Note => "t-note",
        Tone::Proof => "t-proof",
        Tone::Write => "t-write",
        Tone::Read => "t-read",
        Tone::Hold => "t-hold",
        Tone::Journal => "t-journal",
        Tone::Leaf => "t-leaf",
        Tone::Fill => "t-fill",
        Tone::Inferred => "t-inferred",
        Tone::Cut => "t-cut",
        Tone::Skipped => "t-skipped",
        Tone::Verdict => "t-verdict",
        Tone::Bad => "t-bad",
    }
}
