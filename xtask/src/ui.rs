// SPDX-License-Identifier: MIT OR Apache-2.0
//! Progress: what, how far, how long still. One line on a terminal, plain lines
//! elsewhere; both on standard error, so that standard output stays data.

use crate::estimate;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often a plain log repeats a stage that goes on.
const PLAIN_EVERY: Duration = Duration::from_secs(15);

/// Earlier than this a pace says nothing.
const PACE_AFTER: Duration = Duration::from_secs(3);

/// The terminal, or the log that stands in for it.
pub struct Ui {
    bars: Option<MultiProgress>,
    started: Instant,
}

impl Ui {
    /// Bars when standard error is a terminal.
    pub fn new() -> Self {
        let bars = std::io::stderr()
            .is_terminal()
            .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8)));
        Self { bars, started: Instant::now() }
    }

    /// One line that stays.
    pub fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => {
                let _ = bars.println(line);
            }
            None => eprintln!("[{:>6.1} s] {line}", self.started.elapsed().as_secs_f64()),
        }
    }

    /// To standard output, beside whatever bar there is.
    pub fn print(&self, text: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| print!("{text}")),
            None => print!("{text}"),
        }
    }

    /// A stage with a beginning and an end.
    pub fn stage(&self, what: &str) -> Stage<'_> {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner());
            bar.set_style(spinner());
            bar.set_message(what.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.is_none() {
            self.say(what);
        }
        Stage {
            ui: self,
            what: what.to_owned(),
            bar,
            began: Instant::now(),
            state: Mutex::new(State { said: Instant::now(), from: None }),
        }
    }
}

/// Cut to the terminal's width, never wrapped.
fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// A running stage; says how long it took when [`Stage::done`].
pub struct Stage<'a> {
    ui: &'a Ui,
    what: String,
    bar: Option<ProgressBar>,
    began: Instant,
    state: Mutex<State>,
}

struct State {
    /// When a plain log was last told.
    said: Instant,
    /// How far it was when it was first heard of, which is where a pace begins:
    /// what was there before took no time.
    from: Option<(u64, Instant)>,
}

impl Stage<'_> {
    /// How far: `done` of `total`, and what is being done now.
    pub fn progress(&self, done: u64, total: u64, now: &str) {
        self.counted(done, total, "", now);
    }

    /// As [`Stage::progress`], with what is counted: `files`, `%`.
    pub fn counted(&self, done: u64, total: u64, unit: &str, now: &str) {
        let Ok(mut state) = self.state.lock() else { return };
        let (first, since) = *state.from.get_or_insert_with(|| (done, Instant::now()));
        let mut line = match now.strip_prefix(self.what.as_str()) {
            // `kernel base: base` tells nothing more.
            Some("") => self.what.clone(),
            _ if now.is_empty() || self.what.ends_with(now) => self.what.clone(),
            _ => format!("{}: {now}", self.what),
        };
        if total > 0 {
            line.push_str(&how_far(done, total, unit));
            line.push_str(&how_long(first, done, total, since.elapsed()));
        }
        let so_far = estimate::duration(self.began.elapsed().as_secs_f64());
        line.push_str(&format!(" [{so_far}]"));
        if let Some(bar) = &self.bar {
            bar.set_message(line);
        } else if state.said.elapsed() >= PLAIN_EVERY {
            state.said = Instant::now();
            self.ui.say(&line);
        }
    }

    /// A remark on what is being done now, without figures.
    pub fn now(&self, what: &str) {
        self.progress(0, 0, what);
    }

    /// Ends the stage with a line that stays.
    pub fn done(self, result: &str) {
        let took = self.began.elapsed().as_secs_f64();
        self.ui.say(&format!("{}: {result} ({took:.1} s)", self.what));
    }
}

fn how_far(done: u64, total: u64, unit: &str) -> String {
    match unit {
        "%" => format!(", {} %", done * 100 / total),
        "" => format!(", {done} of {total}"),
        unit => format!(", {done} of {total} {unit}"),
    }
}

/// By the pace so far; nothing before there is one.
fn how_long(first: u64, done: u64, total: u64, took: Duration) -> String {
    if done <= first || took < PACE_AFTER {
        return String::new();
    }
    let each = took.as_secs_f64() / (done - first) as f64;
    let left = each * total.saturating_sub(done) as f64;
    format!(", about {} left", estimate::duration(left))
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_in_its_unit_and_how_long_by_its_pace() {
        assert_eq!(how_far(300, 1200, "files"), ", 300 of 1200 files");
        assert_eq!(how_far(1, 4, "%"), ", 25 %");
        assert_eq!(how_far(1, 4, ""), ", 1 of 4");
        let minute = Duration::from_secs(60);
        // What was there before took no time.
        assert_eq!(how_long(100, 400, 1000, minute), ", about 2 min left");
        assert_eq!(how_long(100, 100, 1000, minute), "");
        assert_eq!(how_long(0, 9, 10, Duration::from_secs(1)), "");
    }
}
