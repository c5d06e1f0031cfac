// SPDX-License-Identifier: MIT OR Apache-2.0
//! Progress: what, how far, how long. Bars on a terminal, plain lines
//! elsewhere; both on standard error, so that standard output stays data.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often a plain log repeats a stage that goes on.
const PLAIN_EVERY: Duration = Duration::from_secs(15);

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
            plain: Mutex::new(Instant::now()),
        }
    }
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} [{elapsed}]")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn counted() -> ProgressStyle {
    ProgressStyle::with_template(
        "{spinner} {msg} {bar:24} {pos}/{len} [{elapsed}, about {eta} left]",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A running stage; says how long it took when [`Stage::done`].
pub struct Stage<'a> {
    ui: &'a Ui,
    what: String,
    bar: Option<ProgressBar>,
    began: Instant,
    plain: Mutex<Instant>,
}

impl Stage<'_> {
    /// How far: `done` of `total`, and what is being done now.
    pub fn progress(&self, done: u64, total: u64, now: &str) {
        let line = if now.is_empty() { self.what.clone() } else { format!("{}: {now}", self.what) };
        if let Some(bar) = &self.bar {
            if total > 0 && bar.length() != Some(total) {
                bar.set_style(counted());
                bar.set_length(total);
            }
            bar.set_position(done.min(total));
            bar.set_message(line);
        } else if let Ok(mut last) = self.plain.lock()
            && last.elapsed() >= PLAIN_EVERY
        {
            *last = Instant::now();
            let so_far = self.began.elapsed().as_secs();
            if total > 0 {
                self.ui.say(&format!("{line}: {done}/{total}, {so_far} s so far"));
            } else {
                self.ui.say(&format!("{line}: {so_far} s so far"));
            }
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

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
