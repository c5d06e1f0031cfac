// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a kernel is built: a source with an overlay in it, and an object tree.

use crate::Dirs;
use crate::config::{self, ConfigError, Request};
use crate::error::BuildError;
use crate::event::{Event, waiting};
use crate::files::free_space;
use crate::kconfig::Kconfig;
use crate::make::{Make, Outcome};
use crate::objects::Objects;
use crate::source::Source;
use crate::toolchain::{ToolchainError, Tools};
use patch::Overlay;
use proc::{Cancel, FileLock};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Room for an object tree and its images.
const SPACE_MIB: u64 = 1200;

/// Lines of progress that a cold build prints, before one was seen.
const COLD_STEPS: u64 = 1300;

/// Waits until nobody else builds from `source`. Its files are ours as long
/// as the lock is held.
///
/// # Errors
/// Cancelled, or the file system's.
pub fn lock(
    source: &Source,
    on_event: &dyn Fn(Event),
    cancel: &Cancel,
) -> Result<FileLock, BuildError> {
    let path = source.entry.lock_path();
    let told = waiting(on_event, "another build of this source");
    FileLock::take(&path, cancel, told).map_err(|error| error.or(BuildError::io(&path)))
}

/// What is to be built, and who is told.
pub struct Order<'a> {
    pub dirs: &'a Dirs,
    pub source: &'a Source,
    /// What is put into it.
    pub overlay: &'a Overlay,
    pub requests: &'a [Request],
    pub tools: &'a Tools,
    /// The object trees' folder: the name of a configuration, or of another
    /// use that shares none with it.
    pub name: &'a str,
    /// The object tree in there.
    pub group: &'a str,
    /// Everything that make says is added to it.
    pub log: &'a Path,
    pub what: &'a str,
    pub on_event: &'a dyn Fn(Event),
    /// The user's wish to stop.
    pub cancel: &'a Cancel,
}

/// What bindgen makes of the kernel's headers (rust/Makefile).
const GENERATED: [&str; 3] = [
    "rust/bindings/bindings_generated.rs",
    "rust/bindings/bindings_helpers_generated.rs",
    "rust/uapi/uapi_generated.rs",
];

/// A source made what the order says, and its object tree; the caller holds
/// the source's lock.
pub struct Site<'a> {
    order: &'a Order<'a>,
    pub(crate) objects: Objects,
}

impl<'a> Site<'a> {
    /// Puts the overlay into the source and opens the object tree.
    ///
    /// # Errors
    /// No room, or a source that was changed meanwhile.
    pub fn open(order: &'a Order<'a>) -> Result<Self, BuildError> {
        let entry = &order.source.entry;
        let now = entry.provenance().map(|provenance| provenance.hash);
        if now.as_ref() != Some(&order.source.provenance.hash) {
            return Err(BuildError::SourceChanged(order.source.provenance.origin.to_string()));
        }
        let all = order.dirs.objects();
        fs::create_dir_all(&all).map_err(BuildError::io(&all))?;
        if free_space(&all).is_some_and(|bytes| bytes >> 20 < SPACE_MIB) {
            return Err(BuildError::DiskFull(all));
        }
        let key = entry.dir.file_name().unwrap_or_default().to_string_lossy();
        let root = all.join(format!("{key}-{}", order.name));
        let objects = Objects::open(&root, order.group, order.cancel)
            .map_err(|error| error.or(BuildError::io(&root)))?;
        let tree = order.source.tree();
        tree.sync(order.overlay)
            .and_then(|_| tree.settle(&objects.times()))
            .map_err(BuildError::io(&entry.dir))?;
        let logs = order.log.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(logs)
            .and_then(|()| fs::write(order.log, ""))
            .map_err(BuildError::io(order.log))?;
        objects.begin().map_err(BuildError::io(&objects.dir))?;
        Ok(Self { order, objects })
    }

    /// Declares that what was asked for has been made.
    ///
    /// # Errors
    /// The file system's.
    pub fn finish(&self) -> Result<(), BuildError> {
        self.objects.finish().map_err(BuildError::io(&self.objects.dir))
    }

    /// A file of the object tree.
    pub(crate) fn product(&self, path: &str) -> PathBuf {
        self.objects.dir.join(path)
    }

    /// Runs make; its failure is an outcome, a full disk is not.
    fn make(&self, targets: &[&str], expected: &[u64]) -> Result<Outcome, BuildError> {
        let order = self.order;
        let tree = order.source.entry.tree();
        let (objects, log) = (&self.objects.dir, order.log);
        let make = Make { tree: &tree, objects, tools: order.tools, log };
        let outcome = make
            .run(targets, order.what, expected, order.on_event, order.cancel)
            .map_err(|error| {
                error.or(|error| match error.kind() {
                    io::ErrorKind::NotFound => ToolchainError::Missing("make".into()).into(),
                    _ => BuildError::io(order.log)(error),
                })
            })?;
        if outcome.disk_full {
            return Err(BuildError::DiskFull(self.objects.dir.clone()));
        }
        Ok(outcome)
    }

    /// allnoconfig with our requests on top, then the check that they took.
    /// Skipped while neither they nor any Kconfig file changed. A make that
    /// failed is an outcome.
    ///
    /// # Errors
    /// [`BuildError::Config`] for options that did not take, a full disk.
    pub fn configure(&self) -> Result<Option<Outcome>, BuildError> {
        let io = |error| BuildError::io(&self.objects.dir)(error);
        self.forget_bindings().map_err(io)?;
        let requests = config::text(self.order.requests);
        let state = self.state(&requests);
        let dot_config = self.product(".config");
        if self.objects.note("configured").as_ref() == Some(&state) && dot_config.exists() {
            return Ok(None);
        }
        self.objects.remove_note("configured").map_err(io)?;
        let preset = self.product(".lab-requests");
        fs::write(&preset, &requests).map_err(io)?;
        let preset = format!("KCONFIG_ALLCONFIG={}", preset.display());
        let outcome = self.make(&[&preset, "allnoconfig"], &[])?;
        if !outcome.success {
            return Ok(Some(outcome));
        }
        let text = fs::read_to_string(&dot_config).map_err(io)?;
        let tree = self.order.source.entry.tree();
        let verified = config::verify(self.order.requests, &text, &|| Kconfig::read(&tree));
        verified.map_err(|error| self.without_rust(error))?;
        self.objects.set_note("configured", &state).map_err(io)?;
        Ok(None)
    }

    /// Removes what bindgen has written by another libclang than this one: no
    /// command of make's names it, so make would keep it.
    fn forget_bindings(&self) -> io::Result<()> {
        let Some(dir) = self.order.tools.libclang() else { return Ok(()) };
        let dir = dir.display().to_string();
        match self.objects.note("libclang") {
            Some(last) if last == dir => return Ok(()),
            // Of a tree that is older than the note nothing is known but that it was built.
            None => {}
            Some(_) => {
                for file in GENERATED {
                    match fs::remove_file(self.product(file)) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                        _ => {}
                    }
                }
            }
        }
        self.objects.set_note("libclang", &dir)
    }

    /// Where it is Rust that the source does not take, the source's own words
    /// for why (scripts/rust_is_available.sh).
    fn without_rust(&self, error: ConfigError) -> BuildError {
        let ConfigError::Lost(lost) = &error else { return error.into() };
        if lost.iter().all(|option| option.name != "CONFIG_RUST") {
            return error.into();
        }
        let said = self.make(&["rustavailable"], &[]).map(|outcome| outcome.stars);
        let versions = &self.order.tools.versions;
        match said {
            Ok(said) if !said.is_empty() => BuildError::RustUnavailable {
                kernel: self.order.source.provenance.kernel.clone(),
                rustc: versions.rustc.clone().unwrap_or_default(),
                bindgen: versions.bindgen.clone().unwrap_or_default(),
                said: said.join("\n"),
            },
            _ => error.into(),
        }
    }

    /// What the configuration depends on.
    fn state(&self, requests: &str) -> String {
        let order = self.order;
        let mut hasher = blake3::Hasher::new();
        hasher.update(requests.as_bytes()).update(format!("{:?}", order.tools.versions).as_bytes());
        hasher.update(order.source.provenance.hash.as_bytes());
        let mut kconfig = Overlay::default();
        for (path, content) in order.overlay.iter() {
            if path.rsplit('/').next().is_some_and(|name| name.starts_with("Kconfig")) {
                kconfig.set(path, content.clone());
            }
        }
        kconfig.feed(&mut hasher);
        hasher.finalize().to_hex().to_string()
    }

    /// Runs make for `targets` and remembers how many steps that takes.
    ///
    /// # Errors
    /// A full disk, or no make; its failure is an outcome.
    pub fn compile(&self, targets: &[&str]) -> Result<Outcome, BuildError> {
        let known = |note| self.objects.note(note).and_then(|text| text.parse().ok());
        let all = known("steps-cold").unwrap_or(COLD_STEPS);
        // Another compiler builds all of it again, whatever is there.
        let expected = match known("steps-warm") {
            _ if !self.product("vmlinux").exists() => vec![all],
            Some(warm) => vec![warm, all],
            None => vec![],
        };
        let outcome = self.make(targets, &expected)?;
        if let Some(first) = outcome.warnings.first() {
            let (what, count) = (self.order.what, outcome.warnings.len());
            let text = format!("{what}: {count} warnings in bcache, the first: {first}");
            (self.order.on_event)(Event::Notice(text));
        }
        if outcome.success {
            let note = if outcome.steps > all / 2 { "steps-cold" } else { "steps-warm" };
            self.objects
                .set_note(note, &outcome.steps.to_string())
                .map_err(BuildError::io(&self.objects.dir))?;
        }
        Ok(outcome)
    }
}
