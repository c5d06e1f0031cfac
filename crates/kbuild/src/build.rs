// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds arms, or finds that they are built.

use crate::config::{self, ConfigError, KernelConfig, Request};
use crate::event::{Event, Stage};
use crate::files::{free_space, is_full};
use crate::image::{Image, Store};
use crate::kconfig::Kconfig;
use crate::lock::{Lock, LockError};
use crate::make::{Make, Outcome};
use crate::objects::Objects;
use crate::overlay::Overlay;
use crate::patch::PatchError;
use crate::source::{RustSupport, Source};
use crate::toolchain::{ToolchainError, Tools};
use crate::{Arm, Dirs};
use proc::{Cancel, Cancelled, RunError};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Counted up when this code makes another image out of the same input.
const RECIPE: u32 = 2;

/// Lines of progress that a cold build prints, before one was seen.
const COLD_STEPS: u64 = 1300;

/// Room for an object tree and its images.
const SPACE_MIB: u64 = 1200;

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A compiler is missing.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The configuration cannot be had from this source.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The arm's patches do not fit this source.
    #[error("arm {arm} on Linux {kernel}: {error}")]
    Patch {
        /// The arm.
        arm: String,
        /// The source's version.
        kernel: String,
        /// Which hunk, and why.
        error: Box<PatchError>,
    },
    /// The source is too old for a Rust arm.
    #[error(
        "arm {arm} needs Rust in the kernel, but Linux {kernel} has no {missing} (6.18 or newer \
         is needed); arms without Rust can be built from it"
    )]
    NoRust {
        /// The arm.
        arm: String,
        /// The source's version.
        kernel: String,
        /// The file that the lab's code builds on.
        missing: &'static str,
    },
    /// make failed.
    #[error("building arm {arm} failed:\n{first_error}\n(whole log: {log})")]
    Failed {
        /// The arm.
        arm: String,
        /// The first error of a compiler, with its place.
        first_error: String,
        /// Everything that make said.
        log: PathBuf,
    },
    /// The source was changed while it was to be built.
    #[error("{0} changed while the build waited for another one; start again")]
    SourceChanged(String),
    /// No room.
    #[error("no space left in {0}: free some, or set XDG_CACHE_HOME to a larger disk")]
    DiskFull(PathBuf),
    /// A file of the cache.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// The user asked to stop; make and its children are dead.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl BuildError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| {
            if is_full(&error) {
                return Self::DiskFull(path.into());
            }
            Self::Io { path: path.into(), error }
        }
    }
}

/// Builds arms of one source with one configuration.
#[derive(Debug)]
pub struct Builder {
    dirs: Dirs,
    source: Source,
    config: KernelConfig,
    tools: Tools,
}

/// An arm, as it is to be built.
struct Plan {
    overlay: Overlay,
    requests: Vec<Request>,
    image: Image,
}

impl Builder {
    /// Looks up the compilers.
    ///
    /// # Errors
    /// [`BuildError::Toolchain`] when one is missing.
    pub fn new(dirs: &Dirs, source: &Source, config: &KernelConfig) -> Result<Self, BuildError> {
        let tools = Tools::find(dirs, source.rust == RustSupport::Yes, config.toolchain)?;
        Ok(Self { dirs: dirs.clone(), source: source.clone(), config: config.clone(), tools })
    }

    /// The image of `arm`: from the cache, or built now. Processes that want
    /// images of one source build one after the other.
    ///
    /// # Errors
    /// [`BuildError`]. A failed or interrupted build leaves nothing that would
    /// be taken for an image, and a later one goes on where it stopped.
    pub fn build(
        &self,
        arm: &Arm,
        on_event: &dyn Fn(Event),
        cancel: &Cancel,
    ) -> Result<Image, BuildError> {
        let store = Store { dir: self.dirs.images() };
        let (plan, notes) = self.plan(arm)?;
        for note in notes {
            on_event(Event::Notice(note));
        }
        let named = |image| Image { arm: arm.name.clone(), ..image };
        if let Some(image) = store.find(&plan.image.key) {
            return Ok(named(image));
        }
        let _lock = self.lock(on_event, cancel)?;
        if let Some(image) = store.find(&plan.image.key) {
            return Ok(named(image));
        }
        let started = Instant::now();
        let kernel = self.make(arm, &plan, on_event, cancel)?;
        let image = Image { seconds: started.elapsed().as_secs_f64(), ..plan.image };
        store.publish(&kernel, image).map_err(BuildError::io(&store.dir))
    }

    /// The image of `arm`, if it has been built.
    ///
    /// # Errors
    /// As [`Builder::build`], for an arm that does not fit the source.
    pub fn find(&self, arm: &Arm) -> Result<Option<Image>, BuildError> {
        let store = Store { dir: self.dirs.images() };
        Ok(store.find(&self.plan(arm)?.0.image.key))
    }

    fn plan(&self, arm: &Arm) -> Result<(Plan, Vec<String>), BuildError> {
        let kernel = self.source.provenance.kernel.clone();
        if let (true, RustSupport::Lacks(missing)) = (arm.needs_rust, &self.source.rust) {
            return Err(BuildError::NoRust { arm: arm.name.clone(), kernel, missing });
        }
        let (overlay, notes) =
            arm.overlay(&|path| self.source.pristine(path)).map_err(|error| BuildError::Patch {
                arm: arm.name.clone(),
                kernel,
                error: Box::new(error),
            })?;
        let rust = self.source.rust == RustSupport::Yes;
        let requests = self.config.requests(rust, &arm.options)?;
        let image = self.describe(arm, &overlay, &requests);
        Ok((Plan { overlay, requests, image }, notes))
    }

    /// All that identifies the image, and its key.
    fn describe(&self, arm: &Arm, overlay: &Overlay, requests: &[Request]) -> Image {
        let mut hasher = blake3::Hasher::new();
        overlay.hash(&mut hasher);
        let arm_hash = hasher.finalize().to_hex().to_string();
        let options = config::text(requests);
        let config_hash = blake3::hash(options.as_bytes()).to_hex().to_string();
        let toolchain = self.tools.versions.clone();
        let mut hasher = blake3::Hasher::new();
        for part in [
            &RECIPE.to_string(),
            &self.source.provenance.hash,
            &arm_hash,
            &config_hash,
            &toolchain.cc,
            toolchain.rustc.as_ref().unwrap_or(&String::new()),
            toolchain.bindgen.as_ref().unwrap_or(&String::new()),
        ] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        Image {
            path: PathBuf::new(),
            key: hasher.finalize().to_hex()[..32].to_owned(),
            vmlinux: String::new(),
            arm: arm.name.clone(),
            arm_hash,
            config_hash,
            source: self.source.provenance.clone(),
            toolchain,
            cached: false,
            seconds: 0.0,
        }
    }

    fn lock(&self, on_event: &dyn Fn(Event), cancel: &Cancel) -> Result<Lock, BuildError> {
        let path = self.source.entry.lock_path();
        let what = "another build of this source";
        Lock::take(&path, what, on_event, cancel).map_err(|error| match error {
            LockError::Io(error) => BuildError::io(&path)(error),
            LockError::Cancelled(cancelled) => cancelled.into(),
        })
    }

    /// Under the lock: puts the arm in, configures, compiles.
    fn make(
        &self,
        arm: &Arm,
        plan: &Plan,
        on_event: &dyn Fn(Event),
        cancel: &Cancel,
    ) -> Result<PathBuf, BuildError> {
        let entry = &self.source.entry;
        let now = entry.provenance().map(|provenance| provenance.hash);
        if now.as_ref() != Some(&self.source.provenance.hash) {
            return Err(BuildError::SourceChanged(self.source.provenance.origin.clone()));
        }
        fs::create_dir_all(self.dirs.objects()).map_err(BuildError::io(&self.dirs.objects()))?;
        if free_space(&self.dirs.objects()).is_some_and(|bytes| bytes >> 20 < SPACE_MIB) {
            return Err(BuildError::DiskFull(self.dirs.objects()));
        }
        let key = entry.dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let root = self.dirs.objects().join(format!("{key}-{}", self.config.name));
        let objects = Objects::open(&root, &group(plan), cancel).map_err(|error| match error {
            RunError::Io(error) => BuildError::io(&root)(error),
            RunError::Cancelled(cancelled) => cancelled.into(),
        })?;
        let io = |error| BuildError::io(&objects.dir)(error);
        let tree = self.source.tree();
        tree.sync(&plan.overlay)
            .and_then(|_| tree.settle(&objects.times()))
            .map_err(BuildError::io(&entry.dir))?;

        let log = self.dirs.logs().join(format!("build-{}.log", arm.name));
        fs::create_dir_all(self.dirs.logs()).map_err(BuildError::io(&log))?;
        fs::write(&log, "").map_err(BuildError::io(&log))?;
        let job = Job { builder: self, arm, plan, objects: &objects, log: &log, on_event, cancel };
        objects.begin().map_err(io)?;
        job.configure()?;
        job.compile()?;
        objects.finish().map_err(io)?;
        Ok(objects.dir.join("vmlinux"))
    }
}

/// Where changes are cheap to build.
const BCACHE: &str = "drivers/md/bcache/";

/// Arms of one group differ in bcache's own files only.
fn group(plan: &Plan) -> String {
    let mut elsewhere = Overlay::default();
    for (path, content) in plan.overlay.iter().filter(|(path, _)| !path.starts_with(BCACHE)) {
        elsewhere.set(path, content.clone());
    }
    let mut hasher = blake3::Hasher::new();
    elsewhere.hash(&mut hasher);
    hasher.update(config::text(&plan.requests).as_bytes());
    hasher.finalize().to_hex()[..16].to_owned()
}

/// One build under way.
struct Job<'a> {
    builder: &'a Builder,
    arm: &'a Arm,
    plan: &'a Plan,
    objects: &'a Objects,
    log: &'a Path,
    on_event: &'a dyn Fn(Event),
    cancel: &'a Cancel,
}

impl Job<'_> {
    fn run(
        &self,
        targets: &[&str],
        stage: Stage,
        expected: Option<u64>,
    ) -> Result<Outcome, BuildError> {
        let tree = self.builder.source.entry.tree();
        let make = Make {
            tree: &tree,
            objects: &self.objects.dir,
            tools: &self.builder.tools,
            log: self.log,
        };
        let what = (stage, self.arm.name.as_str());
        let outcome =
            make.run(targets, what, expected, self.on_event, self.cancel).map_err(|error| {
                match error {
                    RunError::Cancelled(cancelled) => cancelled.into(),
                    RunError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                        ToolchainError { what: "make".into() }.into()
                    }
                    RunError::Io(error) => BuildError::io(self.log)(error),
                }
            })?;
        if outcome.success {
            return Ok(outcome);
        }
        if outcome.disk_full {
            return Err(BuildError::DiskFull(self.objects.dir.clone()));
        }
        Err(BuildError::Failed {
            arm: self.arm.name.clone(),
            first_error: outcome.first_error,
            log: self.log.into(),
        })
    }

    /// allnoconfig with our requests on top, then the check that they took.
    /// Skipped while neither they nor any Kconfig file changed.
    fn configure(&self) -> Result<(), BuildError> {
        let io = |error| BuildError::io(&self.objects.dir)(error);
        let requests = config::text(&self.plan.requests);
        let state = self.state(&requests);
        let dot_config = self.objects.dir.join(".config");
        if self.objects.note("configured").as_ref() == Some(&state) && dot_config.exists() {
            return Ok(());
        }
        self.objects.remove_note("configured").map_err(io)?;
        let preset = self.objects.dir.join(".lab-requests");
        fs::write(&preset, &requests).map_err(io)?;
        let preset = format!("KCONFIG_ALLCONFIG={}", preset.display());
        self.run(&[&preset, "allnoconfig"], Stage::Configure, None)?;
        let text = fs::read_to_string(&dot_config).map_err(io)?;
        let tree = self.builder.source.entry.tree();
        config::verify(&self.plan.requests, &text, &|| Kconfig::read(&tree))?;
        self.objects.set_note("configured", &state).map_err(io)
    }

    /// What the configuration depends on.
    fn state(&self, requests: &str) -> String {
        let mut hasher = blake3::Hasher::new();
        let toolchain = &self.builder.tools.versions;
        hasher.update(requests.as_bytes()).update(format!("{toolchain:?}").as_bytes());
        hasher.update(self.builder.source.provenance.hash.as_bytes());
        let mut kconfig = Overlay::default();
        for (path, content) in self.plan.overlay.iter() {
            if path.rsplit('/').next().is_some_and(|name| name.starts_with("Kconfig")) {
                kconfig.set(path, content.clone());
            }
        }
        kconfig.hash(&mut hasher);
        hasher.finalize().to_hex().to_string()
    }

    fn compile(&self) -> Result<(), BuildError> {
        let io = |error| BuildError::io(&self.objects.dir)(error);
        let warm = self.objects.dir.join("vmlinux").exists();
        let note = if warm { "steps-warm" } else { "steps-cold" };
        let known = self.objects.note(note).and_then(|text| text.parse().ok());
        let expected = known.or((!warm).then_some(COLD_STEPS));
        let outcome = self.run(&["vmlinux"], Stage::Compile, expected)?;
        self.objects.set_note(note, &outcome.steps.to_string()).map_err(io)
    }
}

#[cfg(test)]
mod tests;
