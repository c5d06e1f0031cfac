// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values with their spread, one below the other.

use maud::{Markup, html};

/// One line of a chart.
pub(super) struct Mark {
    pub label: String,
    pub value: f64,
    /// Lowest and highest sample, or an interval: the caption says which.
    pub spread: Option<(f64, f64)>,
}

const LEFT: f64 = 230.0;
const WIDE: f64 = 400.0;
const ROW: f64 = 24.0;

/// Dots with spreads; `reference` is drawn as a line, `band` around it.
pub(super) fn dots(
    marks: &[Mark],
    unit: &str,
    reference: Option<f64>,
    band: Option<(f64, f64)>,
) -> Markup {
    let ends = |mark: &Mark| mark.spread.unwrap_or((mark.value, mark.value));
    let all = marks.iter().flat_map(|mark| [mark.value, ends(mark).0, ends(mark).1]);
    let all = all.chain(reference).chain(band.into_iter().flat_map(|(low, high)| [low, high]));
    let all: Vec<f64> = all.filter(|value| value.is_finite()).collect();
    let (low, high) = all.iter().fold((f64::MAX, f64::MIN), |(l, h), &v| (l.min(v), h.max(v)));
    if all.is_empty() {
        return html! {};
    }
    let pad = if high > low { (high - low) * 0.06 } else { high.abs().max(1.0) * 0.1 };
    let (low, high) = (if low >= 0.0 { (low - pad).max(0.0) } else { low - pad }, high + pad);
    let x = |value: f64| LEFT + (value.clamp(low, high) - low) / (high - low) * WIDE;
    let height = ROW * marks.len() as f64 + 34.0;
    let bottom = height - 28.0;
    html! {
        div.scroll {
            svg.chart viewBox={ "0 0 720 " (height) } width="720" height=(height) role="img"
                xmlns="http://www.w3.org/2000/svg" aria-label={ "values in " (unit) } {
                @if let Some((from, to)) = band {
                    rect.band x=(px(x(from))) y="0" width=(px(x(to) - x(from))) height=(bottom) {}
                }
                @if let Some(value) = reference {
                    line.ref x1=(px(x(value))) x2=(px(x(value))) y1="0" y2=(bottom) {}
                }
                @for (at, mark) in marks.iter().enumerate() {
                    @let y = ROW * at as f64 + ROW / 2.0;
                    text x=(LEFT - 10.0) y=(y + 4.0) text-anchor="end" { (super::clean(&mark.label)) }
                    @if let Some((from, to)) = mark.spread {
                        line.bar x1=(px(x(from))) x2=(px(x(to))) y1=(y) y2=(y) {}
                    }
                    circle.dot cx=(px(x(mark.value))) cy=(y) r="4.5" { title { (short(mark.value)) } }
                    text.tick x=(LEFT + WIDE + 10.0) y=(y + 4.0) { (short(mark.value)) }
                }
                line.axis x1=(LEFT) x2=(LEFT + WIDE) y1=(bottom) y2=(bottom) {}
                @for value in [low, low.midpoint(high), high] {
                    text.tick x=(px(x(value))) y=(height - 12.0) text-anchor="middle" {
                        (short(value))
                    }
                }
                text.tick x=(LEFT + WIDE + 10.0) y=(height - 12.0) { (unit) }
            }
        }
    }
}

fn px(value: f64) -> String {
    format!("{value:.1}")
}

/// Four digits are enough for an eye.
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 1e7 {
        return format!("{value:.3e}");
    }
    let digits = match size {
        s if s == 0.0 || s >= 1000.0 => 0,
        s if s >= 100.0 => 1,
        s if s >= 10.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}
