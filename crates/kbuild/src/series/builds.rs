// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds `drivers/md/bcache` after each step, on each kernel that the series
//! claims, with and without Rust, as a module and built in; and clippy.

use super::checks::{applies, is_arm};
use super::exports::{not_exported, undefined};
use super::mails::Mails;
use super::plan::{On, Plan, Step, overlays};
use super::report::{Finding, Outcome};
use super::slim::Slim;
use super::{SeriesError, clippy};
use crate::Dirs;
use crate::config::{self, KernelConfig, Request};
use crate::event::{Event, Stage};
use crate::kconfig::Kconfig;
use crate::make::Make;
use crate::objects::Objects;
use crate::overlay::Overlay;
use crate::source::{RustSupport, Source, SourceSpec};
use crate::toolchain::Tools;
use proc::{Cancel, RunError};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Counted up when another build comes of the same input.
const RECIPE: u32 = 1;

const TARGET: &str = "drivers/md/bcache/";
const MODULE: &str = "drivers/md/bcache/bcache.ko";

/// How far the builds are.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Builds done, those of an earlier run included.
    pub done: usize,
    /// Builds in all, of the kernels known so far.
    pub total: usize,
    /// Seconds that the others are likely to take.
    pub left: Option<f64>,
    /// What is being built.
    pub now: String,
}

/// All that the builds need.
pub struct Builds<'a> {
    /// The series.
    pub plan: &'a Plan,
    /// Its mails.
    pub mails: &'a Mails,
    /// The checkout and the cache.
    pub dirs: &'a Dirs,
    /// What the kernels are configured with, beside bcache itself.
    pub config: &'a KernelConfig,
    /// Where the logs go.
    pub logs: &'a Path,
    /// Findings of an earlier run: what was fine is not built again.
    pub earlier: &'a [Finding],
    /// Told before each build.
    pub on_progress: &'a dyn Fn(&Progress),
    /// Told each finding as it is made.
    pub on_finding: &'a dyn Fn(&Finding),
    /// Told what takes long within a build.
    pub on_event: &'a dyn Fn(Event),
    /// The user's wish to stop.
    pub cancel: &'a Cancel,
}

/// One build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    /// Steps applied.
    steps: usize,
    rust: bool,
    module: bool,
    clippy: bool,
}

/// The pace so far, over all kernels.
#[derive(Debug, Default)]
struct Pace {
    done: usize,
    total: usize,
    built: usize,
    seconds: f64,
}

impl Builds<'_> {
    /// Everything, kernel after kernel.
    ///
    /// # Errors
    /// [`SeriesError`] for what says nothing about the series, an unpatched
    /// kernel that does not build among it.
    pub fn run(&self) -> Result<(), SeriesError> {
        fs::create_dir_all(self.logs).map_err(SeriesError::io(self.logs))?;
        let mut pace = Pace::default();
        for (index, on) in self.plan.on.iter().enumerate() {
            self.cancel.check()?;
            let source = SourceSpec::parse(&on.kernel)
                .and_then(|spec| Source::obtain(&spec, self.dirs, self.on_event, self.cancel));
            let source = match source {
                Err(crate::SourceError::Apt(error)) => {
                    let what = &on.kernel;
                    let finding =
                        Finding::new("kernel source", what, Outcome::Missing, &error.to_string());
                    (self.on_finding)(&finding);
                    continue;
                }
                source => source?,
            };
            if index > 0 {
                let found = {
                    let pristine = |path: &str| source.pristine(path);
                    let version = &source.provenance.kernel;
                    applies(self.plan, on, self.mails, version, &pristine, self.cancel)?
                };
                let applied = found.iter().all(|finding| finding.outcome == Outcome::Ok);
                found.iter().for_each(self.on_finding);
                if !applied {
                    continue;
                }
            }
            Kernel::open(self, on, source)?.run(&mut pace)?;
        }
        Ok(())
    }
}

/// One kernel under way.
struct Kernel<'a> {
    all: &'a Builds<'a>,
    on: &'a On,
    source: Source,
    slim: Slim,
    steps: Vec<&'a Step>,
    /// Before the first step, and after each.
    overlays: Vec<Overlay>,
    /// Undefined symbols of the unpatched module.
    base: BTreeSet<String>,
}

impl<'a> Kernel<'a> {
    fn open(all: &'a Builds<'a>, on: &'a On, source: Source) -> Result<Self, SeriesError> {
        let slim = Slim::open(&all.dirs.cache, &source, all.on_event, all.cancel)?;
        let steps = all.plan.steps_on(on);
        let made = overlays(&steps, &|path| source.pristine(path))
            .map_err(|(step, error)| SeriesError::Patch { step, error })?;
        if let (Some(arm), Some(last)) = (&on.arm, made.last()) {
            let what = format!("linux {}", source.provenance.kernel);
            let pristine = |path: &str| source.pristine(path);
            (all.on_finding)(&is_arm(all.plan, arm, &what, last, &pristine));
        }
        let overlays = [Overlay::default()].into_iter().chain(made).collect();
        Ok(Self { all, on, source, slim, steps, overlays, base: BTreeSet::new() })
    }

    /// In an order in which little has to be compiled twice: what bcache is
    /// (module or not) and the headers of the Rust crates change rarely.
    fn cells(&self) -> Vec<Cell> {
        let last = self.steps.len();
        let steps: Vec<usize> =
            if self.on.every_step { (0..=last).collect() } else { vec![0, last] };
        let mut cells = Vec::new();
        for &rust in &self.on.rust {
            for module in [false, true] {
                let mut pass = steps.clone();
                if rust {
                    // The unpatched kernel has been built without Rust.
                    pass.retain(|&step| step > 0 || !self.on.rust.contains(&false));
                    if module {
                        pass.reverse();
                    }
                }
                cells.extend(pass.iter().map(|&steps| Cell { steps, rust, module, clippy: false }));
            }
        }
        if self.on.rust.contains(&true) {
            // Later steps leave the Rust files alone, or are checked too.
            let touches = |n: &usize| {
                self.overlays[*n].iter().any(|(path, content)| {
                    path.ends_with(".rs") && self.overlays[n - 1].get(path) != Some(content)
                })
            };
            let steps = (1..=last).filter(touches);
            cells.extend(steps.map(|steps| Cell {
                steps,
                rust: true,
                module: false,
                clippy: true,
            }));
        }
        cells
    }

    fn run(mut self, pace: &mut Pace) -> Result<(), SeriesError> {
        let cells = self.cells();
        pace.total += cells.len();
        for cell in cells {
            self.all.cancel.check()?;
            let what = self.describe(cell);
            let each = (pace.built > 0).then(|| pace.seconds / pace.built as f64);
            let left = each.map(|each| each * (pace.total - pace.done) as f64);
            let (done, total) = (pace.done, pace.total);
            (self.all.on_progress)(&Progress { done, total, left, now: what.clone() });
            let began = Instant::now();
            let (finding, fresh) = self.cell(cell, &what)?;
            pace.done += 1;
            if fresh {
                pace.built += 1;
                pace.seconds += began.elapsed().as_secs_f64();
            }
            (self.all.on_finding)(&finding);
        }
        Ok(())
    }

    fn describe(&self, cell: Cell) -> String {
        let step = match cell.steps {
            0 => "unpatched".to_owned(),
            n => format!("{n}/{} {}", self.steps.len(), self.steps[n - 1].name),
        };
        format!(
            "linux {}, RUST={}, {}, {step}",
            self.source.provenance.kernel,
            if cell.rust { "y" } else { "n" },
            if cell.module { "module" } else { "built in" },
        )
    }

    fn options(&self, cell: Cell) -> Vec<(String, String)> {
        let mut lines = vec![
            "CONFIG_MODULES=y".to_owned(),
            format!("CONFIG_BCACHE={}", if cell.module { "m" } else { "y" }),
            "CONFIG_KUNIT=y".to_owned(),
            // A warning is a fault, as it is where patches are taken.
            "CONFIG_WERROR=y".to_owned(),
        ];
        for step in &self.steps[..cell.steps] {
            lines.extend(step.config.iter().cloned());
            if cell.rust {
                lines.extend(step.config_rust.iter().cloned());
            }
        }
        lines.into_iter().map(|line| (line, "the series".to_owned())).collect()
    }

    /// The finding, and whether anything was built for it.
    fn cell(&mut self, cell: Cell, what: &str) -> Result<(Finding, bool), SeriesError> {
        let check = if cell.clippy { "clippy" } else { "build" };
        let missing = |why: &str| (Finding::new(check, what, Outcome::Missing, why), false);
        if let (true, RustSupport::Lacks(file)) = (cell.rust, &self.source.rust) {
            return Ok(missing(&format!("this kernel has no {file}")));
        }
        let tools = match Tools::find(self.all.dirs, cell.rust, self.all.config.toolchain) {
            Ok(tools) => tools,
            Err(error) => return Ok(missing(&error.to_string())),
        };
        let mut extra = Vec::new();
        if cell.clippy {
            match clippy::find(self.all.dirs, self.all.on_event, self.all.cancel) {
                Ok(driver) => {
                    extra = vec!["CLIPPY=1".into(), format!("CLIPPY_DRIVER={}", driver.display())];
                }
                Err(how) => return Ok(missing(&how)),
            }
        }
        let options = self.options(cell);
        let requests = self.all.config.requests(cell.rust, &options)?;
        let key = self.key(cell, &requests, &tools, &extra);
        let symbols = self.all.logs.join(format!("{key}.undefined"));
        let known = self.all.earlier.iter().find(|f| f.key == key && f.outcome == Outcome::Ok);
        let remembered = fs::read_to_string(&symbols).ok();
        let needs_symbols = cell.module && cell.steps == 0;
        if let Some(known) = known.filter(|_| !needs_symbols || remembered.is_some()) {
            if needs_symbols {
                self.base = remembered.unwrap_or_default().lines().map(str::to_owned).collect();
            }
            return Ok((known.clone(), false));
        }
        let began = Instant::now();
        let mut job = Job { kernel: self, cell, tools: &tools, requests, options, extra, what };
        let (complaint, found) = job.run()?;
        if let Some(found) = found.filter(|_| needs_symbols) {
            let text: Vec<&str> = found.iter().map(String::as_str).collect();
            fs::write(&symbols, text.join("\n")).map_err(SeriesError::io(&symbols))?;
            self.base = found;
        }
        let seconds = began.elapsed().as_secs_f64();
        Ok((Finding { seconds, key, ..Finding::of(check, what, &complaint) }, true))
    }

    fn key(&self, cell: Cell, requests: &[Request], tools: &Tools, extra: &[String]) -> String {
        let mut hasher = blake3::Hasher::new();
        self.overlays[cell.steps].hash(&mut hasher);
        hasher.update(self.source.provenance.hash.as_bytes());
        hasher.update(config::text(requests).as_bytes());
        hasher.update(format!("{RECIPE} {:?} {extra:?}", tools.versions).as_bytes());
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

/// One build under way.
struct Job<'a> {
    kernel: &'a Kernel<'a>,
    cell: Cell,
    tools: &'a Tools,
    requests: Vec<Request>,
    /// Those of the requests that the series stands and falls with.
    options: Vec<(String, String)>,
    extra: Vec<String>,
    what: &'a str,
}

impl Job<'_> {
    /// What is wrong (empty: nothing), and a module's undefined symbols.
    fn run(&mut self) -> Result<(String, Option<BTreeSet<String>>), SeriesError> {
        let (kernel, cell) = (self.kernel, self.cell);
        let place = kernel.slim.dir.join("objects").join(match (cell.rust, cell.clippy) {
            (_, true) => "clippy",
            (true, false) => "rust",
            (false, false) => "c",
        });
        let objects =
            Objects::open(&place, "series", kernel.all.cancel).map_err(|error| match error {
                RunError::Io(error) => SeriesError::io(&place)(error),
                RunError::Cancelled(cancelled) => cancelled.into(),
            })?;
        let tree = kernel.slim.work();
        tree.sync(&kernel.overlays[cell.steps])
            .and_then(|_| tree.settle(&objects.times()))
            .and_then(|()| objects.begin())
            .map_err(SeriesError::io(&place))?;
        let file: String =
            self.what.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let clippy = if cell.clippy { "clippy-" } else { "" };
        let log = kernel.all.logs.join(format!("{clippy}{file}.log"));
        fs::write(&log, "").map_err(SeriesError::io(&log))?;

        if let Some(error) = self.configure(&objects, &log)? {
            return self.broken(error, &log);
        }
        let target = if cell.module { MODULE } else { TARGET };
        if let Some(error) = self.make(&objects, &log, &[target], Stage::Compile)? {
            return self.broken(error, &log);
        }
        objects.finish().map_err(SeriesError::io(&place))?;
        let said = fs::read_to_string(&log).map_err(SeriesError::io(&log))?;
        let warnings = warnings(&said);
        if !warnings.is_empty() {
            return self.broken(warnings, &log);
        }
        if !cell.module {
            return Ok((String::new(), None));
        }
        let found = undefined(&objects.dir.join(MODULE), kernel.all.cancel)?;
        if cell.steps == 0 {
            return Ok((String::new(), Some(found)));
        }
        let added: BTreeSet<String> = found.difference(&kernel.base).cloned().collect();
        let unknown = not_exported(added, &kernel.source.entry.tree(), &objects.dir);
        let complaint = if unknown.is_empty() {
            String::new()
        } else {
            let names: Vec<String> = unknown.into_iter().collect();
            format!("the module uses what the kernel does not export: {}", names.join(", "))
        };
        Ok((complaint, Some(found)))
    }

    fn broken(
        &self,
        first_error: String,
        log: &Path,
    ) -> Result<(String, Option<BTreeSet<String>>), SeriesError> {
        if self.cell.steps == 0 {
            let (what, log) = (self.what.to_owned(), PathBuf::from(log));
            return Err(SeriesError::Base { what, first_error, log });
        }
        let name = log.file_name().unwrap_or_default().to_string_lossy();
        Ok((format!("{first_error}\n(whole log: logs/{name})"), None))
    }

    /// `Some` with the options of the series that were not taken.
    fn configure(&self, objects: &Objects, log: &Path) -> Result<Option<String>, SeriesError> {
        let io = |error| SeriesError::io(&objects.dir)(error);
        let text = config::text(&self.requests);
        let mut hasher = blake3::Hasher::new();
        hasher.update(text.as_bytes());
        for (path, content) in self.kernel.overlays[self.cell.steps].iter() {
            if path.ends_with("Kconfig") {
                hasher.update(format!("{content:?}").as_bytes());
            }
        }
        let state = hasher.finalize().to_hex().to_string();
        let dot_config = objects.dir.join(".config");
        if objects.note("configured").as_ref() != Some(&state) || !dot_config.exists() {
            objects.remove_note("configured").map_err(io)?;
            let preset = objects.dir.join(".lab-requests");
            fs::write(&preset, &text).map_err(io)?;
            let preset = format!("KCONFIG_ALLCONFIG={}", preset.display());
            let made = self.make(objects, log, &[&preset, "allnoconfig"], Stage::Configure)?;
            if made.is_some() {
                return Ok(made);
            }
        }
        let text = fs::read_to_string(&dot_config).map_err(io)?;
        let ours: Vec<Request> = self
            .requests
            .iter()
            .filter(|request| {
                let line = format!("{}={}", request.name, request.value);
                self.options.iter().any(|(option, _)| *option == line)
                    || request.name == "CONFIG_RUST"
            })
            .cloned()
            .collect();
        if let Err(error) =
            config::verify(&ours, &text, &|| Kconfig::read(&self.kernel.slim.tree()))
        {
            return Ok(Some(error.to_string()));
        }
        objects.set_note("configured", &state).map_err(io)?;
        Ok(None)
    }

    /// `Some` with the first error.
    fn make(
        &self,
        objects: &Objects,
        log: &Path,
        targets: &[&str],
        stage: Stage,
    ) -> Result<Option<String>, SeriesError> {
        let all = self.kernel.all;
        let tree = self.kernel.slim.tree();
        let make = Make { tree: &tree, objects: &objects.dir, tools: self.tools, log };
        let targets: Vec<&str> =
            self.extra.iter().map(String::as_str).chain(targets.iter().copied()).collect();
        let outcome = make
            .run(&targets, (stage, self.what), None, all.on_event, all.cancel)
            .map_err(SeriesError::run("make"))?;
        if outcome.disk_full {
            let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
            return Err(SeriesError::io(&objects.dir)(full));
        }
        Ok((!outcome.success).then_some(outcome.first_error))
    }
}

/// Compilers' remarks about bcache's own files: with `CONFIG_WERROR` they stop
/// gcc, but clippy goes on.
fn warnings(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let place = lines[index..].iter().take(4).any(|near| near.contains("drivers/md/bcache"));
        if line.contains("warning:") && place {
            found.extend(lines[index..].iter().take(6).copied());
        }
    }
    found.truncate(24);
    found.join("\n")
}
