// SPDX-License-Identifier: MIT OR Apache-2.0
//! The programs that hold the tests: built by cargo, and run two at a time, as most
//! of them wait for machines a good part of their time.

use crate::ui::Ui;
use anyhow::{Context, Result, bail};
use proc::{Cancel, Guarded, Scratch, run_logged};
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// Programs at a time. Each has as many threads as there are processors.
const AT_ONCE: usize = 2;

/// Added up over the programs.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Counts {
    /// Of the line `test result: ok. 7 passed; 0 failed; 1 ignored; …` of what one said.
    fn of(said: &str) -> Option<Self> {
        let line = said.lines().rev().find_map(|line| line.strip_prefix("test result: "))?;
        let words: Vec<&str> = line.split([' ', ';']).filter(|word| !word.is_empty()).collect();
        let count = |what| words.windows(2).find(|pair| pair[1] == what)?[0].parse().ok();
        Some(Self {
            passed: count("passed")?,
            failed: count("failed")?,
            skipped: count("ignored")?,
        })
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// All test programs of the workspace.
pub struct Programs {
    cargo: OsString,
    all: Vec<Program>,
}

/// One of them: its crate's folder, and its first file below that.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Program {
    dir: PathBuf,
    file: PathBuf,
    path: PathBuf,
}

impl Program {
    /// Of a line of cargo's `--message-format json`, if it is about one.
    fn of(line: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(line).ok()?;
        let path = |value: &Value| value.as_str().map(PathBuf::from);
        let dir = path(&message["manifest_path"])?.parent()?.to_owned();
        let file = path(&message["target"]["src_path"])?.strip_prefix(&dir).ok()?.to_owned();
        message["profile"]["test"].as_bool().filter(|test| *test)?;
        Some(Self { dir, file, path: path(&message["executable"])? })
    }

    fn name(&self) -> String {
        let package = self.dir.file_name().unwrap_or_default();
        format!("{} {}", package.to_string_lossy(), self.file.display())
    }
}

impl Programs {
    /// Has cargo build them all.
    ///
    /// # Errors
    /// What does not compile, with cargo's words on standard error.
    pub fn build(repo: &Path, ui: &Ui, cancel: &Cancel) -> Result<Self> {
        let stage = ui.stage("compiling the tests");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(&cargo);
        command.current_dir(repo).args(["test", "--workspace", "--no-run", "--quiet"]);
        command.arg("--message-format=json-render-diagnostics");
        let mut guarded = Guarded::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))
            .context("no cargo")?;
        let out = guarded.child().stdout.take().context("cargo has no output")?;
        let reader = std::thread::spawn(move || {
            let lines = BufReader::new(out).lines().map_while(Result::ok);
            lines.filter_map(|line| Program::of(&line)).collect::<Vec<_>>()
        });
        if !guarded.wait(cancel)?.success() {
            bail!("the tests do not compile");
        }
        let mut all = reader.join().ok().context("reading cargo's output failed")?;
        // Later names are of the crates that stand on the others, and their tests take longest.
        all.sort_by(|a, b| b.cmp(a));
        stage.done(&format!("{} programs", all.len()));
        Ok(Self { cargo, all })
    }

    /// Runs them with these arguments and variables, and prints what each said when it has
    /// ended. The names of those that failed are the second of the pair.
    ///
    /// # Errors
    /// Cancelled; a program that cannot be started.
    pub fn run(
        &self,
        args: &[String],
        env: &[(String, OsString)],
        ui: &Ui,
        cancel: &Cancel,
    ) -> Result<(Counts, Vec<String>)> {
        let logs = Scratch::new("bclab-").context("no temporary folder")?;
        let stage = ui.stage("running the tests");
        let queue = Mutex::new(self.all.iter().enumerate());
        let sum = Mutex::new((Counts::default(), Vec::new(), 0));
        let work = || -> Result<()> {
            loop {
                let next = queue.lock().ok().and_then(|mut queue| queue.next());
                let Some((number, program)) = next else { return Ok(()) };
                let log = logs.path().join(number.to_string());
                let mut command = Command::new(&program.path);
                command.args(args).current_dir(&program.dir).env("CARGO", &self.cargo);
                command.env("CARGO_MANIFEST_DIR", &program.dir).envs(env.iter().cloned());
                let status = run_logged(&mut command, &log, cancel)
                    .with_context(|| format!("running {}", program.path.display()))?;
                let said = fs::read(&log).context("reading what a test said")?;
                let said = String::from_utf8_lossy(&said);
                let counts = Counts::of(&said);
                let Ok(mut sum) = sum.lock() else { return Ok(()) };
                sum.0.add(counts.unwrap_or_default());
                sum.2 += 1;
                if !status.success() {
                    sum.1.push(format!("{} ({status})", program.name()));
                }
                if !status.success() || counts.is_none_or(|counts| counts != Counts::default()) {
                    ui.print(&format!("\n{}\n{}\n", program.name(), said.trim()));
                }
                stage.counted(sum.2, self.all.len() as u64, "programs", "");
            }
        };
        std::thread::scope(|scope| {
            let workers = [(); AT_ONCE].map(|()| scope.spawn(work));
            workers.into_iter().try_for_each(|worker| {
                worker.join().unwrap_or_else(|_| bail!("a thread that runs tests has died"))
            })
        })?;
        let (counts, failed, _) = sum.into_inner().ok().context("no counts")?;
        stage.done("they have ended");
        Ok((counts, failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_line_is_read_and_others_are_not() {
        let said = "test 9 passed; ok\n\ntest result: FAILED. 7 passed; 2 failed; 1 ignored; \
                    0 measured; 0 filtered out; finished in 0.10s\n";
        assert_eq!(Counts::of(said), Some(Counts { passed: 7, failed: 2, skipped: 1 }));
        assert_eq!(Counts::of("test 9 passed; ok\n"), None);
    }

    #[test]
    fn test_programs_are_told_from_what_else_cargo_builds() {
        let message = |test: bool, executable: &str| {
            let text = format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/w/a/Cargo.toml",
                "target":{{"name":"t","src_path":"/w/a/tests/t.rs"}},
                "profile":{{"test":{test}}},"executable":{executable}}}"#
            );
            Program::of(&text)
        };
        assert_eq!(message(true, "\"/w/t-1\"").unwrap().name(), "a tests/t.rs");
        assert_eq!(message(false, "\"/w/t\""), None);
        assert_eq!(message(true, "null"), None);
        assert_eq!(Program::of(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
