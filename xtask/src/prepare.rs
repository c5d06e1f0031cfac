// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every command that boots something needs: folders, arms, set-up,
//! kernels, guest image, accelerator.

use crate::flags::{AccelArg, KernelArgs, SessionArgs};
use crate::ui::{Stage, Ui};
use crate::{exit, near};
use anyhow::{Context, Result};
use evidence::nightly::Unbuilt;
use evidence::{ArmRecord, ConfigRecord, GuestRecord, QemuRecord, SourceRecord, ToolchainRecord};
use kbuild::setup::{self, Fix, Scope, SetupError};
use kbuild::{
    Arm, Builder, CcKind, Dirs, Event, Host, Image, KernelConfig, MakeVars, Occasion, Provenance,
    Source, SourceSpec,
};
use lab::{ArmImage, Tools};
use proc::{Cancel, first_line, shell};
use std::path::{Path, PathBuf};
use std::time::Duration;
use vm::{Accel, Probe, ProbeEvent};
use xshell::cmd;

/// Longest time that a working KVM may take to boot the guest.
const KVM_DEADLINE: Duration = Duration::from_secs(10);

/// Everything a run boots, with its provenance.
pub struct Prepared {
    pub images: Vec<ArmImage>,
    pub arm_records: Vec<ArmRecord>,
    pub tools: Tools,
    pub qemu: QemuRecord,
    pub source: SourceRecord,
    pub config: ConfigRecord,
    pub toolchain: ToolchainRecord,
    pub guest: GuestRecord,
}

/// The checkout that this program was built from, and the user's cache.
pub fn dirs() -> Result<Dirs> {
    let repo = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .filter(|repo| repo.join("kernel/arms").is_dir())
        .context("the checkout that this tool was built in has gone: run it through cargo xtask")?;
    Ok(Dirs::new(repo))
}

/// The lab's own arms.
pub fn all_arms(dirs: &Dirs) -> Result<Vec<Arm>> {
    Arm::all(dirs).map_err(arm_error)
}

/// The lab's own arms that a run takes unasked.
pub fn arms_of(dirs: &Dirs, occasion: Occasion) -> Result<Vec<Arm>> {
    let mut arms = all_arms(dirs)?;
    arms.retain(|arm| arm.is_in(occasion));
    Ok(arms)
}

fn arm_error(error: kbuild::ArmError) -> anyhow::Error {
    exit::usage(format!("{:#}", anyhow::Error::new(error)))
}

/// Names of the lab's kernel configurations.
pub fn all_configs(dirs: &Dirs) -> Vec<String> {
    KernelConfig::list(dirs)
}

/// The arms that were asked for: `NAME`, or `NAME=PATH` for the user's own.
pub fn choose_arms(dirs: &Dirs, wanted: &[String]) -> Result<Vec<Arm>> {
    if wanted.is_empty() {
        return arms_of(dirs, Occasion::Default);
    }
    let known = Arm::list(dirs);
    let mut arms: Vec<Arm> = Vec::new();
    for word in wanted {
        let arm = match word.split_once('=') {
            Some((name, path)) => Arm::from_path(dirs, name, Path::new(path)),
            None if !known.contains(word) => return Err(no_arm(word, &known)),
            None => Arm::load(dirs, word),
        }
        .map_err(arm_error)?;
        if arms.iter().any(|other| other.name == arm.name) {
            return Err(exit::usage(format!("arm {:?} is named twice", arm.name)));
        }
        arms.push(arm);
    }
    Ok(arms)
}

fn no_arm(word: &str, known: &[String]) -> anyhow::Error {
    let near = near::suggestion(word, known.iter().map(String::as_str));
    let whole: Vec<&str> =
        known.iter().map(String::as_str).filter(|name| !name.starts_with("mutant-")).collect();
    exit::usage(format!(
        "no arm {word:?}{near}; there are {}, and mutants (`cargo xtask list`); a patch of yours is \
         NAME=PATH",
        whole.join(", ")
    ))
}

/// Turns the builder's events into progress of one stage.
pub fn relay<'a>(ui: &'a Ui, stage: &'a Stage<'_>) -> impl Fn(Event) + 'a {
    move |event| match event {
        Event::Progress { what, done, total, unit } => {
            stage.counted(done, total.unwrap_or(0), unit, &what);
        }
        Event::Notice(text) => ui.say(&text),
    }
}

/// Finds what is wrong with the kernel options before anything slow begins.
pub fn check_kernel_args(dirs: &Dirs, kernel: &KernelArgs) -> Result<()> {
    kernel_config(dirs, kernel)?;
    if let Some(given) = &kernel.kernel_src {
        SourceSpec::parse(given).map_err(source_error)?;
    }
    Ok(())
}

/// Machines at once by default: each has two processors, but waits most of
/// the time.
pub fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4))
}

/// What is missing on this machine, then everything that `arms` need.
pub fn ready(
    dirs: &Dirs,
    arms: &[Arm],
    session: &SessionArgs,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<Prepared> {
    set_up(dirs, &session.kernel, session.no_install, ui, cancel)?;
    let mut ready = prepare(dirs, arms, &session.kernel, session.accel, ui, cancel)?;
    ready.tools.jobs = session.jobs.map_or_else(default_jobs, |jobs| jobs as usize);
    Ok(ready)
}

/// Everything that `arms` need, built or found in the cache.
pub fn prepare(
    dirs: &Dirs,
    arms: &[Arm],
    kernel: &KernelArgs,
    accel: AccelArg,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<Prepared> {
    let config = kernel_config(dirs, kernel)?;
    let images = build_arms(dirs, arms, kernel, ui, cancel)?;
    let guest = guest_image(dirs, ui, cancel)?;
    let first = images.first().context("no arm to run")?;
    let accel = choose_accel(dirs, accel, first, &guest, ui, cancel)?;
    Ok(Prepared {
        arm_records: arms.iter().zip(&images).map(|(arm, image)| arm_record(arm, image)).collect(),
        tools: tools(dirs, config, guest.path, accel),
        qemu: QemuRecord {
            version: qemu_version()?,
            accelerator: accel.to_string().to_lowercase(),
        },
        source: source_record(&first.source),
        config: ConfigRecord { name: kernel.config.clone(), hash: first.config_hash.clone() },
        toolchain: ToolchainRecord {
            cc: first.toolchain.cc.clone(),
            rustc: first.toolchain.rustc.clone(),
            bindgen: first.toolchain.bindgen.clone(),
        },
        guest: GuestRecord { hash: guest.key, fio: guest.fio_version },
        images: images
            .into_iter()
            .map(|image| ArmImage { name: image.arm, kernel: image.path })
            .collect(),
    })
}

/// Where a kernel's source comes from, as in a run's record.
pub fn source_record(source: &Provenance) -> SourceRecord {
    SourceRecord {
        origin: source.origin.clone(),
        kernel_version: source.kernel.clone(),
        hash: source.hash.clone(),
    }
}

/// What kernels of a configuration are played with.
pub fn tools(dirs: &Dirs, config: KernelConfig, initramfs: PathBuf, accel: Accel) -> Tools {
    Tools::new(config, initramfs, accel, &dirs.repo.join("workloads"))
}

fn arm_record(arm: &Arm, image: &Image) -> ArmRecord {
    ArmRecord {
        name: arm.name.clone(),
        title: arm.title.clone(),
        role: Some(arm.role),
        about: arm.about.clone(),
        hash: image.arm_hash.clone(),
        image: image.key.clone(),
        vmlinux: Some(image.vmlinux.clone()),
    }
}

/// A kernel per arm, from the cache where it has been built before.
pub fn build_arms(
    dirs: &Dirs,
    arms: &[Arm],
    kernel: &KernelArgs,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<Vec<Image>> {
    let config = kernel_config(dirs, kernel)?;
    let source = obtain_source(dirs, kernel, ui, cancel)?;
    let builder = Builder::new(dirs, &source, &config).map_err(build_error)?;
    // A patch that does not apply is known before the first kernel is built.
    for arm in arms {
        builder.find(arm).map_err(build_error)?;
    }
    let mut images = Vec::new();
    for arm in arms {
        let stage = ui.stage(&format!("kernel {}", arm.name));
        let image = builder.build(arm, &relay(ui, &stage), cancel).map_err(build_error)?;
        stage.done(if image.cached { "in the cache" } else { "built" });
        images.push(image);
    }
    Ok(images)
}

/// Builds what can be built: the arms that have a kernel, and why the others
/// have none (a patch that does not apply, or does not compile).
pub fn build_what_fits(
    dirs: &Dirs,
    arms: Vec<Arm>,
    kernel: &KernelArgs,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<(Vec<Arm>, Vec<Unbuilt>, SourceRecord)> {
    use kbuild::BuildError as E;
    let config = kernel_config(dirs, kernel)?;
    let source = obtain_source(dirs, kernel, ui, cancel)?;
    let builder = Builder::new(dirs, &source, &config).map_err(build_error)?;
    let (mut fit, mut unbuilt) = (Vec::new(), Vec::new());
    for arm in arms {
        let stage = ui.stage(&format!("kernel {}", arm.name));
        let built = builder.build(&arm, &relay(ui, &stage), cancel);
        let (what, why) = match built {
            Ok(image) => {
                stage.done(if image.cached { "in the cache" } else { "built" });
                fit.push(arm);
                continue;
            }
            Err(E::Patch { error, .. }) => ("does not apply", error.to_string()),
            Err(error @ (E::NoRust { .. } | E::RustRefused(_))) => {
                ("needs Rust in the kernel", error.to_string())
            }
            Err(E::Failed { first_error, .. }) => ("does not build", first_error),
            Err(other) => return Err(build_error(other)),
        };
        stage.done(what);
        unbuilt.push(Unbuilt { arm: arm.name, what: what.to_owned(), why });
    }
    Ok((fit, unbuilt, source_record(&source.provenance)))
}

/// `kernel-config/NAME.toml`.
pub fn load_config(dirs: &Dirs, name: &str) -> Result<KernelConfig> {
    let near = || near::suggestion(name, all_configs(dirs).iter().map(String::as_str));
    KernelConfig::load(dirs, name).map_err(|error| exit::usage(format!("{error}{}", near())))
}

/// That, with what the user adds to it.
fn kernel_config(dirs: &Dirs, kernel: &KernelArgs) -> Result<KernelConfig> {
    let mut config = load_config(dirs, &kernel.config)?;
    for fragment in &kernel.own.fragments {
        config.add_fragment(fragment).map_err(|error| exit::usage(error.to_string()))?;
    }
    config.make =
        MakeVars::parse(&kernel.own.make).map_err(|error| exit::usage(error.to_string()))?;
    Ok(config)
}

fn obtain_source(dirs: &Dirs, kernel: &KernelArgs, ui: &Ui, cancel: &Cancel) -> Result<Source> {
    let spec = match &kernel.kernel_src {
        None => SourceSpec::Newest,
        Some(given) => SourceSpec::parse(given).map_err(source_error)?,
    };
    let stage = ui.stage("kernel source");
    let source = Source::obtain(&spec, dirs, &relay(ui, &stage), cancel).map_err(source_error)?;
    stage.done(&format!("{} ({})", source.provenance.kernel, source.provenance.origin));
    Ok(source)
}

/// What the user can mend in the command line is usage; the rest is trouble.
pub fn source_error(error: kbuild::SourceError) -> anyhow::Error {
    use kbuild::SourceError as E;
    match error {
        E::Spec { .. }
        | E::Dirty { .. }
        | E::NoCommit { .. }
        | E::Partial { .. }
        | E::NotKernel { .. }
        | E::NoBcache { .. } => exit::usage(error.to_string()),
        E::Cancelled(cancelled) => cancelled.into(),
        E::Apt(_) => exit::setup(format!("the kernel source cannot be fetched: {error}")),
        other => anyhow::Error::new(other).context("cannot use the kernel source"),
    }
}

/// The exit code that an error of a build deserves.
pub fn build_error(error: kbuild::BuildError) -> anyhow::Error {
    use kbuild::BuildError as E;
    match error {
        E::Patch { .. } | E::NoRust { .. } | E::RustRefused(_) | E::Config(_) => {
            exit::usage(error.to_string())
        }
        E::Toolchain(_) | E::RustUnavailable { .. } => exit::setup(error.to_string()),
        E::Cancelled(cancelled) => cancelled.into(),
        other => anyhow::Error::new(other),
    }
}

/// The guest's initramfs, built or from the cache.
pub fn guest_image(dirs: &Dirs, ui: &Ui, cancel: &Cancel) -> Result<image::GuestImage> {
    let stage = ui.stage("guest image");
    let on_event = |event: image::ImageEvent| stage.now(&describe(&event));
    let places = image::ImageDirs { repo: dirs.repo.clone(), cache: dirs.cache.clone() };
    let built = image::build(&places, &on_event, cancel).map_err(|error| match error {
        image::ImageError::Cancelled(cancelled) => anyhow::Error::from(cancelled),
        image::ImageError::Missing { .. } => exit::setup(error.to_string()),
        other => anyhow::Error::new(other).context("cannot make the guest image"),
    })?;
    let mib = built.bytes as f64 / f64::from(1 << 20);
    stage.done(&format!("{mib:.1} MiB with {}", built.fio_version));
    Ok(built)
}

fn describe(event: &image::ImageEvent) -> String {
    use image::ImageEvent as E;
    match event {
        E::BuildingAgent => "building the agent".to_owned(),
        E::Fetching(debian::Event::Notice(text)) => text.clone(),
        E::Fetching(_) => "fetching Debian's packages for the guest".to_owned(),
        E::BuildingFio { version } => format!("building fio {version}"),
        E::Ready { .. } => String::new(),
    }
}

/// The accelerator that was asked for, or the one that works.
pub fn choose_accel(
    dirs: &Dirs,
    wanted: AccelArg,
    kernel: &Image,
    guest: &image::GuestImage,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<Accel> {
    if wanted == AccelArg::Tcg {
        return Ok(Accel::Tcg);
    }
    let probe = Probe {
        kernel: kernel.path.clone(),
        initramfs: guest.path.clone(),
        cache: dirs.cache.clone(),
        deadline: KVM_DEADLINE,
    };
    let mut reason = String::new();
    let mut say = |event: ProbeEvent| match event {
        ProbeEvent::Trying => ui.say("accelerator: trying KVM with a real boot"),
        ProbeEvent::Chosen { accel, why, cached } => {
            let known = if cached { ", as found earlier" } else { "" };
            reason = format!("{why}{known}");
            ui.say(&format!("accelerator: {accel} ({reason})"));
        }
    };
    match vm::accelerator(&probe, &mut say, cancel) {
        Ok(Accel::Tcg) if wanted == AccelArg::Kvm => Err(exit::setup(format!(
            "--accel kvm: {reason}; `cargo xtask setup --try-kvm` tries again, and prints what to \
             report"
        ))),
        Ok(accel) => Ok(accel),
        Err(vm::VmError::Cancelled) => Err(proc::Cancelled.into()),
        Err(error) => Err(anyhow::Error::new(error).context("cannot probe the accelerator")),
    }
}

/// First line of `qemu-system-x86_64 --version`.
pub fn qemu_version() -> Result<String> {
    let sh = shell().context("the working directory has gone")?;
    let missing = "qemu-system-x86_64 does not start; `cargo xtask setup` installs it";
    first_line(cmd!(sh, "qemu-system-x86_64 --version")).ok_or_else(|| exit::setup(missing))
}

/// What a kernel of this configuration takes.
pub fn scope(config: &KernelConfig) -> Scope {
    match config.toolchain {
        CcKind::Gcc => Scope::Run,
        CcKind::Clang => Scope::Clang,
    }
}

/// As [`scope`], by the configuration's name; one that is not there is found
/// out elsewhere.
pub fn scope_of(dirs: &Dirs, config: &str) -> Scope {
    load_config(dirs, config).map_or(Scope::Run, |config| scope(&config))
}

/// Installs what a run on kernels of this configuration needs; with
/// `no_install`, says what is missing.
pub fn set_up(
    dirs: &Dirs,
    kernel: &KernelArgs,
    no_install: bool,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<()> {
    let config = kernel_config(dirs, kernel)?;
    complete(dirs, scope(&config), no_install, ui, cancel)
}

/// As [`set_up`], with the foreign clients that the tests use.
pub fn set_up_for_tests(dirs: &Dirs, ui: &Ui, cancel: &Cancel) -> Result<()> {
    complete(dirs, Scope::Test, false, ui, cancel)
}

/// Installs what `scope` needs; with `no_install`, says what is missing.
pub fn complete(
    dirs: &Dirs,
    scope: Scope,
    no_install: bool,
    ui: &Ui,
    cancel: &Cancel,
) -> Result<()> {
    let host = Host::running();
    setup::check_fit(&host, dirs).map_err(setup_error)?;
    let survey = setup::survey(&host, dirs, scope);
    if survey.is_complete() {
        return Ok(());
    }
    for (item, fix) in survey.missing() {
        ui.say(&format!("missing: {} ({}): {}", item.name, item.purpose, fix_in_words(fix)));
    }
    if no_install {
        return Err(exit::setup(incomplete(scope)));
    }
    let stage = ui.stage("set-up");
    setup::complete(&survey, dirs, &relay(ui, &stage), cancel).map_err(setup_error)?;
    stage.done("complete");
    Ok(())
}

/// What is wrong, with the command that mends it.
pub fn incomplete(scope: Scope) -> String {
    let command = match scope {
        Scope::Run => "cargo xtask setup",
        Scope::Test => "cargo xtask setup --tests",
        Scope::Clang => "cargo xtask setup --config kasan",
    };
    format!("the set-up is incomplete; `{command}` completes it")
}

/// What would make a missing thing appear.
pub fn fix_in_words(fix: &Fix) -> String {
    match fix {
        Fix::Packages(packages) => format!("package {}", packages.join(", ")),
        Fix::CargoInstall => "compiled with cargo into the cache".to_owned(),
        Fix::ByHand(what) => what.clone(),
    }
}

pub fn setup_error(error: SetupError) -> anyhow::Error {
    match error {
        SetupError::Cancelled(cancelled) => cancelled.into(),
        other => exit::setup(other.to_string()),
    }
}
