// SPDX-License-Identifier: MIT OR Apache-2.0
//! A picture being drawn. Nothing from outside becomes markup.

use std::fmt::{Display, Write};

/// How many arms have a colour of their own; further ones start again.
pub const COLOURS: usize = 6;

/// Okabe and Ito's colours, told apart by the colour-blind, darker on light
/// ground and lighter on dark.
const STYLE: &str = "\
.plot{--ink:var(--plot-ink,#1f2328);--soft:var(--plot-soft,#59636e);--grid:var(--plot-grid,#d1d9e0);\
--k0:#0072b2;--k1:#c44e00;--k2:#00795a;--k3:#b0508c;--k4:#8a6500;--k5:#5b5bd6;\
color:var(--ink);font:13px system-ui,sans-serif;width:100%;height:auto;max-width:760px}\
@media(prefers-color-scheme:dark){.plot{--ink:var(--plot-ink,#e6edf3);--soft:var(--plot-soft,#9aa4af);\
--grid:var(--plot-grid,#3d444d);--k0:#56b4e9;--k1:#ff9150;--k2:#2fc9a0;--k3:#e8a3cf;--k4:#f0c040;--k5:#a9a9ff}}\
.plot text{fill:currentColor}.plot .soft{fill:var(--soft)}.plot .head{font-weight:600;font-size:15px}\
.plot .grid{stroke:var(--grid);stroke-width:1}.plot .axis{stroke:var(--soft);stroke-width:1}\
.plot .band{fill:var(--soft);opacity:.18}.plot .dash{stroke-dasharray:5 4}";

/// Where a text stands relative to its point.
#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

pub struct Svg {
    out: String,
}

/// Pixels, to a tenth.
struct Px(f64);

impl Display for Px {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A value that is no number would make the whole picture invalid.
        let value = if self.0.is_finite() { self.0 } else { 0.0 };
        write!(f, "{:.1}", value)
    }
}

/// Text as it may stand between tags and in attributes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Not allowed in XML at all.
            c if c.is_control() && !"\t\n\r".contains(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

impl Svg {
    /// An empty picture; `title` is also what a screen reader says.
    pub fn new(width: f64, height: f64, title: &str) -> Self {
        let title = escaped(title);
        let mut svg = Self { out: String::new() };
        svg.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" role=\"img\" \
             viewBox=\"0 0 {width} {height}\"><title>{title}</title><style>{STYLE}</style>"
        ));
        svg
    }

    fn put(&mut self, what: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.out.write_fmt(what);
        self.out.push('\n');
    }

    pub fn finish(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }

    /// A straight line of a class: `grid`, `axis`, `axis dash`.
    pub fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let (x1, y1, x2, y2) = (Px(x1), Px(y1), Px(x2), Px(y2));
        self.put(format_args!(
            "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"
        ));
    }

    /// A line through points in an arm's colour.
    pub fn path(&mut self, colour: usize, dashed: bool, points: &[(f64, f64)]) {
        let dash = if dashed { " class=\"dash\"" } else { "" };
        let list: Vec<String> =
            points.iter().map(|&(x, y)| format!("{},{}", Px(x), Px(y))).collect();
        self.put(format_args!(
            "<polyline{dash} fill=\"none\" stroke=\"var(--k{})\" stroke-width=\"2\" points=\"{}\"/>",
            colour % COLOURS,
            list.join(" ")
        ));
    }

    /// A bar from one value to another, with ends, in an arm's colour.
    pub fn interval(&mut self, colour: usize, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let across = if (x1 - x2).abs() < (y1 - y2).abs() { (4.0, 0.0) } else { (0.0, 4.0) };
        for ((ax, ay), (bx, by)) in [
            ((x1, y1), (x2, y2)),
            ((x1 - across.0, y1 - across.1), (x1 + across.0, y1 + across.1)),
            ((x2 - across.0, y2 - across.1), (x2 + across.0, y2 + across.1)),
        ] {
            let (ax, ay, bx, by) = (Px(ax), Px(ay), Px(bx), Px(by));
            self.put(format_args!(
                "<line stroke=\"var(--k{})\" stroke-width=\"1.5\" \
                 x1=\"{ax}\" y1=\"{ay}\" x2=\"{bx}\" y2=\"{by}\"/>",
                colour % COLOURS
            ));
        }
    }

    /// An arm's marker; hollow for what somebody else said.
    pub fn marker(&mut self, arm: usize, hollow: bool, (x, y): (f64, f64)) {
        let colour = format!("var(--k{})", arm % COLOURS);
        let fill = if hollow { "none" } else { &colour };
        let paint = format!("fill=\"{fill}\" stroke=\"{colour}\" stroke-width=\"1.5\"");
        let points = |list: &[(f64, f64)]| {
            let at: Vec<String> =
                list.iter().map(|&(dx, dy)| format!("{},{}", Px(x + dx), Px(y + dy))).collect();
            at.join(" ")
        };
        match arm % 4 {
            0 => self.put(format_args!(
                "<circle {paint} cx=\"{}\" cy=\"{}\" r=\"4\"/>",
                Px(x),
                Px(y)
            )),
            1 => self.put(format_args!(
                "<rect {paint} x=\"{}\" y=\"{}\" width=\"7\" height=\"7\"/>",
                Px(x - 3.5),
                Px(y - 3.5)
            )),
            2 => {
                let list = points(&[(0.0, -5.0), (5.0, 4.0), (-5.0, 4.0)]);
                self.put(format_args!("<polygon {paint} points=\"{list}\"/>"));
            }
            _ => {
                let list = points(&[(0.0, -5.0), (5.0, 0.0), (0.0, 5.0), (-5.0, 0.0)]);
                self.put(format_args!("<polygon {paint} points=\"{list}\"/>"));
            }
        }
    }

    pub fn band(&mut self, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let (x, y, w, h) = (Px(x), Px(y), Px(width.max(0.0)), Px(height.max(0.0)));
        self.put(format_args!(
            "<rect class=\"band\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"/>"
        ));
    }

    /// A text; `class` is `head`, `soft` or nothing.
    pub fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let anchor = anchor.name();
        self.put(format_args!(
            "<text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            Px(x),
            Px(y),
            escaped(text)
        ));
    }

    /// A text that reads upwards, for the y axis.
    pub fn upwards(&mut self, (x, y): (f64, f64), text: &str) {
        let (x, y) = (Px(x), Px(y));
        self.put(format_args!(
            "<text class=\"soft\" transform=\"translate({x} {y}) rotate(-90)\" \
             text-anchor=\"middle\">{}</text>",
            escaped(text)
        ));
    }
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}
