// SPDX-License-Identifier: MIT OR Apache-2.0
//! A frame with two axes and a legend.

use super::scale::{Axis, Scale};
use super::svg::{Anchor, Svg};
use crate::perf::{Perf, again};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 92.0;
const RIGHT: f64 = 36.0;
const TOP: f64 = 66.0;
const BOTTOM: f64 = 54.0;

/// What an axis is about: its values, and how they are written.
pub struct Side<'a> {
    pub label: &'a str,
    pub scale: Scale,
    pub values: Vec<f64>,
    pub write: fn(f64) -> String,
}

/// A chart that has its axes, and gets its data.
pub struct Chart {
    pub svg: Svg,
    pub x: Axis,
    pub y: Axis,
}

impl Chart {
    /// Frame, grid, ticks, labels.
    pub fn new(title: &str, x: &Side<'_>, y: &Side<'_>) -> Self {
        let mut svg = Svg::new(WIDTH, HEIGHT, title);
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let x_axis = Axis::around(x.scale, x.values.iter().copied(), LEFT, right);
        let y_axis = Axis::around(y.scale, y.values.iter().copied(), bottom, TOP);
        svg.text("head", (LEFT, 22.0), Anchor::Start, title);
        for value in y_axis.ticks() {
            let at = y_axis.at(value);
            svg.line("grid", (LEFT, at), (right, at));
            svg.text("soft", (LEFT - 8.0, at + 4.5), Anchor::End, &(y.write)(value));
        }
        for value in x_axis.ticks() {
            let at = x_axis.at(value);
            svg.line("axis", (at, bottom), (at, bottom + 5.0));
            svg.text("soft", (at, bottom + 20.0), Anchor::Middle, &(x.write)(value));
        }
        svg.line("axis", (LEFT, bottom), (right, bottom));
        let middle = f64::midpoint(LEFT, right);
        svg.text("soft", (middle, HEIGHT - 12.0), Anchor::Middle, x.label);
        svg.upwards((16.0, f64::midpoint(TOP, bottom)), y.label);
        Self { svg, x: x_axis, y: y_axis }
    }

    /// Pixels of a point.
    pub fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x.at(x), self.y.at(y))
    }

    /// Names of the lines under the title, in one row or in two: number of the
    /// arm, whether dashed, whether hollow, text.
    pub fn legend(&mut self, entries: &[(usize, bool, bool, String)]) {
        // Letters of this font are some 7 pixels wide.
        let width = |name: &str| 46.0 + 7.0 * name.chars().count() as f64;
        let all: f64 = entries.iter().map(|(.., name)| width(name)).sum();
        let one_row = LEFT + all <= WIDTH;
        let (mut x, mut y) = (LEFT, if one_row { 42.0 } else { 38.0 });
        for (arm, dashed, hollow, name) in entries {
            if x + width(name) > WIDTH && x > LEFT {
                (x, y) = (LEFT, y + 17.0);
            }
            if !hollow {
                self.svg.path(*arm, *dashed, &[(x, y), (x + 22.0, y)]);
            }
            self.svg.marker(*arm, *hollow, (x + 11.0, y));
            self.svg.text("", (x + 28.0, y + 4.5), Anchor::Start, name);
            x += width(name);
        }
    }
}

/// The arms of a measurement, the reference first: their place is their colour
/// and marker, the same in every plot. The reference's second series has its
/// own place, the last.
pub fn places(perf: &Perf) -> Vec<&str> {
    let own = again(&perf.reference);
    let names = std::iter::once(perf.reference.as_str())
        .chain(perf.series.iter().map(|series| series.arm.as_str()))
        .chain(perf.memory.iter().map(|point| point.arm.as_str()))
        .chain(perf.hit_ratio.iter().map(|point| point.arm.as_str()));
    let (mut all, again): (Vec<&str>, Vec<&str>) = arms(names).into_iter().partition(|a| *a != own);
    all.extend(again);
    all
}

/// The arms that occur, in order of their first appearance.
pub fn arms<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut arms = Vec::new();
    for name in names {
        if !arms.contains(&name) {
            arms.push(name);
        }
    }
    arms
}
