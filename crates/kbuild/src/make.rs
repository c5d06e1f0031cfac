// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs the kernel's make: a clean environment, a log, progress, and the
//! first error out of thousands of lines.

use crate::event::{Event, Meter};
use crate::toolchain::Tools;
use proc::{Cancel, RunError, run_heard};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::Command;

/// How a make ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it made what it was asked for.
    pub success: bool,
    /// Lines that said a file was made.
    pub(crate) steps: u64,
    /// The first error, over a few lines; empty after success.
    pub first_error: String,
    /// What the compilers warn of in bcache, each with its place.
    pub(crate) warnings: Vec<String>,
    /// What the kernel's own checks of the tools say, in lines with three stars.
    pub(crate) stars: Vec<String>,
    pub(crate) disk_full: bool,
}

/// A make in the object tree `objects` of the source `tree`.
pub(crate) struct Make<'a> {
    pub(crate) tree: &'a Path,
    pub(crate) objects: &'a Path,
    pub(crate) tools: &'a Tools,
    pub(crate) log: &'a Path,
}

impl Make<'_> {
    pub(crate) fn command(&self, targets: &[&str]) -> Command {
        let mut command = Command::new("make");
        // Cargo's and the user's variables (RUSTFLAGS, MAKEFLAGS, KCFLAGS, …)
        // would make the image depend on who builds it. A compiler's cache may
        // be somewhere else than at home.
        command.env_clear().env("LC_ALL", "C").env("PATH", self.tools.host.path());
        for (name, value) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let cache = ["CCACHE_", "SCCACHE_"].iter().any(|start| text.starts_with(start));
            if cache || text == "HOME" || text == "TMPDIR" {
                command.env(name, value);
            }
        }
        if let Some(libclang) = self.tools.libclang() {
            command.env("LIBCLANG_PATH", libclang);
        }
        let jobs = std::thread::available_parallelism().map_or(2, usize::from);
        let mut own = vec![
            "ARCH=x86".to_owned(),
            // Nothing of this machine or this minute goes into the image.
            "KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 1970".into(),
            "KBUILD_BUILD_USER=bcache-lab".into(),
            "KBUILD_BUILD_HOST=bcache-lab".into(),
            "KBUILD_BUILD_VERSION=1".into(),
            // Set, so that a git repository further up is not asked.
            "LOCALVERSION=".into(),
        ];
        own.extend(self.tools.make_args(self.tree, self.objects));
        command
            .arg("-C")
            .arg(self.tree)
            .arg(format!("O={}", self.objects.display()))
            .arg(format!("-j{jobs}"))
            .args(self.tools.vars.on_top_of(own))
            .args(targets);
        command
    }

    /// Runs to the end; `expected` is what the steps are measured against: the first
    /// number that they have not passed.
    pub(crate) fn run(
        &self,
        targets: &[&str],
        what: &str,
        expected: &[u64],
        on_event: &dyn Fn(Event),
        cancel: &Cancel,
    ) -> Result<Outcome, RunError> {
        let log = File::options().create(true).append(true).open(self.log)?;
        let mut log = BufWriter::new(log);
        let mut meter = Meter::start(on_event, what, "files");
        let mut steps = 0;
        let mut errors = FirstError::default();
        let mut wrote: io::Result<()> = Ok(());
        let status = run_heard(&mut self.command(targets), cancel, |heard| {
            let Some(line) = heard else {
                // The kernel crate takes clippy minutes, and it has nothing to say.
                return meter.at(steps, ahead(expected, steps));
            };
            if wrote.is_ok() {
                wrote = writeln!(log, "{line}");
            }
            if is_step(line) {
                steps += 1;
                meter.at(steps, ahead(expected, steps));
            }
            errors.line(line);
        })?;
        let success = status.success();
        if success {
            wrote.and_then(|()| log.flush())?;
        }
        Ok(Outcome {
            success,
            steps,
            disk_full: errors.disk_full,
            warnings: std::mem::take(&mut errors.warnings),
            stars: std::mem::take(&mut errors.stars),
            first_error: if success { String::new() } else { errors.text() },
        })
    }
}

/// How many steps it will be, as far as can be told.
fn ahead(expected: &[u64], steps: u64) -> Option<u64> {
    expected.iter().copied().find(|&total| steps <= total)
}

/// `  CC      drivers/md/bcache/request.o`
fn is_step(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("  ") else { return false };
    let word = rest.split(' ').next().unwrap_or_default();
    word.len() >= 2
        && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Lines shown of the first error: rustc points at its place below the text.
const CONTEXT: usize = 6;

/// Picks the first error that a compiler reports, or else make's own.
#[derive(Debug, Default)]
struct FirstError {
    compiler: Vec<String>,
    make: Option<String>,
    last: Vec<String>,
    stars: Vec<String>,
    warnings: Vec<String>,
    disk_full: bool,
}

impl FirstError {
    fn line(&mut self, line: &str) {
        // gcc has the place in its line, rustc in the next.
        if line.contains("drivers/md/bcache/") {
            let before = self.last.last().filter(|last| last.starts_with("warning: "));
            match before {
                Some(warning) if line.trim_start().starts_with("--> ") => {
                    self.warnings.push(format!("{warning} {}", line.trim()));
                }
                _ if line.contains(": warning: ") => self.warnings.push(line.to_owned()),
                _ => {}
            }
        }
        self.disk_full |= line.contains("No space left on device");
        if self.compiler.is_empty() && is_error(line)
            || !self.compiler.is_empty() && self.compiler.len() < CONTEXT && !is_step(line)
        {
            self.compiler.push(line.to_owned());
        }
        if let Some(words) = line.strip_prefix("*** ").map(str::trim).filter(|w| !w.is_empty()) {
            self.stars.push(words.trim_end_matches(" ***").to_owned());
        }
        if self.make.is_none() && line.contains("*** ") {
            self.make = Some(line.to_owned());
        }
        if self.last.len() == CONTEXT {
            self.last.remove(0);
        }
        self.last.push(line.to_owned());
    }

    fn text(self) -> String {
        if !self.compiler.is_empty() {
            return self.compiler.join("\n");
        }
        self.make.unwrap_or_else(|| self.last.join("\n"))
    }
}

fn is_error(line: &str) -> bool {
    line.contains(": error: ")
        || line.contains(": fatal error: ")
        || line.starts_with("error: ")
        || line.starts_with("error[E")
        || line.contains("undefined reference to")
        || line.contains("multiple definition of")
        || line.starts_with("ERROR: modpost: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(lines: &[&str]) -> String {
        let mut errors = FirstError::default();
        lines.iter().for_each(|line| errors.line(line));
        errors.text()
    }

    #[test]
    fn the_first_compiler_error_is_found_among_the_noise() {
        let c = first(&[
            "  CC      a.o",
            "../a.c: In function 'f':",
            "../a.c:3:9: error: 'x' undeclared",
            "    3 |  x = 1;",
            "../b.c:1:1: error: later",
            "make[2]: *** [x] Error 1",
        ]);
        assert!(c.starts_with("../a.c:3:9: error: 'x' undeclared"), "{c}");
        let rust = first(&["error[E0425]: cannot find value", "  --> ../inflight.rs:7:5", "   |"]);
        assert!(rust.contains("inflight.rs:7:5"), "{rust}");
        let modpost =
            first(&["  MODPOST Module.symvers", "ERROR: modpost: \"f\" [b.ko] undefined!"]);
        assert!(modpost.starts_with("ERROR: modpost: \"f\""), "{modpost}");
        let other = first(&["words", "make: *** No rule to make target 'x'.  Stop."]);
        assert!(other.contains("No rule"), "{other}");
        assert_eq!(first(&["only", "words"]), "only\nwords");
    }

    #[test]
    fn steps_are_counted_and_other_lines_not() {
        assert!(is_step("  CC      mm/slub.o"));
        assert!(is_step("  RUSTC L rust/core.o"));
        assert!(!is_step("  --> ../a.rs:1:1"));
        assert!(!is_step("make[1]: Entering directory"));
    }

    /// A build that was to be small said "74 of 74 files" for minutes.
    #[test]
    fn a_build_that_turns_out_larger_is_measured_anew() {
        assert_eq!(ahead(&[74, 1300], 74), Some(74));
        assert_eq!(ahead(&[74, 1300], 75), Some(1300));
        assert_eq!(ahead(&[74, 1300], 1301), None);
        assert_eq!(ahead(&[], 1), None);
    }

    #[test]
    fn warnings_in_bcache_are_told_from_others() {
        let mut errors = FirstError::default();
        for line in [
            "warning: unreachable `pub` item",
            "  --> drivers/md/bcache/inflight_table/table.rs:91:5",
            "../drivers/md/bcache/request.c:1:2: warning: unused variable 'x' [-Wunused-variable]",
            "../mm/slub.c:1:2: warning: unused variable 'x' [-Wunused-variable]",
            "warning: unused import",
            "  --> rust/kernel/lib.rs:1:1",
            "  CC      drivers/md/bcache/btree.o",
        ] {
            errors.line(line);
        }
        assert_eq!(errors.warnings.len(), 2, "{:?}", errors.warnings);
        assert!(errors.warnings[0].contains("`pub` item --> drivers/md/bcache"));
    }

    #[test]
    fn a_full_disk_is_told_apart() {
        let mut errors = FirstError::default();
        errors.line("ld: final link failed: No space left on device");
        assert!(errors.disk_full);
    }
}
