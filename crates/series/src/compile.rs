// SPDX-License-Identifier: MIT OR Apache-2.0
//! One build, from the configuration to the linker's or clippy's last word.

use crate::builds::Builds;
use crate::cell::Cell;
use crate::error::SeriesError;
use kbuild::BuildError;
use kbuild::ConfigError;
use kbuild::Overlay;
use kbuild::Source;
use kbuild::config::Request;
use kbuild::site::{self, Order, Site};
use kbuild::toolchain::Tools;
use std::fs;
use std::path::{Path, PathBuf};

/// The object trees' folder: none is shared with the images of arms, which
/// have no modules.
const OBJECTS: &str = "series";

/// All that one build needs.
pub(crate) struct Compile<'a> {
    pub(crate) all: &'a Builds<'a>,
    pub(crate) source: &'a Source,
    pub(crate) overlay: &'a Overlay,
    pub(crate) cell: Cell,
    pub(crate) tools: Tools,
    pub(crate) requests: Vec<Request>,
    pub(crate) extra: Vec<String>,
    pub(crate) what: String,
}

impl Compile<'_> {
    /// What is wrong with the series; empty: nothing.
    ///
    /// # Errors
    /// [`SeriesError::Base`] where the unpatched kernel does not build, and
    /// what else says nothing about the series.
    pub(crate) fn run(&self) -> Result<String, SeriesError> {
        let (on_event, cancel) = (self.all.on_event, self.all.cancel);
        let log = self.log();
        let order = Order {
            dirs: self.all.dirs,
            source: self.source,
            overlay: self.overlay,
            requests: &self.requests,
            tools: &self.tools,
            name: OBJECTS,
            group: self.cell.group(),
            log: &log,
            what: &self.what,
            on_event,
            cancel,
        };
        let _lock = site::lock(self.source, on_event, cancel)?;
        let site = Site::open(&order)?;
        match site.configure() {
            Err(BuildError::Config(lost @ ConfigError::Lost(_))) => {
                return self.broken(lost.to_string(), &log);
            }
            Ok(Some(outcome)) => return self.broken(outcome.first_error, &log),
            Ok(None) => {}
            Err(error) => return Err(error.into()),
        }
        let extra = self.extra.iter().map(String::as_str);
        let targets: Vec<&str> = extra.chain(self.cell.targets().iter().copied()).collect();
        let outcome = site.compile(&targets)?;
        if !outcome.success {
            return self.broken(outcome.first_error, &log);
        }
        site.finish()?;
        let said = fs::read_to_string(&log).map_err(SeriesError::io(&log))?;
        let warnings = warnings(&said);
        if warnings.is_empty() { Ok(warnings) } else { self.broken(warnings, &log) }
    }

    fn log(&self) -> PathBuf {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        let what: String = self.what.chars().map(plain).collect();
        self.all.logs.join(format!("{}-{what}.log", self.cell.check_name()))
    }

    fn broken(&self, first_error: String, log: &Path) -> Result<String, SeriesError> {
        if self.cell.steps == 0 {
            let (what, log) = (self.what.clone(), PathBuf::from(log));
            return Err(SeriesError::Base { what, first_error, log });
        }
        let name = log.file_name().unwrap_or_default().to_string_lossy();
        Ok(format!("{first_error}\n(whole log: logs/{name})"))
    }
}

/// Remarks about bcache's own files: with `CONFIG_WERROR` they stop the
/// compilers, but neither clippy nor modpost.
fn warnings(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let place = lines[index..].iter().take(4).any(|near| near.contains("drivers/md/bcache"));
        if (line.contains("warning:") || line.starts_with("WARNING:")) && place {
            found.extend(lines[index..].iter().take(6).copied());
        }
    }
    found.truncate(24);
    found.join("\n")
}

#[cfg(test)]
mod tests {
    use super::warnings;

    #[test]
    fn remarks_about_bcache_are_seen_and_others_are_not() {
        let clippy = "  CLIPPY   drivers/md/bcache/inflight.o\nwarning: this `if` is odd\n  --> \
                      drivers/md/bcache/inflight.rs:7:5\n   |\n";
        assert!(warnings(clippy).starts_with("warning: this `if` is odd"));
        let modpost = "WARNING: modpost: drivers/md/bcache/bcache: section mismatch in reference\n";
        assert!(warnings(modpost).contains("section mismatch"));
        for other in
            ["warning: odd\n --> rust/kernel/lib.rs:1:1\n", "  CC  drivers/md/bcache/a.o\n"]
        {
            assert_eq!(warnings(other), "");
        }
    }
}
