// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds arms, or finds that they are built.

use crate::config::{self, KernelConfig, Request};
use crate::error::BuildError;
use crate::event::Event;
use crate::image::{Image, Store};
use crate::make::Outcome;
use crate::make_vars::MakeVars;
use crate::panics;
use crate::site::{self, Order, Site};
use crate::source::{RustSupport, Source};
use crate::toolchain::Tools;
use crate::{Arm, Dirs};
use patch::Overlay;
use proc::Cancel;
use std::path::PathBuf;
use std::time::Instant;

/// Counted up when this code makes another image out of the same input.
const RECIPE: u32 = 2;

/// Builds arms of one source with one configuration.
#[derive(Debug)]
pub struct Builder {
    dirs: Dirs,
    source: Source,
    config: KernelConfig,
    /// Whether kernels are built with it.
    rust: bool,
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
        let rust = source.rust == RustSupport::Yes && !config.refuses_rust();
        let tools = Tools::find(dirs, config.toolchain, &config.make, rust.then_some(source))?;
        Ok(Self { dirs: dirs.clone(), source: source.clone(), config: config.clone(), rust, tools })
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
        let _lock = site::lock(&self.source, on_event, cancel)?;
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
        if arm.needs_rust && !self.rust {
            return Err(BuildError::RustRefused(arm.name.clone()));
        }
        let (overlay, notes) =
            arm.overlay(&|path| self.source.pristine(path)).map_err(|error| BuildError::Patch {
                arm: arm.name.clone(),
                kernel,
                error: Box::new(error),
            })?;
        let requests = self.config.requests(self.rust, &arm.options)?;
        let image = self.describe(arm, &overlay, &requests);
        Ok((Plan { overlay, requests, image }, notes))
    }

    /// All that identifies the image, and its key.
    fn describe(&self, arm: &Arm, overlay: &Overlay, requests: &[Request]) -> Image {
        let arm_hash = overlay.hash();
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

    /// What may be behind a compiler's error that is not the arm's own.
    fn hint(&self, error: &str) -> String {
        let versions = &self.tools.versions;
        // The kernel's own Rust code, as it stands in the source.
        let own_rust = error
            .lines()
            .any(|line| line.trim_start().starts_with("--> ") && line.contains("rust/"));
        if let (true, Some(rustc), Some(bindgen), Some(libclang)) =
            (own_rust, &versions.rustc, &versions.bindgen, self.tools.libclang())
        {
            return format!(
                "\nIs the toolchain too new for Linux {}? It was {rustc} with {bindgen}, which reads \
                 C by the libclang in {}. Others can be named with --make RUSTC=PATH, --make \
                 BINDGEN=PATH and LIBCLANG_PATH=DIR in the environment; arms without Rust also \
                 build with a --config-fragment that says CONFIG_RUST=n.",
                self.source.provenance.kernel,
                libclang.display()
            );
        }
        // gcc's words for its parts, the shell's for a program, make's for a shell (128 + 9).
        if ["Killed signal", "signal 9", "SIGKILL", "Error 137"].iter().any(|w| error.contains(w)) {
            return "\nA compiler got SIGKILL, which the kernel sends where memory is short (a \
                    container's limit counts): give it more, or fewer processors."
                .to_owned();
        }
        String::new()
    }

    /// Under the lock: puts the arm in, configures, compiles.
    fn make(
        &self,
        arm: &Arm,
        plan: &Plan,
        on_event: &dyn Fn(Event),
        cancel: &Cancel,
    ) -> Result<PathBuf, BuildError> {
        let log = self.dirs.logs().join(format!("build-{}.log", arm.name));
        let order = Order {
            dirs: &self.dirs,
            source: &self.source,
            overlay: &plan.overlay,
            requests: &plan.requests,
            tools: &self.tools,
            name: &self.config.name,
            group: &group(plan, &self.config.make),
            log: &log,
            what: &arm.name,
            on_event,
            cancel,
        };
        let site = Site::open(&order)?;
        let failed = |outcome: Outcome| BuildError::Failed {
            arm: arm.name.clone(),
            hint: self.hint(&outcome.first_error),
            first_error: outcome.first_error,
            log: log.clone(),
        };
        if let Some(outcome) = site.configure()? {
            return Err(failed(outcome));
        }
        let outcome = site.compile(&["vmlinux"])?;
        if !outcome.success {
            return Err(failed(outcome));
        }
        site.finish()?;
        must_not_panic(arm, &site, cancel)?;
        Ok(site.product("vmlinux"))
    }
}

/// Looks into the objects of what the arm file adds in Rust.
fn must_not_panic(arm: &Arm, site: &Site<'_>, cancel: &Cancel) -> Result<(), BuildError> {
    for file in arm.rust_files() {
        let calls = panics::calls(&site.objects.dir, file, cancel)
            .map_err(|error| error.or(BuildError::io(&site.product(file))))?;
        if !calls.is_empty() {
            let (arm, source_file) = (arm.name.clone(), file.to_owned());
            return Err(BuildError::Panics { arm, source_file, calls });
        }
    }
    Ok(())
}

/// Where changes are cheap to build.
const BCACHE: &str = "drivers/md/bcache/";

/// What no kernel is made of.
const DOCUMENTATION: &str = "Documentation/";

/// Arms of one group differ in bcache's own files only, and in what is written
/// about them.
fn group(plan: &Plan, vars: &MakeVars) -> String {
    let mut elsewhere = Overlay::default();
    let cheap = |path: &str| path.starts_with(BCACHE) || path.starts_with(DOCUMENTATION);
    for (path, content) in plan.overlay.iter().filter(|(path, _)| !cheap(path)) {
        elsewhere.set(path, content.clone());
    }
    let mut hasher = blake3::Hasher::new();
    elsewhere.feed(&mut hasher);
    hasher.update(config::text(&plan.requests).as_bytes()).update(vars.to_string().as_bytes());
    hasher.finalize().to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests;
